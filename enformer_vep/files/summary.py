"""The machine-readable account of a run: what was scored, with what, how fast."""

import json
from collections.abc import Mapping

from enformer_vep.files.writing import open_stream


def write_summary(destination: str, summary: Mapping[str, object]) -> None:
    """Writes a run's summary as JSON to a file, complete or absent, or "-": indented, keys in the mapping's order.

    Raises:
        OutputError: The destination cannot be written.
        ValueError: A number is not finite, which JSON cannot hold.
    """
    text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
    with open_stream(destination) as stream:
        stream.write(text.encode() + b"\n")
