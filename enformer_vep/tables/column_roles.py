"""Which column of a delimited table is what: by usual names, or as the user says."""

from collections.abc import Mapping, Sequence

from enformer_vep.errors import InputError, UsageError

Aliases = Mapping[str, tuple[str, ...]]
"""Role to names of its column in small letters; of several that fit, the one that stands first is taken."""


def find_columns(
    header: Sequence[str], aliases: Aliases, chosen: Sequence[tuple[str, str]] = (), *, source: str
) -> dict[str, str]:
    """Finds the column of every role; pairs of (role, column name) that were chosen override the aliases.

    Args:
        header: Names as written; upper and lower case are the same.
        aliases: The roles.
        chosen: As from `parse_column`.
        source: What messages call the table.

    Returns:
        Role to column name as written; roles without a column are absent.

    Raises:
        UsageError: An unknown role was chosen.
        InputError: A chosen column is not there, or two columns have the same name.
    """
    written = {name.casefold(): name for name in header}
    if len(written) < len(header):
        twice = next(name for name in written if sum(other.casefold() == name for other in header) > 1)
        raise InputError(f"{source}: two columns are called {twice} (upper or lower case); rename one")
    found = {
        role: next(written[name] for name in names if name in written)
        for role, names in aliases.items()
        if any(name in written for name in names)
    }
    return found | {role: _chosen_column(role, name, aliases, written, source) for role, name in chosen}


def parse_column(text: str) -> tuple[str, str]:
    """Reads "pip=PIP_SUSIE".

    Raises:
        UsageError: It is not ROLE=NAME.
    """
    role, separator, name = text.partition("=")
    if not separator or not name:
        raise UsageError(f"cannot read --column {text}: write ROLE=NAME, such as pip=PIP_SUSIE")
    return role.strip().casefold(), name.strip()


def _chosen_column(role: str, name: str, aliases: Aliases, written: Mapping[str, str], source: str) -> str:
    if role not in aliases:
        raise UsageError(f"--column {role}={name}: no such role; choose from {', '.join(aliases)}")
    if name.casefold() not in written:
        raise InputError(f"{source} has no column {name}; name one of {', '.join(written.values())}")
    return written[name.casefold()]
