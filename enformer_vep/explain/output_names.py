"""Names of files of which a run writes several: placeholders in a name stand for windows, targets, tracks."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from enformer_vep.errors import UsageError
from enformer_vep.files.writing import require_writable

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._+-]+")


def fill_name(template: str, words: Mapping[str, str]) -> str:
    """Put words in the places of placeholders; what names of files should not have becomes _."""
    for placeholder, word in words.items():
        template = template.replace(placeholder, _NOT_IN_NAMES.sub("_", word))
    return template


def require_distinct(option: str, unit: str, names: Sequence[str], placeholders: Sequence[str]) -> None:
    """Find out before any work is done that a name would be written twice, or cannot be written.

    Args:
        option: That gave the name, for the message.
        unit: What a file holds, in the singular.
        names: Of all files.
        placeholders: That tell the files apart.

    Raises:
        UsageError: Two files have one name.
        OutputError: The first cannot be written.
    """
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise UsageError(
            f"{option}: {count} {unit}s would be written to {name}: put {', '.join(placeholders)} into its name"
        )
    for first in names[:1]:
        require_writable(first)
