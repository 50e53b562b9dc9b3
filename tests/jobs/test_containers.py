"""Formats made from a log of rows: what a kill near the end costs."""

import json
from pathlib import Path

import pytest

from tests.jobs.conftest import Request
from tests.jobs.toy import Toy, complete


@pytest.mark.parametrize("suffix", ["parquet", "h5", "bcf"])
def test_a_kill_while_the_file_is_made_costs_no_row(
    request_for: Request, expected: dict[str, bytes], suffix: str, tmp_path: Path
) -> None:
    destination = tmp_path / f"scores.{suffix}"
    assert complete(request_for(destination), Toy(crash_in="sha256_of")).code == 77
    journal = [json.loads(line) for line in Path(f"{destination}.journal").read_text().splitlines()[1:]]
    rows = max(point["rows"] for point in journal)
    # The second process writes nothing but the file: it would die at the first batch of rows.
    outcome = complete(request_for(destination), Toy(always_dies=True))
    assert outcome.code == 0
    assert f"going on after row {rows}" in outcome.err
    assert destination.read_bytes() == expected[suffix]
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".partial")] == [destination.name]


def test_a_kill_just_before_the_journal_goes_costs_nothing(
    request_for: Request, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """The journal knows the finished file, which is not the one that it grew with."""
    destination = tmp_path / "scores.parquet"
    journal = Path(f"{destination}.journal")
    after = 0
    while True:
        complete(request_for(destination, overwrite=True), Toy(crash_in="Path.unlink", after=after))
        if destination.exists() and not Path(f"{destination}.part").exists() and journal.exists():
            break
        after += 1
        assert after < 20, "never in that state"
        destination.unlink(missing_ok=True)
    outcome = complete(request_for(destination), Toy(always_dies=True))
    assert outcome.code == 0
    assert "is complete already" in outcome.err
    assert destination.read_bytes() == expected["parquet"]
    assert not journal.exists()
