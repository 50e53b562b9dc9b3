"""`enformer-vep boundaries` from the shell's side."""

import gzip
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.builders import make_fasta, random_sequence

SMALL = ("--merge", 100, "--apart", 600, "--every", 256, "--turns", 500, "--match", "none")
POSITIONS = (2_000, 5_000, 8_500, 12_000, 13_000, 17_000, 21_500, 26_000)


@pytest.fixture(scope="module")
def fasta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("boundaries")
    return make_fasta(folder / "genome.fa", {"chr1": random_sequence(np.random.default_rng(2), 30_000)})


@pytest.fixture
def bed(tmp_path: Path) -> Path:
    path = tmp_path / "boundaries.bed"
    lines = [f"1\t{one}\t{one + 1}\tb{one}" for one in (50, *POSITIONS)] + ["chr9\t5\t6\tlost"]
    path.write_text("\n".join(lines) + "\n")
    return path


def text_of(path: Path) -> str:
    return (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()


def rows(path: Path) -> list[dict[str, str]]:
    header, *lines = [line.split("\t") for line in text_of(path).splitlines() if not line.startswith("##")]
    assert {len(line) for line in lines} == {len(header)}
    return [dict(zip(header, line, strict=True)) for line in lines]


def test_tables_figure_and_maps(command, fasta, bed, small_model, tmp_path):
    pytest.importorskip("matplotlib")
    outputs = {name: tmp_path / f"{name}.{ending}" for name, ending in
               (("tests", "tsv"), ("values", "tsv.gz"), ("maps", "npz"), ("figure", "svg"))}  # fmt: skip
    words = ("boundaries", bed, "-f", fasta, "-m", small_model, *SMALL, "--rc", "--motif", "GATTACA", "--disrupt")
    files = [word for name in ("values", "maps", "figure") for word in (f"--{name}", outputs[name])]
    outcome = command(*words, "-o", outputs["tests"], *files)
    assert outcome.code == 0, outcome.err
    assert "10 boundaries: 8 ok, 1 unknown_contig, 1 near_contig_end; " in outcome.err
    tests = rows(outputs["tests"])
    # Two measures of two layers with two heads and a mean each, and the mean of all.
    assert [(one["MEASURE"], one["LAYER"], one["HEAD"]) for one in tests[:3]] == [
        ("stripe", "0", "0"), ("stripe", "0", "1"), ("stripe", "0", "mean")]  # fmt: skip
    assert len([one for one in tests if one["COMPARISON"] == "boundary_matched"]) == 14
    assert all(0 < float(one["P"]) <= 1 for one in tests if one["COMPARISON"] == "boundary_matched")
    assert all((one["Q"] == "NA") == ("mean" in (one["LAYER"], one["HEAD"])) for one in tests)
    assert {one["N"] for one in tests[:14]} == {"8"}
    values = rows(outputs["values"])
    assert [one["NAME"] for one in values if one["KIND"] == "boundary"] == [
        "b50",
        *(f"b{at}" for at in POSITIONS),
        "lost",
    ]
    assert all((one["INSULATION"] == "NA") == (one["STATUS"] != "ok") for one in values)
    assert text_of(outputs["values"]).startswith("##caution=attention of a small or untrained model")
    assert outputs["figure"].read_bytes().startswith(b"<?xml")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [bed.name, *(one.name for one in outputs.values())]
    )


def test_boundaries_from_a_pipe(command, fasta, bed, small_model, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=lambda: pipe.write_bytes(bed.read_bytes())).start()
    outcome = command(
        "boundaries", pipe, "-f", fasta, "-m", small_model, *SMALL, "--no-tiles", "-o", tmp_path / "x.tsv"
    )
    assert outcome.code == 0, outcome.err
    assert "8 ok" in outcome.err


def test_a_dry_run_counts_and_computes_nothing(command, fasta, bed, small_model, tmp_path):
    outcome = command("boundaries", bed, "-f", fasta, "-m", small_model, *SMALL, "--dry-run", "-o", tmp_path / "x.tsv")
    assert (outcome.code, outcome.out) == (0, "")
    assert "8 ok" in outcome.err
    assert "windows to read" in outcome.err
    assert not (tmp_path / "x.tsv").exists()


def test_a_dry_run_needs_no_matched_window(command, fasta, bed, small_model):
    outcome = command("boundaries", bed, "-f", fasta, "-m", small_model, *SMALL, "--apart", 20_000, "--dry-run")
    assert outcome.code == 0
    assert "8 no_match" in outcome.err


def test_a_checkpoint_of_another_run_is_refused(command, fasta, bed, small_model, tmp_path):
    from enformer_vep.explain.boundary_run import Readings, save_readings

    output = tmp_path / "tests.tsv"
    save_readings(Path(f"{output}.checkpoint.npz"), {"seed": 1}, Readings())
    words = ("boundaries", bed, "-f", fasta, "-m", small_model, *SMALL, "--no-tiles", "-o", output)
    refused = command(*words)
    assert refused.code == 1
    assert refused.err.count("belongs to another run") == 1
    assert command(*words, "--overwrite").code == 0
    assert [path.name for path in tmp_path.glob("tests*")] == ["tests.tsv"]


def test_a_model_without_attention(command, fasta, bed, data_directory):
    outcome = command("boundaries", bed, "-f", fasta, "-m", data_directory / "tiny_basenji2.h5", *SMALL)
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1].startswith("enformer-vep: error: ")
    assert "no attention" in outcome.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--match", "gc,colour"), 2, "write some of gc, motif, tss"),
        (("--match", "gc,gc"), 2, "each once"),
        (("--match", "motif"), 2, "--match motif counts what it is not given: add --motif or --meme"),
        (("--match", "tss"), 2, "add --genes"),
        (("--disrupt",), 2, "--disrupt destroys a motif"),
        (("--motif", "CCAX"), 2, "is no consensus"),
        (("--motif", "CCA", "--meme", "x.meme"), 2, "--motif and --meme exclude each other"),
        (("--motif-name", "CTCF"), 2, "give it with --meme"),
        (("--meme", "absent.meme"), 1, "does not exist"),
        (("--arm", 900), 2, "leave the window of 2048 bp"),
        (("--gc-caliper", 0), 2, "--gc-caliper has to be above 0"),
        (("--figure", "x.jpeg"), 2, "png, svg, pdf"),
        (("-o", "x.tsv", "--values", "x.tsv"), 2, "two outputs have the same name"),
        (("--shifts", "0,64"), 2, "less than 64 bp"),
        (("--values", "absent/x.tsv"), 1, "make the folder first"),
    ],
)
def test_bad_requests_get_one_line(command, fasta, bed, small_model, monkeypatch, tmp_path, words, code, message):
    monkeypatch.chdir(tmp_path)
    outcome = command("boundaries", bed, "-f", fasta, "-m", small_model, "--every", 256, *words)
    assert outcome.code == code
    assert message in outcome.err.splitlines()[-1]
    assert outcome.out == ""


def test_an_empty_bed(command, fasta, small_model, tmp_path):
    path = tmp_path / "empty.bed"
    path.write_text("# none\n")
    outcome = command("boundaries", path, "-f", fasta, "-m", small_model)
    assert outcome.code == 1
    assert "holds no interval; give boundaries, or domains with --domains" in outcome.err


@pytest.mark.parametrize("option", ["-o", "--values", "--maps"])
def test_inputs_are_not_replaced(command, fasta, bed, small_model, option):
    before = bed.read_bytes()
    outcome = command("boundaries", bed, "-f", fasta, "-m", small_model, option, bed, "-q")
    assert outcome.code == 2
    assert outcome.err == f"enformer-vep: error: {bed} is an input of this run: choose another name for the output\n"
    assert bed.read_bytes() == before
