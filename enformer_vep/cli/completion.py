"""`enformer-vep completion`."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the shell code that completes commands and options.

    \b
    bash: enformer-vep completion bash >> ~/.bashrc
    zsh:  enformer-vep completion zsh >> ~/.zshrc
    fish: enformer-vep completion fish > ~/.config/fish/completions/enformer-vep.fish
    """
    group = click.get_current_context().find_root().command
    generator = get_completion_class(shell)
    assert generator is not None, "click knows every shell that the choice offers"
    click.echo(generator(group, {}, "enformer-vep", "_ENFORMER_VEP_COMPLETE").source())
