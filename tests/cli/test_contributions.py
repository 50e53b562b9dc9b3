"""`enformer-vep contributions` as a user meets it; numbers against gradients that are computed here."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from enformer_vep.explain.contributions import contributions, pooled
from enformer_vep.explain.gradients import Target, input_gradients
from enformer_vep.genome.encoding import encode
from enformer_vep.models.checkpoints import load_model
from enformer_vep.settings import Recipe
from tests.builders import make_fasta, random_sequence
from tests.cli.conftest import CONTIGS, Outcome

Command = Callable[..., Outcome]
WINDOW, FIRST, WIDTH, STRETCHES = 2048, 512, 128, 16
GENES = (("A", 3900, 4600, "+"), ("B", 3000, 4150, "-"), ("C", 7000, 7600, "+"))
HEAD = ["#CHROM", "START", "END", "WINDOW", "STATUS", "TARGET"]


@pytest.fixture
def explain(command: Command, fasta: Path, small_model: Path) -> Command:
    def run(*options: object) -> Outcome:
        return command("contributions", "-f", fasta, "-m", small_model, "--device", "cpu", *options)

    return run


@pytest.fixture
def annotation(tmp_path: Path) -> Path:
    path = tmp_path / "genes.gtf"
    lines = (
        f'1\ttest\tgene\t{start}\t{end}\t.\t{strand}\t.\tgene_id "ENS{name}"; gene_name "{name}"; gene_type "x";'
        for name, start, end, strand in GENES
    )
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def codes_of(sequence: str, start: int) -> torch.Tensor:
    inside = sequence[max(start, 0) : start + WINDOW]
    return torch.from_numpy(encode(("N" * max(-start, 0) + inside).ljust(WINDOW, "N")))[None]


@pytest.fixture
def expected(sequences: dict[str, str], small_model: Path) -> Callable[..., np.ndarray]:
    """Contributions [L] to the mean of a track over some bins, of a window by its 0-based start."""
    network = load_model(small_model).network

    def compute(contig: str, start: int, track: int, bins: list[int], recipe: Recipe = Recipe.NOTEBOOK) -> np.ndarray:
        codes = codes_of(sequences[contig], start)
        gradients = input_gradients(network, "human", codes, [Target(torch.eye(5)[track] / len(bins), bins)])
        return contributions(gradients[0, 0], codes[0], recipe).numpy()

    return compute


def column(outcome: Outcome, number: int, window: str, target: str) -> np.ndarray:
    return np.array([row[number] for row in outcome.table[1:] if row[3] == window and row[5] == target], dtype=float)


def test_a_line_for_each_stretch(explain: Command, expected: Callable[..., np.ndarray]) -> None:
    outcome = explain("-r", "chr1:4000", "-r", "1:5,000-5,002", "-t", "TRACK3,0")
    assert outcome.code == 0, outcome.err
    assert outcome.table[0] == [*HEAD, "CONTRIBUTION_TRACK3", "CONTRIBUTION_TRACK0"]
    assert len(outcome.table) == 1 + 2 * STRETCHES
    for name, position in (("chr1:4000", 3999), ("1:5000-5002", 5000)):
        start = position - (WINDOW // 2 - 1)
        np.testing.assert_array_equal(
            column(outcome, 1, name, "center"), [start + WIDTH * number for number in range(STRETCHES)]
        )
        for number, track in ((6, 3), (7, 0)):
            # The position is the last base of bin 3.
            values = pooled(torch.from_numpy(expected("chr1", start, track, [2, 3, 4])))
            np.testing.assert_allclose(column(outcome, number, name, "center"), values, rtol=1e-4)
    assert "2 of 2 windows explained" in outcome.err


@pytest.mark.parametrize("recipe", [Recipe.INPUT, Recipe.CALICO])
def test_recipes_bins_and_bases(explain: Command, expected: Callable[..., np.ndarray], recipe: Recipe) -> None:
    options = ("-r", "chr1:4000", "-t", "1", "--recipe", recipe.value, "--bins", "center:2")
    start = 3999 - (WINDOW // 2 - 1)
    values = expected("chr1", start, 1, [3, 4], recipe)
    scale = np.abs(values).max()
    bases = explain(*options, "--width", "1")
    assert len(bases.table) == 1 + WINDOW
    np.testing.assert_allclose(column(bases, 6, "chr1:4000", "center"), values, rtol=1e-4, atol=1e-6 * scale)
    stretches = pooled(torch.from_numpy(values), 128, recipe)
    found = column(explain(*options), 6, "chr1:4000", "center")
    np.testing.assert_allclose(found, stretches, rtol=1e-3, atol=1e-6 * scale)
    every = explain("-r", "chr1:4000", "-t", "1", "--recipe", recipe.value, "--bins", "all", "--width", "1")
    values = expected("chr1", start, 1, list(range(8)), recipe)
    np.testing.assert_allclose(column(every, 6, "chr1:4000", "center"), values, rtol=1e-3, atol=1e-5 * scale)


def test_genes(explain: Command, annotation: Path, expected: Callable[..., np.ndarray]) -> None:
    on_genes = explain("--genes", annotation, "--gene", "B,ENSA,NONE", "-t", "0", "--tss-bins", "2")
    assert on_genes.code == 0, on_genes.err
    assert [row[3] for row in on_genes.table[1:]] == ["A"] * STRETCHES + ["B"] * STRETCHES + ["NONE"]
    assert on_genes.table[-1] == [".", "0", "1", "NONE", "gene_without_tss", "NA", "NA"]
    start = 4149 - 1023
    values = pooled(torch.from_numpy(expected("chr1", start, 0, [3, 4])))
    np.testing.assert_allclose(column(on_genes, 6, "B", "B"), values, rtol=1e-4)
    around = explain("-r", "chr1:4100", "-r", "chr1:2000", "--genes", annotation, "-t", "0")
    assert around.code == 0, around.err
    assert list(dict.fromkeys((row[3], row[4], row[5]) for row in around.table[1:])) == [
        ("chr1:4100", "ok", "A"), ("chr1:4100", "ok", "B"), ("chr1:2000", "no_gene_in_reach", "NA"),
    ]  # fmt: skip
    start = 4099 - 1023
    own = (3899 - start - FIRST) // WIDTH
    values = pooled(torch.from_numpy(expected("chr1", start, 0, [own - 1, own, own + 1])))
    np.testing.assert_allclose(column(around, 6, "chr1:4100", "A"), values, rtol=1e-4)


def test_what_cannot_be_explained_has_its_reason(explain: Command, vcf: Path) -> None:
    outcome = explain(vcf, "-r", "chr9:1", "-r", "chr2:4001", "-t", "0")
    assert outcome.code == 0, outcome.err
    # One window for both alleles of a record, and one for a symbolic allele: windows hold the reference.
    named = list(dict.fromkeys(row[3] for row in outcome.table[1:]))
    assert named == [
        "near_start", "two_alleles", "insertion", "deletion", "symbolic", "near_end", "chr9:1", "chr2:4001",
    ]  # fmt: skip
    assert outcome.table[-2:] == [
        ["chr9", "0", "1", "chr9:1", "unknown_contig", "NA", "NA"],
        ["chr2", "4000", "4001", "chr2:4001", "outside_contig", "NA", "NA"],
    ]
    places = [row for row in outcome.table[1:] if row[3] == "near_end"]
    assert all(0 <= int(row[1]) < int(row[2]) <= CONTIGS[row[0]] for row in places)
    assert len(places) < STRETCHES
    assert "6 of 8 windows explained (not: 1 unknown_contig, 1 outside_contig)" in outcome.err
    dry = explain(vcf, "-r", "chr9:1", "-r", "chr2:4001", "-t", "0", "--dry-run")
    assert dry.out == ""
    assert "6 of 8 windows can be explained (not: 1 unknown_contig, 1 outside_contig)" in dry.err


def test_every_file(
    explain: Command, tmp_path: Path, annotation: Path, expected: Callable[..., np.ndarray], sequences: dict[str, str]
) -> None:
    pybigtools = pytest.importorskip("pybigtools")
    outcome = explain(
        "-r", "chr1:4100", "-r", "chr1:500", "--genes", annotation, "--target", "center,tss", "-t", "0,2",
        "-o", tmp_path / "all.npz", "-o", tmp_path / "{window}.{target}.{track}.bw", "-o", tmp_path / "table.tsv.gz",
        "--figure", tmp_path / "{window}.{target}.png", "--summary", tmp_path / "summary.json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    arrays = np.load(tmp_path / "all.npz")
    names = list(zip(arrays["windows"].tolist(), arrays["targets"].tolist(), strict=True))
    assert names == [("chr1:500", "center"), ("chr1:4100", "center"), ("chr1:4100", "A"), ("chr1:4100", "B")]
    assert arrays["tracks"].tolist() == ["TRACK0", "TRACK2"]
    start = 4099 - 1023
    assert arrays["starts"].tolist() == [499 - 1023, start, start, start]
    assert arrays["gradients"].shape == (4, 2, WINDOW, 4)
    np.testing.assert_array_equal(arrays["codes"][1], codes_of(sequences["chr1"], start)[0])
    values = expected("chr1", start, 2, [2, 3, 4])
    np.testing.assert_allclose(arrays["contributions"][1, 1], values, rtol=1e-4, atol=1e-6 * np.abs(values).max())
    np.testing.assert_allclose(arrays["pooled"][1, 1], pooled(torch.from_numpy(values)), rtol=1e-4)
    x = np.eye(5)[arrays["codes"]][:, None, :, :4]
    np.testing.assert_allclose((arrays["gradients"] * x).sum(3), arrays["contributions"], rtol=1e-5, atol=1e-9)
    settings = json.loads(str(arrays["notes"]))["settings"]
    assert (settings["recipe"], settings["target"]) == ("notebook", "center,tss")

    track = pybigtools.open(str(tmp_path / "chr1_4100.A.TRACK0.bw"))
    found = track.values("chr1", start, start + WINDOW, fillna=None)
    np.testing.assert_allclose(found, arrays["contributions"][2, 0], rtol=1e-6)
    edge = pybigtools.open(str(tmp_path / "chr1_500.center.TRACK0.bw")).values("chr1", 0, 499 + 1025, fillna=None)
    np.testing.assert_allclose(edge, arrays["contributions"][0, 0, 1023 - 499 :], rtol=1e-6)

    for window, target in names:
        picture = (tmp_path / f"{window.replace(':', '_')}.{target}.png").read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) > 10_000
    assert json.loads((tmp_path / "summary.json").read_text())["windows"] == {"ok": 2}


def test_several_files_need_several_names(explain: Command, tmp_path: Path) -> None:
    windows = ("-r", "chr1:4100", "-r", "chr1:4500", "-t", "0,1")
    outcome = explain(*windows, "-o", tmp_path / "{window}.bw")
    assert outcome.code == 2
    assert "put {window}, {target}, {track} into its name" in outcome.err
    outcome = explain(*windows, "--figure", tmp_path / "one.png")
    assert outcome.code == 2
    assert "2 pictures would be written" in outcome.err
    outcome = explain(*windows, "-o", tmp_path / "a.bw", "-o", tmp_path / "b.bigWig")
    assert outcome.code == 2
    assert "are both a bigWig: give one of each kind" in outcome.err
    assert list(tmp_path.glob("*.bw")) == []


def test_shards_are_the_whole_table(explain: Command, command: Command, tmp_path: Path) -> None:
    regions = tmp_path / "regions.bed"
    regions.write_text("".join(f"chr1\t{start}\t{start + 10}\n" for start in range(2000, 7000, 500)))
    whole = explain("-R", regions, "-t", "0", "-o", tmp_path / "whole.tsv")
    assert whole.code == 0, whole.err
    for number in (1, 2):
        part = explain("-R", regions, "-t", "0", "-o", tmp_path / "part{shard}.tsv", "--shard", f"{number}/2")
        assert part.code == 0, part.err
    merged = command("merge", tmp_path / "part1.tsv", tmp_path / "part2.tsv", "-o", tmp_path / "merged.tsv")
    assert merged.code == 0, merged.err
    assert (tmp_path / "merged.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()


def test_basenji2(command: Command, tmp_path: Path, data_directory: Path) -> None:
    """A family without a transformer, by the same command."""
    sequence = random_sequence(np.random.default_rng(2), 20_000)
    fasta = make_fasta(tmp_path / "long.fa", {"chr1": sequence})
    model = data_directory / "tiny_basenji2.h5"
    outcome = command(
        "contributions", "-f", fasta, "-m", model, "--device", "cpu", "-r", "chr1:10000", "-t", "3", "--width", "1"
    )
    assert outcome.code == 0, outcome.err
    start = 9999 - (16384 // 2 - 1)
    codes = torch.from_numpy(encode(sequence[start : start + 16384]))[None]
    # 96 bins; the position is the last base of bin 47.
    target = Target(torch.eye(13)[3] / 3, [46, 47, 48])
    gradients = input_gradients(load_model(model).network, "human", codes, [target])
    values = contributions(gradients[0, 0], codes[0], Recipe.NOTEBOOK).numpy()
    np.testing.assert_allclose(
        column(outcome, 6, "chr1:10000", "center"), values, rtol=1e-4, atol=1e-6 * np.abs(values).max()
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-t", "0"), "nothing says where windows are"),
        (("-r", "chr1", "-t", "0"), "region chr1 has no middle"),
        (("-r", "chr1:4000", "-t", "0,1", "-o", "one.bw"), "error: -o: 2 targets would be written to one.bw"),
        (("-r", "chr1:5", "-t", "99"), "99"),
        (("-r", "chr1:5", "-t", "0", "--organism", "yeast"), "no yeast head"),
        (("-r", "chr1:5", "-t", "0", "--width", "100"), "--width 100: the window of 2048 bp does not divide"),
        (("-r", "chr1:5", "-t", "0", "-o", "out.vcf"), "written as .tsv, .tsv.gz, .bw or .npz"),
        (("-r", "chr1:5", "-t", "0", "--recipe", "paper"), "'paper' is not one of"),
        (("-r", "chr1:5", "-t", "0", "--target", "tss"), "--target tss needs an annotation"),
        (("-r", "chr1:5", "-t", "0", "--shifts", "2000"), "--shifts 2000"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_line(explain: Command, options: tuple[str, ...], words: str) -> None:
    outcome = explain(*options)
    # Of a model that lacks a head it is the model that is at fault.
    assert outcome.code == (1 if "yeast" in options else 2), outcome.err
    assert words in outcome.err
    assert "Traceback" not in outcome.err


def test_a_region_far_from_the_target_is_out_of_reach(explain: Command) -> None:
    outcome = explain("-r", "chr1:2000", "-t", "0", "--target", "chr1:8000")
    assert outcome.code == 0, outcome.err
    assert outcome.table[1] == ["chr1", "1999", "2000", "chr1:2000", "out_of_reach", "NA", "NA"]
