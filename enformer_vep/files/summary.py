"""The machine-readable account of a run: what was scored, with what, how fast."""

import json
from collections.abc import Mapping

from enformer_vep.files.writing import open_stream


def write_summary(destination: str, summary: Mapping[str, object]) -> None:
    """Writes a run's summary as JSON: indented, keys in the mapping's order, a newline at the end.

    Args:
        destination: File name, or "-" for standard output. The file appears only when complete.
        summary: What to write; values are JSON's own types, numbers finite.

    Raises:
        OutputError: The destination cannot be written.
        ValueError: A number is not finite, which JSON cannot hold.
    """
    text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
    with open_stream(destination) as stream:
        stream.write(text.encode() + b"\n")
