"""`enformer-vep attention` as a user meets it; numbers against maps that are computed here."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from enformer_vep.explain.attention_maps import both_strands, mean_attention
from enformer_vep.genome.encoding import encode
from enformer_vep.models.checkpoints import load_model
from enformer_vep.models.families import FAMILIES
from tests.cli.conftest import CONTIGS, Outcome
from tests.models.toy_family import TOY, make_toy_model

Command = Callable[..., Outcome]
WINDOW, WIDTH, TOKENS = 2048, 128, 16
GENES = (("A", 3900, 4600, "+"), ("B", 3000, 4150, "-"))


@pytest.fixture
def attend(command: Command, fasta: Path, small_model: Path) -> Command:
    def run(*options: object) -> Outcome:
        return command("attention", "-f", fasta, "-m", small_model, "--device", "cpu", *options)

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


@pytest.fixture
def expected(sequences: dict[str, str], small_model: Path) -> Callable[..., np.ndarray]:
    """The map of a window by its 0-based start."""
    network = load_model(small_model).network

    def compute(contig: str, start: int, reverse: bool = False, **chosen: object) -> np.ndarray:
        sequence = sequences[contig]
        inside = sequence[max(start, 0) : start + WINDOW]
        padded = "N" * max(-start, 0) + inside
        codes = torch.from_numpy(encode(padded.ljust(WINDOW, "N")))[None]

        def maps(some: torch.Tensor) -> torch.Tensor:
            return mean_attention(network, some, **chosen)

        return (both_strands(maps, codes) if reverse else maps(codes))[0].numpy()

    return compute


def column(outcome: Outcome, number: int, window: str, query: str) -> list[str]:
    return [row[number] for row in outcome.table[1:] if row[3] == window and row[5] == query]


def test_a_line_for_each_bin_that_is_looked_at(attend: Command, expected: Callable[..., np.ndarray]) -> None:
    outcome = attend("-r", "chr1:4000", "-r", "1:5,000-5,002", "--rc", "--layers", "1", "--heads", "0-1")
    assert outcome.code == 0, outcome.err
    assert outcome.table[0] == ["#CHROM", "START", "END", "WINDOW", "STATUS", "QUERY", "DISTANCE", "ATTENTION"]
    assert len(outcome.table) == 1 + 2 * TOKENS
    for name, position in (("chr1:4000", 3999), ("1:5000-5002", 5000)):
        start = position - (WINDOW // 2 - 1)
        assert column(outcome, 1, name, "center") == [str(start + WIDTH * number) for number in range(TOKENS)]
        assert column(outcome, 6, name, "center") == [str(WIDTH * (number - 7)) for number in range(TOKENS)]
        values = np.array(column(outcome, 7, name, "center"), dtype=float)
        row = expected("chr1", start, reverse=True, layers=[1], heads=[0, 1])[7]
        np.testing.assert_allclose(values, row, rtol=2e-6)
        assert np.isclose(values.sum(), 1)


def test_what_has_no_map_has_its_reason(attend: Command, vcf: Path, sequences: dict[str, str]) -> None:
    outcome = attend(vcf, "-r", "chr9:1", "-r", "chr2:4001", "-r", "chr2:4000")
    assert outcome.code == 0, outcome.err
    # One window for both alleles of a record, and one for a symbolic allele: maps are of the reference.
    named = list(dict.fromkeys(row[3] for row in outcome.table[1:]))
    assert named == [
        "near_start", "two_alleles", "insertion", "deletion", "symbolic", "near_end",
        "chr2:4000", "chr9:1", "chr2:4001",
    ]  # fmt: skip
    assert outcome.table[-2:] == [
        ["chr9", "0", "1", "chr9:1", "unknown_contig", "NA", "NA", "NA"],
        ["chr2", "4000", "4001", "chr2:4001", "outside_contig", "NA", "NA", "NA"],
    ]
    # Bins of the padding are left out, those across an end of the contig are cut.
    for name in ("near_start", "chr2:4000"):
        places = [row for row in outcome.table[1:] if row[3] == name]
        assert all(0 <= int(row[1]) < int(row[2]) <= CONTIGS[row[0]] for row in places)
        assert len(places) < TOKENS
    assert "7 of 9 windows mapped (not: 1 unknown_contig, 1 outside_contig)" in outcome.err


def test_genes(attend: Command, annotation: Path, expected: Callable[..., np.ndarray]) -> None:
    on_genes = attend("--genes", annotation, "--gene", "B,ENSA,NONE", "--tss-bins", "2")
    assert on_genes.code == 0, on_genes.err
    assert [row[3] for row in on_genes.table[1:]] == ["A"] * TOKENS + ["B"] * TOKENS + ["NONE"]
    assert on_genes.table[-1] == [".", "0", "1", "NONE", "gene_without_tss", "NA", "NA", "NA"]
    values = np.array(column(on_genes, 7, "B", "B"), dtype=float)
    np.testing.assert_allclose(values, expected("chr1", 4149 - 1023)[7:9].mean(0), rtol=2e-6)
    around = attend("-r", "chr1:4100", "--genes", annotation)
    start = 4099 - 1023
    assert list(dict.fromkeys(row[5] for row in around.table[1:])) == ["center", "A", "B"]
    own = (3899 - start) // WIDTH
    row = expected("chr1", start)[own - 1 : own + 2].mean(0)
    np.testing.assert_allclose(np.array(column(around, 7, "chr1:4100", "A"), dtype=float), row, rtol=2e-6)
    assert column(around, 6, "chr1:4100", "A")[own - 2 : own + 3] == ["-128", "0", "0", "0", "128"]


def test_every_file(
    attend: Command, tmp_path: Path, annotation: Path, expected: Callable[..., np.ndarray], sequences: dict[str, str]
) -> None:
    pybigtools, cooler = pytest.importorskip("pybigtools"), pytest.importorskip("cooler")
    pytest.importorskip("matplotlib")
    outcome = attend(
        "-r", "chr2:3990", "-r", "chr1:4000", "-r", "chr1:4300", "-r", "chr9:1", "--genes", annotation, "--query",
        "center,tss", "--window-grid", "--bigwig", tmp_path / "{window}-{query}.bw", "--npz", tmp_path / "maps.npz",
        "--cool", tmp_path / "maps.cool", "--figure", tmp_path / "{window}.svg", "--summary", tmp_path / "run.json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert outcome.out == ""
    # The multiples of a bin's width that are nearest to windows on the positions.
    starts = {name: 128 * round((int(name[5:]) - 1024) / 128) for name in ("chr1:4000", "chr1:4300", "chr2:3990")}
    maps = {name: expected(name[:4], start) for name, start in starts.items()}
    with np.load(tmp_path / "maps.npz") as file:
        assert file["windows"].tolist() == list(starts)
        assert file["starts"].tolist() == list(starts.values())
        assert file["contigs"].tolist() == ["chr1", "chr1", "chr2"]
        assert file["width"] == WIDTH
        np.testing.assert_allclose(file["maps"], np.array(list(maps.values())), rtol=2e-6)
        assert json.loads(str(file["notes"]))["settings"]["window-grid"] is True
    names = [f"chr1_{position}-{query}.bw" for position in (4000, 4300) for query in ("center", "A", "B")]
    assert sorted(one.name for one in tmp_path.glob("*.bw")) == sorted([*names, "chr2_3990-center.bw"])
    records = list(pybigtools.open(str(tmp_path / "chr2_3990-center.bw")).records("chr2"))
    start = starts["chr2:3990"]
    centre = (3989 - start) // WIDTH
    assert [record[:2] for record in records][-1] == (3968, 4000)
    np.testing.assert_allclose([one[2] for one in records], maps["chr2:3990"][centre, : len(records)], rtol=2e-6)
    assert (tmp_path / "chr1_4000.svg").read_bytes().startswith(b"<?xml")
    assert len(list(tmp_path.glob("*.svg"))) == 3
    matrix = cooler.Cooler(str(tmp_path / "maps.cool")).matrix(balance=False)
    sums, counts = np.zeros((71, 71)), np.zeros((71, 71))
    for name in ("chr1:4000", "chr1:4300"):
        part = slice(starts[name] // WIDTH, starts[name] // WIDTH + TOKENS)
        sums[part, part] += (maps[name] + maps[name].T) / 2
        counts[part, part] += 1
    np.testing.assert_allclose(matrix.fetch("chr1"), sums / np.maximum(counts, 1), rtol=2e-6)
    account = json.loads((tmp_path / "run.json").read_text())
    assert account["windows"] == {"ok": 3, "unknown_contig": 1}


def test_a_dry_run_counts(attend: Command, tmp_path: Path) -> None:
    outcome = attend("-r", "chr1:4000", "-r", "chrX:1", "--dry-run", "--npz", tmp_path / "maps.npz")
    assert outcome.code == 0
    assert outcome.out == ""
    assert "1 of 2 windows can be mapped (not: 1 unknown_contig)" in outcome.err
    assert not (tmp_path / "maps.npz").exists()


def test_shards_join(attend: Command, command: Command, vcf: Path, tmp_path: Path) -> None:
    windows = [word for position in range(2000, 7000, 400) for word in ("-r", f"chr1:{position}")]
    attend(vcf, *windows, "-o", tmp_path / "whole.tsv.gz")
    for number in (1, 2):
        outcome = attend(vcf, *windows, "-o", tmp_path / "{shard}.tsv.gz", "--shard", f"{number}/2")
        assert outcome.code == 0, outcome.err
    joined = command("merge", tmp_path / "1.tsv.gz", tmp_path / "2.tsv.gz", "-o", tmp_path / "joined.tsv.gz")
    assert joined.code == 0, joined.err
    assert (tmp_path / "joined.tsv.gz").read_bytes() == (tmp_path / "whole.tsv.gz").read_bytes()


@pytest.mark.parametrize(("options", "words"), [
    ((), "nothing says where windows are: give VARIANTS"),
    (("-r", "chr1"), "has no middle: write chr22:1000"),
    (("-r", "chr1:4000", "--layers", "2"), "--layers 2: model small.safetensors has 2, numbered from 0"),
    (("-r", "chr1:4000", "--heads", "0-5"), "--heads 2: model small.safetensors has 2"),
    (("-r", "chr1:4000", "--layers", "x"), "write numbers from 0 and ranges"),
    (("-r", "chr1:4000", "--query", "tss"), "give one with --genes"),
    (("-r", "chr1:4000", "--query", "chr1"), "has no middle"),
    (("-r", "chr1:4000", "--shifts", "0,3000"), "no bin in common"),
    (("-r", "chr1:4000", "-o", "rows.parquet"), "written as .tsv or .tsv.gz"),
    (("-r", "chr1:4000", "--cool", "maps.cool"), "add --window-grid"),
    (("-r", "chr1:4000", "--window-grid", "--cool", "maps.hic"), "written as .cool or .mcool"),
    (("-r", "chr1:4000", "--figure", "map.gif"), "figures are written as png"),
    (("-r", "chr1:4000", "-r", "chr1:5000", "--figure", "map.png"), "to map.png: put {window}"),
    (("-r", "chr1:4000", "--query", "center,chr1:4100", "--bigwig", "{window}.bw"), "{window}, {query}"),
    (("-r", "chr1:4000", "--npz", "none/maps.npz"), "does not exist"),
    (("-r", "chr1:4000", "--npz", "maps.npz", "--shard", "1/2"), "--shard is for the table alone"),
    (("-r", "chr1:4000", "--shard", "1/2"), "--shard needs -o FILE"),
])  # fmt: skip
def test_bad_input_is_one_line(
    attend: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = attend(*options)
    assert outcome.code in (1, 2)
    assert outcome.out == ""
    assert words in outcome.err
    assert not list(tmp_path.glob("map*"))


def test_models_without_attention(
    command: Command, fasta: Path, tmp_path: Path, data_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("h5py")
    monkeypatch.setitem(FAMILIES, "toy", TOY)
    for model, family in (
        (make_toy_model(tmp_path / "t.safetensors"), "toy"),
        (data_directory / "tiny_basenji2.h5", "basenji2"),
    ):
        outcome = command("attention", "-r", "chr1:4000", "-f", fasta, "-m", model, "--dry-run")
        assert outcome.code == 2
        assert f"is a {family}, which has no attention" in outcome.err.splitlines()[-1]
