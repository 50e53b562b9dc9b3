"""`enformer-vep score --model dnabert:DIRECTORY`: log-likelihood ratios against the definition, written out."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from enformer_vep.api import open_scorer, predict, predict_effect, score
from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Variant
from enformer_vep.settings import ComputeSettings, Precision, ScoreSettings
from enformer_vep.tables.reader import open_scores
from tests.builders import make_fasta, make_vcf, random_sequence
from tests.cli.conftest import Outcome
from tests.models.tiny_bert import Weights, log_likelihood_ratio, make_bert

Command = Callable[..., Outcome]

# With a gap in the middle, and a contig that is shorter than a window.
LONG = random_sequence(np.random.default_rng(5), 130) + "N" * 9 + random_sequence(np.random.default_rng(6), 90)
SHORT = random_sequence(np.random.default_rng(7), 21)
CONTIGS = {"chr1": LONG, "chr2": SHORT}
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}
THIRD = {"A": "G", "C": "T", "G": "A", "T": "C"}


def other(letters: str) -> str:
    return "".join(OTHER[letter] for letter in letters)


def record(contig: str, start: int, name: str, length: int = 1) -> tuple[object, ...]:
    """A substitution of bases at a 0-based position."""
    reference = CONTIGS[contig][start : start + length]
    return contig, start + 1, name, reference, other(reference)


RECORDS = [
    record("chr1", 60, "inside"),
    ("chr1", 71, "two_alleles", LONG[70], f"{OTHER[LONG[70]]},{THIRD[LONG[70]]}"),
    ("chr1", 75, "with_its_neighbours", LONG[74:77], LONG[74] + other(LONG[75]) + LONG[76]),
    record("chr1", 80, "two_bases", 2),
    ("chr1", 85, "far_apart", LONG[84:92], other(LONG[84]) + LONG[85:91] + other(LONG[91])),
    record("chr1", 3, "at_the_start"),
    record("chr1", 126, "before_the_gap"),
    record("chr1", 150, "behind_the_gap"),
    record("chr2", 10, "in_a_short_contig"),
    ("chr1", 61, "insertion", LONG[60], LONG[60] + "AC"),
    ("chr1", 61, "deletion", LONG[60:63], LONG[60]),
    record("chr1", 2, "too_near_to_the_start"),
    record("chr1", 127, "too_near_to_the_gap"),
    ("chr1", 61, "any_base", LONG[60], "N"),
    ("chr1", 61, "wrong_reference", OTHER[LONG[60]], THIRD[LONG[60]]),
    ("chr1", 61, "symbolic", LONG[60], "<DEL>"),
    ("chr1", 41, "long", LONG[40:65], other(LONG[40:65])),
]  # fmt: skip
# What changes of each allele that is scored: 0-based position and letters.
SCORED = [
    ("chr1", 60, LONG[60], OTHER[LONG[60]]),
    ("chr1", 70, LONG[70], OTHER[LONG[70]]),
    ("chr1", 70, LONG[70], THIRD[LONG[70]]),
    ("chr1", 75, LONG[75], OTHER[LONG[75]]),
    ("chr1", 80, LONG[80:82], other(LONG[80:82])),
    ("chr1", 84, LONG[84:92], other(LONG[84]) + LONG[85:91] + other(LONG[91])),
    ("chr1", 3, LONG[3], OTHER[LONG[3]]),
    ("chr1", 126, LONG[126], OTHER[LONG[126]]),
    ("chr1", 150, LONG[150], OTHER[LONG[150]]),
    ("chr2", 10, SHORT[10], OTHER[SHORT[10]]),
]
REASONS = [
    "not_a_substitution", "not_a_substitution", "unknown_bases", "unknown_bases", "unknown_bases", "ref_mismatch",
    "symbolic_allele", "too_long",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dnabert")
    make_fasta(path / "genome.fa", CONTIGS)
    make_vcf(path / "variants.vcf", RECORDS, {name: len(letters) for name, letters in CONTIGS.items()})
    return path


@pytest.fixture(scope="module")
def weights(folder: Path) -> Weights:
    return make_bert(folder / "model")


@pytest.fixture
def run(command: Command, folder: Path, weights: Weights) -> Command:
    def score_(*options: object, name: str = "score") -> Outcome:
        model = f"dnabert:{folder / 'model'}"
        vcf, fasta = folder / "variants.vcf", folder / "genome.fa"
        return command(name, vcf, "-f", fasta, "-m", model, "--device", "cpu", *options)

    return score_


def ratios(outcome: Outcome) -> list[float]:
    assert outcome.code == 0, outcome.err
    return [float(row[6]) for row in outcome.table[1:] if row[5] == "ok"]


def test_ratios_are_those_of_the_definition(run: Command, weights: Weights) -> None:
    expected = [
        log_likelihood_ratio(weights, CONTIGS[contig], start, reference, alternate)
        for contig, start, reference, alternate in SCORED
    ]
    assert np.abs(expected).min() > 0.01
    exact = run("--precision", "float64")
    assert exact.table[0] == ["#CHROM", "POS", "ID", "REF", "ALT", "STATUS", "LLR"]
    np.testing.assert_allclose(ratios(exact), expected, rtol=1e-7)
    np.testing.assert_allclose(ratios(run()), expected, rtol=1e-4)
    np.testing.assert_allclose(ratios(run("--batch-size", 8)), expected, rtol=1e-4)


def test_every_allele_has_a_row(run: Command) -> None:
    outcome = run()
    assert [row[5] for row in outcome.table[1:]] == ["ok"] * len(SCORED) + REASONS
    assert {row[6] for row in outcome.table[1:] if row[5] != "ok"} == {"NA"}
    counted = run("--dry-run")
    assert counted.code == 0
    assert "10 of 18 alleles can be scored" in counted.err
    assert "2 not_a_substitution, 3 unknown_bases" in counted.err
    strict = run("--strict")
    assert strict.code == 1
    assert "leave out --strict" in strict.err


def test_exchanging_the_alleles_negates(run: Command, command: Command, folder: Path, tmp_path: Path) -> None:
    """The model sees neither allele, so a genome that has ALT asks it the same question."""
    start, new = 60, OTHER[LONG[60]]
    fasta = make_fasta(tmp_path / "other.fa", {"chr1": LONG[:start] + new + LONG[start + 1 :]})
    vcf = make_vcf(tmp_path / "other.vcf", [("chr1", start + 1, ".", new, LONG[start])], {"chr1": len(LONG)})
    there = command("score", vcf, "-f", fasta, "-m", f"dnabert:{folder / 'model'}", "--device", "cpu")
    assert ratios(there) == [-ratios(run())[0]]


def test_shards_formats_and_the_summary(run: Command, command: Command, tmp_path: Path) -> None:
    whole, options = tmp_path / "whole.tsv.gz", ("--piece-size", 4)
    assert run("-o", whole, *options, "--summary", tmp_path / "summary.json").code == 0
    parts = [tmp_path / f"part{number}.tsv.gz" for number in (1, 2)]
    for number, part in enumerate(parts, start=1):
        assert run("-o", part, "--shard", f"{number}/2", *options).code == 0
    assert command("merge", *parts, "-o", tmp_path / "merged.tsv.gz").code == 0
    assert (tmp_path / "merged.tsv.gz").read_bytes() == whole.read_bytes()
    assert '"scores": "LLR"' in (tmp_path / "summary.json").read_text()
    again = run("-o", parts[0], "--shard", "1/2", *options)
    assert "is complete already" in again.err

    rows = list(open_scores(whole).rows())
    values = [row.values[0] for row in rows if row.values is not None]
    assert run("-o", tmp_path / "s.parquet").code == 0
    column = pq.read_table(tmp_path / "s.parquet").column("LLR").to_pylist()
    np.testing.assert_array_equal(np.float32([one for one in column if one is not None]), values)
    assert [row.values for row in open_scores(tmp_path / "s.parquet").rows() if row.values is not None] == values
    assert run("-o", tmp_path / "s.h5").code == 0
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["LLR"].shape == (len(rows), 1)
    assert command("export", whole, "-o", tmp_path / "exported.vcf").code == 0
    assert f";LLR={values[2]:.9g}\n" in (tmp_path / "exported.vcf").read_text()
    assert run("-o", tmp_path / "s.vcf").code == 0
    text = (tmp_path / "s.vcf").read_text()
    assert "##INFO=<ID=LLR,Number=A,Type=Float" in text
    assert f";LLR={values[1]:.9g},{values[2]:.9g}\n" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-s", "SAD"), "--scores has no meaning for dnabert"),
        (("--engine", "pair"), "--engine has no meaning"),
        (("-t", "0"), "--tracks has no meaning"),
        (("--groups", "gtex-v8", "--bins", "center:3"), "--bins, --groups have no meaning"),
        (("--genes", "genes.gtf"), "--genes has no meaning"),
        (("--calibration", "example"), "--calibration has no meaning"),
        (("--targets", "targets.txt"), "--targets has no meaning"),
        (("--window", "1024"), "--window has no meaning"),
        (("--organism", "mouse"), "--organism has no meaning"),
        (("--shifts", "0,1", "--spread"), "--shifts, --spread have no meaning"),
        (("--window-grid",), "--window-grid has no meaning"),
        (("--indels", "left"), "--indels has no meaning"),
        (("--precision", "bf16"), "dnabert computes in float32 or float64"),
    ],
)
def test_options_that_mean_nothing_are_refused(run: Command, options: tuple[str, ...], said: str) -> None:
    refused = run(*options)
    assert refused.code == 2
    assert said in refused.err
    assert len(refused.err.splitlines()) == 1


def test_other_commands_say_that_they_do_not_take_it(run: Command, command: Command, folder: Path) -> None:
    calibrated = run("-o", folder / "x", name="calibrate")
    assert calibrated.code == 2
    assert "score takes no calibration with dnabert" in calibrated.err
    converted = command("convert", f"dnabert:{folder / 'model'}", folder / "x.safetensors")
    assert "only enformer-vep score takes dnabert" in converted.err
    plain = command("models", folder / "model")
    assert "give a DNABERT as dnabert:DIRECTORY" in plain.err


def test_the_python_interface(folder: Path, weights: Weights) -> None:
    settings = ScoreSettings(precision=Precision.FLOAT64)
    scorer = open_scorer(f"dnabert:{folder / 'model'}", settings, ComputeSettings(device="cpu"))
    genome = Genome(folder / "genome.fa")
    contig, start, reference, alternate = SCORED[0]
    one = Variant(contig, start + 1, ".", reference, alternate)
    expected = log_likelihood_ratio(weights, LONG, start, reference, alternate)
    assert score([one], genome, scorer)["LLR"][0] == pytest.approx(expected)
    likelihood, ratio = predict_effect(one, genome, scorer)
    assert ratio.item() == pytest.approx(expected)
    # Exchanged, the other allele's likelihood: log P(ALT) = log P(REF) + LLR.
    assert likelihood.item() < 0
    assert likelihood.item() + ratio.item() < 0
    with pytest.raises(InputError, match="not_a_substitution"):
        predict_effect(Variant(contig, start + 1, ".", reference, reference + "A"), genome, scorer)
    with pytest.raises(UsageError, match="predicts nothing of a sequence"):
        predict(["A" * scorer.geometry.window], scorer)


@pytest.mark.slow
def test_two_workers_give_the_same_bytes(run: Command) -> None:
    # A thread for each: another number would change last digits.
    both = run("--device", "auto", "--devices", "cpu,cpu", "--threads", 2, "--piece-size", 4)
    assert both.code == 0, both.err
    assert both.out == run("--threads", 1, "--piece-size", 4).out
