"""`--window-grid` from the command line: pieces of a run make the whole, byte for byte."""

from collections.abc import Callable
from pathlib import Path

import pytest

from enformer_vep.errors import EnformerVepError
from enformer_vep.scoring.scorer import Scorer
from tests.builders import make_vcf
from tests.cli.conftest import CONTIGS, Outcome

Command = Callable[..., Outcome]


@pytest.fixture
def variants(tmp_path: Path, sequences: dict[str, str]) -> Path:
    other = {"A": "C", "C": "G", "G": "T", "T": "A"}
    places = [("chr1", place) for place in (40, 3000, 3005, 3100, 5200)] + [("chr2", 900)]
    records = [
        (contig, place, f"rs{place}", base := sequences[contig][place - 1], other[base]) for contig, place in places
    ]
    return make_vcf(tmp_path / "grid.vcf", records, CONTIGS)


@pytest.fixture
def score(command: Command, variants: Path, fasta: Path, small_model: Path) -> Command:
    plain = ("score", variants, "-f", fasta, "-m", small_model, "--device", "cpu", "--window-grid", "--piece-size", 2)
    return lambda *words: command(*plain, *words)


def test_shards_and_a_run_that_goes_on_give_the_same_bytes(
    score: Command, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--phases", "0,64", "--rc")
    expected = score(*options).out
    assert expected.startswith("#CHROM\tPOS\tID\tREF\tALT\tSTATUS\tWINDOW_START\t")
    shards = [tmp_path / f"{number}.tsv" for number in (1, 2)]
    for number, path in enumerate(shards, 1):
        assert score(*options, "--shard", f"{number}/2", "-o", path).code == 0
    assert command("merge", *shards, "-o", tmp_path / "merged.tsv").code == 0
    assert (tmp_path / "merged.tsv").read_text() == expected

    collected, collect = [], Scorer.collect

    def fail_late(scorer: Scorer, submitted: object) -> object:
        collected.append(submitted)
        if len(collected) == 3:
            raise EnformerVepError("the power is gone")
        return collect(scorer, submitted)  # type: ignore[arg-type]

    destination = tmp_path / "whole.tsv"
    with monkeypatch.context() as patched:
        patched.setattr(Scorer, "collect", fail_late)
        assert score(*options, "-o", destination).code == 1
    assert not destination.exists()
    outcome = score(*options, "-o", destination)
    assert outcome.code == 0
    assert "going on" in outcome.err or "resum" in outcome.err
    assert destination.read_text() == expected


def test_variants_that_are_not_sorted(command: Command, score: Command, variants: Path) -> None:
    assert "sort" not in score().err
    lines = variants.read_text().splitlines()
    head, rows = [line for line in lines if line.startswith("#")], [line for line in lines if not line.startswith("#")]
    rows_of = {row.split("\t")[2]: row for row in score().out.splitlines()[1:]}
    variants.write_text("\n".join([*head, *rows[::-1]]) + "\n")
    outcome = score()
    assert outcome.code == 0
    assert outcome.err.count("variants that are not sorted") == 1
    assert outcome.out.splitlines()[1:] == [rows_of[row.split("\t")[2]] for row in rows[::-1]]


def test_what_is_refused(score: Command) -> None:
    for options, words in ((("--phases", "0,1"), "evenly spaced"), (("--phases", "a"), "write whole numbers")):
        outcome = score(*options)
        assert outcome.code == 2
        assert words in outcome.err
