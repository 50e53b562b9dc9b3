"""`enformer-vep score --engine adjoint` as a user meets it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from enformer_vep.genome.variants import Variant
from enformer_vep.scoring.refinement import is_sampled
from tests.builders import make_vcf, write_text
from tests.cli.conftest import CONTIGS, Outcome

Command = Callable[..., Outcome]
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}
WINDOWED = ("--share-windows", 300, "--piece-size", 40)


@pytest.fixture
def score(command: Command, tmp_path: Path, fasta: Path, small_model: Path, sequences: dict[str, str]) -> Command:
    """Scores 101 alleles, one of them an insertion and one that cannot be scored, on the CPU."""
    text = sequences["chr1"]
    records: list[tuple[object, ...]] = [
        ("chr1", position, f"v{position}", text[position - 1], OTHER[text[position - 1]])
        for position in range(4000, 4990, 10)
    ]
    records[50:50] = [
        ("chr1", 4495, "insertion", text[4494], text[4494] + "ACG"),
        ("chr1", 4496, "symbolic", text[4495], "<DEL>"),
    ]
    vcf = make_vcf(tmp_path / "many.vcf", records, CONTIGS)

    def run(*options: object, name: str = "score") -> Outcome:
        return command(name, vcf, "-f", fasta, "-m", small_model, "--device", "cpu", *options)

    return run


def columns(outcome: Outcome) -> dict[str, list[str]]:
    header, *rows = outcome.table
    return {name: [row[number] for row in rows] for number, name in enumerate(header)}


def numbers(cells: list[str]) -> np.ndarray:
    return np.array([np.nan if cell == "NA" else float(cell) for cell in cells])


@pytest.mark.parametrize(
    "more",
    [
        (),
        pytest.param(("--rc", "--shifts=-128,0", "-s", "SAD,MEAN,SADR,SAR"), marks=pytest.mark.slow),
        ("--indels", "stitch"),
        ("--window-grid",),
    ],
)
def test_exact_rows_are_delta_s_to_the_byte_and_the_others_near(score: Command, more: tuple[object, ...]) -> None:
    options = (*WINDOWED, "-t", "0,3", "-s", "SAD,SADR,SAR,REF,ALT", *more)
    screened, exact = columns(score(*options, "--engine", "adjoint", "--refine", 2)), columns(score(*options))
    engines = screened.pop("ENGINE")
    assert engines.count("NA") == 1
    assert engines[screened["ID"].index("insertion")] == "delta"
    assert 6 < engines.count("delta") < 40 < engines.count("adjoint")
    assert list(screened) == list(exact)
    first_order = np.array([engine == "adjoint" for engine in engines])
    for name, cells in exact.items():
        same = [left == right for left, right in zip(screened[name], cells, strict=True)]
        assert all(np.array(same)[~first_order]), name
        if name.startswith("REF_"):
            np.testing.assert_allclose(numbers(screened[name]), numbers(cells), rtol=1e-5)
        elif name.startswith("SA"):
            got, wanted = numbers(screened[name])[first_order], numbers(cells)[first_order]
            assert np.corrcoef(got, wanted)[0, 1] > 0.9, name
            assert not all(np.array(same)[first_order])


def test_the_largest_of_each_piece_and_the_sample_are_exact(score: Command) -> None:
    table = columns(score(*WINDOWED, "-t", "1", "--engine", "adjoint", "--refine", "5%", "--refine-sample", "10%"))
    screen = columns(score(*WINDOWED, "-t", "1", "--engine", "adjoint", "--refine", 0, "--refine-sample", "0%"))
    assert set(screen["ENGINE"]) == {"adjoint", "delta", "NA"}
    assert screen["ENGINE"].count("delta") == 1
    size = np.abs(numbers(screen["SAD_TRACK1"]))
    expected = set()
    for piece in (range(40), range(40, 80), range(80, 101)):
        ranked = sorted((row for row in piece if screen["ENGINE"][row] == "adjoint"), key=lambda row: -size[row])
        expected |= set(ranked[: -(-len(ranked) // 20)])
    for row, engine in enumerate(screen["ENGINE"]):
        cells = (table[name][row] for name in ("#CHROM", "POS", "ID", "REF", "ALT"))
        contig, position, name, reference, alternate = cells
        if is_sampled(Variant(contig, int(position), name, reference, alternate), 0.1) and engine != "NA":
            expected.add(row)
    expected.add(screen["ENGINE"].index("delta"))
    assert {row for row, engine in enumerate(table["ENGINE"]) if engine == "delta"} == expected


def test_shards_and_devices_choose_alike(score: Command, command: Command, tmp_path: Path) -> None:
    options = (*WINDOWED, "-t", "1,2", "--engine", "adjoint", "--refine", "auto")
    whole = score(*options).out
    for number in (1, 2):
        assert score(*options, "--shard", f"{number}/2", "-o", tmp_path / f"part.{number}.tsv").code == 0
    command("merge", tmp_path / "part.1.tsv", tmp_path / "part.2.tsv", "-o", tmp_path / "merged.tsv")
    assert (tmp_path / "merged.tsv").read_text() == whole


@pytest.mark.slow
def test_genes_are_outputs_of_their_own(score: Command, tmp_path: Path) -> None:
    lines = [
        f"chr1\tx\ttranscript\t{start}\t{start + 90}\t.\t{strand}\t.\t"
        f'gene_id "G{number}"; gene_name "N{number}"; transcript_id "T{number}";\n'
        for number, (start, strand) in enumerate([(4300, "+"), (4600, "-")])
    ]
    genes = write_text(tmp_path / "genes.gtf", "".join(lines))
    for centre in ("variant", "tss"):
        options = ("--genes", genes, "--center", centre, "-t", "0,2")
        exact, screened = columns(score(*options)), columns(score(*options, "--engine", "adjoint", "--refine", "2%"))
        assert screened["GENE_ID"] == exact["GENE_ID"]
        rows = [number for number, engine in enumerate(screened["ENGINE"]) if engine == "adjoint"]
        assert len(rows) > 80
        for name in ("SADR_TRACK0", "SADR_TRACK2"):
            assert np.corrcoef(numbers(screened[name])[rows], numbers(exact[name])[rows])[0, 1] > 0.9


def test_the_run_says_how_good_it_was(score: Command, tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    outcome = score(*WINDOWED, "-t", "1", "--engine", "adjoint", "--refine-sample", "30%", "--summary", summary)
    assert "rows screened" in outcome.err
    report = json.loads(summary.read_text())["screening"]
    assert report["rows"] == 99
    assert report["sampled"] > 15
    assert report["outputs"]["SAD_TRACK1"]["spearman"] > 0.8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-s", "SAD,D2"), "cannot compute D2"),
        (("--precision", "bf16"), "needs --precision"),
        (("--calibration", "example"), "--calibration ranks exact scores"),
        (("--refine", "lots"), "write a number of alleles"),
        (("--refine", "101%"), "write a number of alleles"),
        (("--refine-sample", "3"), "write a share"),
    ],
)
def test_what_makes_no_sense_is_refused(score: Command, options: tuple[str, ...], message: str) -> None:
    outcome = score("--engine", "adjoint", "-t", "1", *options)
    assert outcome.code == 2
    assert message in outcome.err


def test_refine_needs_the_engine(score: Command) -> None:
    assert "belong to --engine adjoint" in score("--refine", "1%").err


def test_a_background_is_of_exact_scores(score: Command, tmp_path: Path) -> None:
    refused = score("--engine", "adjoint", "-o", tmp_path / "c.safetensors", name="calibrate")
    assert refused.code == 2
    assert "a background is of exact scores" in refused.err
