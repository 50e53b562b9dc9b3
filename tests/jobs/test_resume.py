"""Killed at any instant, started again with the same command: the same bytes."""

import gzip
import json
import os
import random
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pysam
import pytest

from enformer_vep.resume.journal import read_journal
from enformer_vep.resume.names import Names
from enformer_vep.settings import ComputeSettings, Score, ScoreSettings
from tests.jobs.conftest import RECORDS, Request
from tests.jobs.toy import Toy, complete, start

SUFFIXES = ["tsv", "tsv.gz", "vcf.gz", "parquet"]


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def rows_in(destination: Path) -> int:
    content = read_journal(Names.of(str(destination)).journal)
    return content.checkpoints[-1].counts.total() if content and content.checkpoints else 0


def kill_in_turn(request_for: Request, destination: Path, kills: int, seed: int, expected: bytes) -> None:
    """Kills runs at random moments, resuming each time; one that is through too early is checked and begun anew."""
    dice = random.Random(seed)
    killed = 0
    step = 0.6 * RECORDS / kills
    # Slower for more kills, so that rows are left for each of them.
    toy = Toy(delay=(kills / 1000) ** 2)
    while killed < kills:
        process = start(request_for(destination), toy)
        goal = rows_in(destination) + dice.uniform(0, step)
        while process.is_alive() and rows_in(destination) < goal:
            time.sleep(0.002)
        time.sleep(dice.uniform(0, 0.01))
        if not process.is_alive():
            assert destination.read_bytes() == expected
            destination.unlink()
            continue
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        killed += 1
        assert not destination.exists() or destination.read_bytes() == expected
    assert complete(request_for(destination)).code == 0
    assert destination.read_bytes() == expected


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_25_kills(request_for: Request, expected: dict[str, bytes], suffix: str, tmp_path: Path) -> None:
    destination = tmp_path / f"scores.{suffix}"
    kill_in_turn(request_for, destination, 25, 5, expected[suffix])
    assert [path.name for path in tmp_path.iterdir()] == [destination.name]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_100_kills(request_for: Request, expected: dict[str, bytes], suffix: str, tmp_path: Path) -> None:
    destination = tmp_path / f"scores.{suffix}"
    kill_in_turn(request_for, destination, 100, 6, expected[suffix])


@pytest.mark.parametrize("suffix", [*SUFFIXES, "h5", "bcf"])
@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("explained", 0),
        ("verify", 0),
        ("Journal", 0),
        ("take_name", 0),
        ("Path.unlink", 0),
        ("Path.unlink", 1),
        ("Path.unlink", 2),
        ("Path.unlink", 3),
        ("Path.unlink", 4),
        ("sha256_of", 0),
    ],
)
def test_a_death_at_the_beginning_or_the_end(
    request_for: Request, expected: dict[str, bytes], suffix: str, name: str, after: int, tmp_path: Path
) -> None:
    destination = tmp_path / f"scores.{suffix}"
    # Formats that are final as they are written do fewer things.
    ends_well = {0} if after > 1 or name == "sha256_of" else set()
    assert complete(request_for(destination), Toy(crash_in=name, after=after)).code in {77, *ends_well}
    assert complete(request_for(destination)).code == 0
    assert destination.read_bytes() == expected[suffix]
    # A kill may leave the empty file with which it was tried whether the folder can be written.
    names = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".partial-")}
    assert names == {destination.name}


@pytest.fixture
def stopped(request_for: Request, tmp_path: Path) -> Path:
    """A BGZF run that SIGTERM ended in the middle; the file that it would have written."""
    destination = tmp_path / "scores.tsv.gz"
    stop_after(request_for, destination, 300)
    return destination


def stop_after(request_for: Request, destination: Path, rows: int, number: int = signal.SIGTERM) -> None:
    process = start(request_for(destination), Toy(delay=0.002))
    while rows_in(destination) < rows:
        assert process.is_alive()
        time.sleep(0.005)
    os.kill(process.pid or 0, number)
    process.join()
    assert process.exitcode == 143


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_polite_signal_finishes_the_batch(
    request_for: Request, expected: dict[str, bytes], number: int, tmp_path: Path
) -> None:
    destination = tmp_path / "scores.tsv"
    stop_after(request_for, destination, 300, number)
    part = (tmp_path / "scores.tsv.part").read_bytes()
    assert expected["tsv"].startswith(part)
    assert part.endswith(b"\n")
    assert part.count(b"\n") == rows_in(destination) + 1
    assert complete(request_for(destination)).code == 0
    assert destination.read_bytes() == expected["tsv"]


def test_it_goes_on_rather_than_starts_anew(request_for: Request, stopped: Path) -> None:
    rows = rows_in(stopped)
    journal = Path(f"{stopped}.journal")
    assert complete(request_for(stopped), Toy(crash_in="take_name")).code == 77
    points = [json.loads(line)["rows"] for line in journal.read_text().splitlines()[1:]]
    assert points == sorted(points)
    assert rows in points
    assert points.count(0) == 1


@pytest.mark.parametrize(
    "damage", ["cut", "cut a lot", "edited", "longer", "emptied", "gone", "journal cut", "journal gone"]
)
def test_damage_is_noticed_and_made_good(
    request_for: Request,
    expected: dict[str, bytes],
    stopped: Path,
    damage: str,
) -> None:
    part, journal = Path(f"{stopped}.part"), Path(f"{stopped}.journal")
    content = bytearray(part.read_bytes())
    if damage.startswith("cut"):
        part.write_bytes(content[: -3 if damage == "cut" else len(content) // 3])
    elif damage == "edited":
        content[len(content) // 2] ^= 1
        part.write_bytes(content)
    elif damage == "longer":
        part.write_bytes(content + b"half a row")
    elif damage == "emptied":
        part.write_bytes(b"")
    elif damage == "gone":
        part.unlink()
    elif damage == "journal cut":
        journal.write_bytes(journal.read_bytes()[:-40])
    else:
        journal.unlink()
    code, error = complete(request_for(stopped))
    assert code == 0
    assert stopped.read_bytes() == expected["tsv.gz"]
    said = "cut short or changed" in error
    assert said == (damage in ("cut", "cut a lot", "edited", "emptied", "gone"))


def test_another_run_is_refused_by_what_differs(request_for: Request, stopped: Path, genome_path: Path) -> None:
    before = Path(f"{stopped}.part").read_bytes()
    plain = request_for(stopped)
    for changed, words in (
        (replace(plain, settings=ScoreSettings(scores=(Score.D1,))), "scores was SAD, is D1"),
        (replace(plain, settings=ScoreSettings(centre_bins=4)), "bins was all, is 4"),
        (replace(plain, compute=ComputeSettings("cpu", piece_size=51)), "piece-size was 50, is 51"),
        (replace(plain, regions=("chr1",)), "regions was all, is"),
    ):
        code, error = complete(changed)
        assert code == 1
        assert words in error
        assert "--overwrite" in error
    assert Path(f"{stopped}.part").read_bytes() == before


def test_other_input_is_refused(
    request_for: Request,
    stopped: Path,
    variants_path: Path,
    tmp_path: Path,
) -> None:
    text = gzip.decompress(variants_path.read_bytes()).replace(b"rs7\t", b"rs8\t")
    other = tmp_path / "other.vcf"
    other.write_bytes(text)
    code, error = complete(request_for(stopped, variants=str(other)))
    assert code == 1
    assert "input was" in error


def test_overwrite_starts_anew(request_for: Request, expected: dict[str, bytes], stopped: Path) -> None:
    Path(f"{stopped}.part").write_bytes(b"nonsense")
    assert complete(request_for(stopped, overwrite=True)).code == 0
    assert stopped.read_bytes() == expected["tsv.gz"]


def test_two_processes_do_not_write_one_file(request_for: Request, tmp_path: Path) -> None:
    destination = tmp_path / "scores.tsv"
    first = start(request_for(destination), Toy(delay=0.005))
    while rows_in(destination) < 20:
        time.sleep(0.005)
    code, error = complete(request_for(destination))
    assert code == 1
    assert "another process is writing it" in error
    first.kill()
    first.join()


def test_an_index_survives_a_stop(request_for: Request, expected: dict[str, bytes], tmp_path: Path) -> None:
    destination = tmp_path / "scores.tsv.gz"
    process = start(request_for(destination, tabix=True), Toy(delay=0.002))
    while rows_in(destination) < 300:
        time.sleep(0.005)
    process.kill()
    process.join()
    assert complete(request_for(destination, tabix=True)).code == 0
    assert destination.read_bytes() == expected["tsv.gz"]
    with pysam.TabixFile(str(destination)) as table:
        assert [line.split("\t")[2] for line in table.fetch("chr2", 199, 200)] == ["rs1100"]


def test_a_full_disk_can_be_resumed(request_for: Request, expected: dict[str, bytes], tmp_path: Path) -> None:
    destination = tmp_path / "scores.tsv"
    code, error = complete(request_for(destination), Toy(file_limit=20_000))
    assert code == 1
    assert "scores.tsv: cannot write: File too large" in error
    assert "Traceback" not in error
    assert not destination.exists()
    assert complete(request_for(destination)).code == 0
    assert destination.read_bytes() == expected["tsv"]


def test_unfinished_files_are_not_world_writable(request_for: Request, stopped: Path) -> None:
    for suffix in (".part", ".journal"):
        assert Path(f"{stopped}{suffix}").stat().st_mode & 0o002 == 0


@pytest.mark.parametrize("suffix", ["tsv.gz", pytest.param("vcf.gz", marks=pytest.mark.slow)])
def test_spread_and_left_out_values_survive_a_stop(request_for: Request, suffix: str, tmp_path: Path) -> None:
    """A bit of a value says that it was left out: no format may lose it between two processes."""
    settings = ScoreSettings(shifts=(0, 20), spread=True, confident=0.9)
    with_spread = partial(request_for, settings=settings)
    whole, destination = tmp_path / f"whole.{suffix}", tmp_path / f"scores.{suffix}"
    assert complete(with_spread(whole)).code == 0
    stop_after(with_spread, destination, 300)
    assert complete(with_spread(destination)).code == 0
    assert destination.read_bytes() == whole.read_bytes()
    if suffix == "tsv.gz":
        rows = [line.split("\t") for line in gzip.decompress(whole.read_bytes()).decode().splitlines()]
        assert rows[0][6:] == ["SAD_A", "SAD_T", "SADSD_A", "SADSD_T", "SADAGREE_A", "SADAGREE_T"]
        scored = [row for row in rows[1:] if row[5] == "ok"]
        assert {row[6] == "NA" for row in scored} == {True, False}
        assert all((row[6] == "NA") is (float(row[10]) < 0.9) for row in scored)
