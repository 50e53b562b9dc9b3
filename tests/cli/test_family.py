"""A family that was added a moment ago, through the command line: scores, strands, genes, calibrations."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from enformer_vep.models.families import FAMILIES
from tests.builders import make_fasta, make_vcf, random_sequence
from tests.cli.conftest import Outcome
from tests.models.toy_family import TOY, WIDTH, make_toy_model

WINDOW, FIRST, BINS = 1024, 128, 24
TRACKS = ("A", "T", "CG")
SEQUENCE = random_sequence(np.random.default_rng(3), 6000)
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}
POSITIONS = (900, 2000, 2017, 3333, 5990, *range(4000, 4400, 50))

Score = Callable[..., Outcome]


@pytest.fixture
def score(command: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    monkeypatch.setitem(FAMILIES, "toy", TOY)
    model = make_toy_model(tmp_path / "toy.safetensors")
    fasta = make_fasta(tmp_path / "genome.fa", {"chr1": SEQUENCE})
    records = [
        ("chr1", position, f"v{position}", SEQUENCE[position - 1], OTHER[SEQUENCE[position - 1]])
        for position in POSITIONS
    ]
    vcf = make_vcf(tmp_path / "variants.vcf", records, {"chr1": len(SEQUENCE)})

    def run(*options: object, name: str = "score") -> Outcome:
        return command(name, vcf, "-f", fasta, "-m", model, "--device", "cpu", *options)

    return run


def values(outcome: Outcome, first: int = 6) -> npt.NDArray[np.float64]:
    assert outcome.code == 0, outcome.err
    return np.array([[float(cell) for cell in row[first:]] for row in outcome.table[1:] if row[5] == "ok"])


def predicted(sequence: str, start: int) -> npt.NDArray[np.float64]:
    """By the definition, [bins, tracks]: a window that starts at a 0-based position, N past the contig."""
    window = "".join(sequence[i] if 0 <= i < len(sequence) else "N" for i in range(start, start + WINDOW))
    bins = [window[FIRST + WIDTH * b : FIRST + WIDTH * (b + 1)] for b in range(BINS)]
    counts = [[sum(one.count(letter) for letter in letters) for letters in TRACKS] for one in bins]
    return np.logaddexp(0, np.array(counts, dtype=np.float64))


def expected(position: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Reference and alternate prediction, the variant at its usual place."""
    changed = SEQUENCE[: position - 1] + OTHER[SEQUENCE[position - 1]] + SEQUENCE[position:]
    start = position - 1 - (WINDOW // 2 - 1)
    return predicted(SEQUENCE, start), predicted(changed, start)


def test_scores_are_those_of_the_definition(score: Score) -> None:
    outcome = score("-s", "SAD,REF")
    assert outcome.table[0][6:] == ["SAD_PLUS", "SAD_MINUS", "SAD_BOTH", "REF_PLUS", "REF_MINUS", "REF_BOTH"]
    for row, position in zip(values(outcome), POSITIONS, strict=True):
        reference, alternate = expected(position)
        np.testing.assert_allclose(row[:3], (alternate - reference).sum(axis=0), atol=2e-4)
        np.testing.assert_allclose(row[3:], reference.sum(axis=0), rtol=1e-6)


@pytest.mark.parametrize("tracks", ["0-2", "PLUS", "MINUS,BOTH"])
def test_stranded_tracks_change_places_on_the_reverse_strand(score: Score, tracks: str) -> None:
    """A of one strand is T of the other: what a network says that treats both strands alike stays the same."""
    options = ("-s", "SAD,D1", "-t", tracks, "--bins", "center:3", "--precision", "float64")
    np.testing.assert_allclose(values(score(*options, "--rc")), values(score(*options)), rtol=1e-6, atol=1e-12)


def test_genes_and_calibrations(score: Score, tmp_path: Path) -> None:
    annotation = tmp_path / "genes.gtf"
    annotation.write_text('chr1\tt\tgene\t1990\t2500\t.\t+\t.\tgene_id "G"; gene_name "G";\n')
    by_gene = score("--genes", annotation, "--tss-bins", "1", "-s", "SAD")
    rows = [row for row in by_gene.table[1:] if row[5] == "ok"]
    assert [row[1] for row in rows] == ["2000", "2017"]
    for row, position in zip(rows, (2000, 2017), strict=True):
        reference, alternate = expected(position)
        own = (1990 - 1 - (position - 1 - (WINDOW // 2 - 1)) - FIRST) // WIDTH
        found = np.array(row[10:], dtype=np.float64)
        np.testing.assert_allclose(found, alternate[own] - reference[own], atol=1e-5)
    file = tmp_path / "toy_calibration.safetensors"
    assert score("-o", file, "--min-alleles", 10, name="calibrate").code == 0
    calibrated = score("--calibration", file, "--add", "quantile")
    assert calibrated.table[0][10:] == ["SADQ_PLUS", "SADQ_MINUS", "SADQ_BOTH"]
    found = values(calibrated, 7)
    assert (np.sign(found[:, :3]) == np.sign(found[:, 3:])).all()


def test_engines_of_the_family(score: Score, tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    assert score("--summary", summary).code == 0
    assert '"engine": "pair"' in summary.read_text()
    refused = score("--engine", "delta")
    assert refused.code == 2
    assert "--engine delta: models of the family toy have none; use pair" in refused.err


def test_a_family_that_is_not_known_is_named(score: Score, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(FAMILIES, "toy")
    refused = score()
    assert refused.code == 1
    assert "family toy" in refused.err
