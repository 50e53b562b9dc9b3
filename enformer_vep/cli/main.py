"""The `enformer-vep` command: finds the commands, runs one, and turns errors into exit codes."""

import importlib
import os
import sys
from collections.abc import Sequence

import click

from enformer_vep import __version__
from enformer_vep.cli.logs import set_up_logging, verbosity_options
from enformer_vep.cli.process import replace_missing_streams, wait_with_patience
from enformer_vep.errors import EnformerVepError
from enformer_vep.files.signals import INTERRUPTED, StoppedError, stopped_in_order

# Command name to the module and function that hold it: a command's module is imported only to run or list it.
COMMANDS = {
    "score": ("enformer_vep.cli.score", "score"),
    "attention": ("enformer_vep.cli.attention", "attention"),
    "calibrate": ("enformer_vep.cli.calibrate", "calibrate"),
    "merge": ("enformer_vep.cli.merge", "merge"),
    "export": ("enformer_vep.cli.export", "export"),
    "priors": ("enformer_vep.cli.priors", "priors"),
    "plan": ("enformer_vep.cli.plan", "plan"),
    "contributions": ("enformer_vep.cli.contributions", "contributions"),
    "saturate": ("enformer_vep.cli.saturate", "saturate"),
    "tracks": ("enformer_vep.cli.tracks", "tracks"),
    "models": ("enformer_vep.cli.models", "models"),
    "verify": ("enformer_vep.cli.verify", "verify"),
    "download": ("enformer_vep.cli.download", "download"),
    "convert": ("enformer_vep.cli.convert", "convert"),
    "train": ("enformer_vep.cli.train", "train"),
    "evaluate": ("enformer_vep.cli.evaluate", "evaluate"),
    "eqtl": ("enformer_vep.cli.eqtl", "eqtl"),
    "enhancers": ("enformer_vep.cli.enhancers", "enhancers"),
    "boundaries": ("enformer_vep.cli.boundaries", "boundaries"),
    "random-model": ("enformer_vep.cli.random_model", "random_model"),
    "completion": ("enformer_vep.cli.completion", "completion"),
}


class ClosedPipe(Exception):  # noqa: N818 (nothing went wrong)
    """The reader of standard output went away."""


class CommandGroup(click.Group):
    """Loads commands when they are asked for and gives each the options that all share."""

    def invoke(self, context: click.Context) -> object:
        """Run the command; click itself would turn a closed pipe into exit code 1."""
        try:
            return super().invoke(context)
        except BrokenPipeError:
            raise ClosedPipe from None

    def list_commands(self, context: click.Context) -> list[str]:
        """Names in the order a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import the command's module."""
        if name not in COMMANDS:
            return None
        module, function = COMMANDS[name]
        command: click.Command = getattr(importlib.import_module(module), function)
        command.name = name
        _complete(command, name)
        return command


def _complete(command: click.Command, name: str) -> None:
    """Adds the options that all share, and every option's environment variable; subcommands included."""
    if not any(option.name == "quiet" for option in command.params):
        command.params.extend(verbosity_options())
    for option in command.params:
        if isinstance(option, click.Option):
            # click's own names follow the parameter: REVERSE_COMPLEMENT for --rc.
            option.envvar = _variable(name, option)
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            _complete(subcommand, f"{name}_{subcommand.name}")


def _variable(command: str, option: click.Option) -> str:
    """Environment variable of an option, by its long name: ENFORMER_VEP_SCORE_BATCH_SIZE."""
    flag = max(option.opts, key=len).lstrip("-")
    return f"ENFORMER_VEP_{command}_{flag}".replace("-", "_").upper()


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="enformer-vep", message="%(prog)s %(version)s")
def main() -> None:
    """Score genetic variants with Enformer: a VCF and a genome in, a table out.

    \b
    enformer-vep score variants.vcf.gz --fasta hg38.fa > scores.tsv

    Every option can also be set as an environment variable, for example ENFORMER_VEP_SCORE_FASTA.
    """


def run(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script.

    Exit codes: 0 done, 1 data or I/O error, 2 usage error, 130 interrupted, 143 stopped by SIGTERM; a closed
    pipe ends quietly.

    Args:
        arguments: Command line without the program's name; the process's own when None.
    """
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    replace_missing_streams()
    wait_with_patience()
    set_up_logging(0)
    try:
        with stopped_in_order():
            # Of a command that ends with `Context.exit` click gives the code back.
            code: object = main.main(arguments, "enformer-vep", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted: run the same command again to go on (a file takes its name when complete)")
        return INTERRUPTED
    except StoppedError as error:
        _say(str(error))
        return error.exit_code
    except ClosedPipe:
        return _close_quietly()
    except EnformerVepError as error:
        _say(f"error: {error}")
        return error.exit_code
    except OSError as error:
        _say(f"error: {error.filename or 'input or output'}: {error.strerror or error}")
        return 1
    return code if isinstance(code, int) else 0


def _say(message: str) -> None:
    click.echo(f"enformer-vep: {message}", err=True)


def _close_quietly() -> int:
    """The reader went away (`| head`): no more output, and no complaint when Python flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
