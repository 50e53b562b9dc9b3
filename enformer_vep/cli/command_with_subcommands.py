"""A command that does something by itself and has subcommands as well."""

from typing import Any

import click


class CommandWithSubcommands(click.Group):
    """Where the first word is the name of a subcommand, that one runs; otherwise the command itself.

    click's own groups would take options and arguments of the command before the subcommand's name.
    """

    allow_extra_args = False
    allow_interspersed_args = True

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the words of whichever command they are for."""
        if args and args[0] in self.commands:
            name, *rest = args
            return self.commands[name].make_context(f"{info_name} {name}", rest, parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As a command that is no group."""
        return click.Command.parse_args(self, ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As a command that is no group."""
        return click.Command.invoke(self, ctx)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """As of a command that is no group."""
        return click.Command.collect_usage_pieces(self, ctx)
