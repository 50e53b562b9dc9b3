"""`enformer-vep score` as a user meets it."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
import torch

from tests.builders import bgzip, index_variants, make_bcf, make_fasta, make_vcf, targets_text, vcf_text
from tests.cli.conftest import CONTIGS, Outcome

Command = Callable[..., Outcome]
IDS = ["near_start", "two_alleles", "two_alleles", "insertion", "deletion", "symbolic", "near_end"]


@pytest.fixture
def score(command: Command, vcf: Path, fasta: Path, small_model: Path) -> Command:
    """Scores the usual input on the CPU, with further options."""

    def run(*options: object, variants: Path | str = vcf, genome: Path = fasta) -> Outcome:
        return command("score", variants, "-f", genome, "-m", small_model, "--device", "cpu", *options)

    return run


def values(outcome: Outcome) -> np.ndarray:
    return np.array([[float(cell) for cell in row[6:]] for row in outcome.table[1:] if row[5] == "ok"])


def test_one_row_per_allele_in_order(score: Command) -> None:
    outcome = score()
    assert outcome.code == 0
    header, *rows = outcome.table
    assert header == ["#CHROM", "POS", "ID", "REF", "ALT", "STATUS", *(f"SAD_TRACK{i}" for i in range(5))]
    assert [row[2] for row in rows] == IDS
    assert [row[5] for row in rows] == ["ok"] * 5 + ["symbolic_allele", "ok"]
    assert rows[5][6:] == ["NA"] * 5
    assert np.isfinite(values(outcome)).all()
    assert (values(outcome) != 0).all()
    assert "6 of 7 alleles scored (not: 1 symbolic_allele)" in outcome.err


def test_same_input_same_bytes(score: Command) -> None:
    assert score().out == score().out


@pytest.mark.parametrize("batch_size", [2, 3, 100])
def test_batch_size_changes_only_rounding(score: Command, batch_size: int) -> None:
    np.testing.assert_allclose(values(score("--batch-size", batch_size)), values(score()), rtol=2e-3, atol=2e-6)


def test_files_hold_what_standard_output_shows(score: Command, tmp_path: Path) -> None:
    shown = score().out
    assert score("-o", tmp_path / "scores.tsv").out == ""
    assert (tmp_path / "scores.tsv").read_text() == shown
    score("-o", tmp_path / "scores.tsv.gz", "--tabix")
    assert gzip.decompress((tmp_path / "scores.tsv.gz").read_bytes()).decode() == shown
    with pysam.TabixFile(str(tmp_path / "scores.tsv.gz")) as table:
        assert [line.split("\t")[2] for line in table.fetch("chr1", 4099, 4100)] == ["insertion"]


def test_pandas_reads_the_table_exactly(score: Command, tmp_path: Path) -> None:
    score("-o", tmp_path / "scores.tsv")
    frame = pd.read_csv(tmp_path / "scores.tsv", sep="\t")
    assert frame["SAD_TRACK0"].isna().tolist() == [status != "ok" for status in frame["STATUS"]]


def test_every_form_of_input_gives_the_same_table(score: Command, vcf: Path, tmp_path: Path) -> None:
    expected = score().out
    assert score(variants=bgzip(tmp_path / "v.vcf.gz", vcf.read_bytes())).out == expected
    assert score(variants=make_bcf(tmp_path / "v.bcf", vcf)).out == expected


def test_regions(score: Command, vcf: Path, tmp_path: Path) -> None:
    compressed = bgzip(tmp_path / "v.vcf.gz", vcf.read_bytes())
    plain = score("-r", "chr1:4000-4100")
    assert [row[2] for row in plain.table[1:]] == ["two_alleles", "two_alleles", "insertion"]
    index_variants(compressed)
    assert score("-r", "1:4,000-4,100", variants=compressed).out == plain.out
    (tmp_path / "regions.bed").write_text("chr1\t3999\t4000\nchr2\t0\t4000\n")
    chosen = score("-R", tmp_path / "regions.bed", variants=compressed)
    assert [row[2] for row in chosen.table[1:]] == ["two_alleles", "two_alleles", "near_end"]


def test_tracks_scores_and_organism(score: Command) -> None:
    assert score("-t", "assay:CAGE", "-s", "sadr,d1").table[0][6:] == [
        "SADR_TRACK0",
        "SADR_TRACK1",
        "D1_TRACK0",
        "D1_TRACK1",
    ]
    assert score("--organism", "mouse").table[0][6:] == ["SAD_MOUSE0", "SAD_MOUSE1", "SAD_MOUSE2"]


def test_chosen_tracks_have_the_values_they_have_among_all(score: Command) -> None:
    np.testing.assert_allclose(values(score("-t", "3,1")), values(score())[:, [3, 1]], rtol=2e-3, atol=2e-6)


def test_targets_file_describes_the_tracks(score: Command, tmp_path: Path) -> None:
    (tmp_path / "targets.txt").write_text(targets_text(["X:a"] * 5))
    assert score("--targets", tmp_path / "targets.txt", "-t", "assay:X").table[0][6] == "SAD_TRACK0"
    (tmp_path / "short.txt").write_text(targets_text(["X:a"] * 4))
    refused = score("--targets", tmp_path / "short.txt")
    assert refused.code == 1
    assert "4 tracks listed, but the human head has 5" in refused.err


def test_strands_and_shifts_are_averages(score: Command) -> None:
    plain, both = values(score()), values(score("--rc"))
    assert not np.allclose(plain, both, rtol=1e-2)
    singles = [values(score("--shifts", shift)) for shift in ("-1", "0", "1")]
    np.testing.assert_allclose(values(score("--shifts", "-1,0,1")), np.mean(singles, axis=0), rtol=2e-3, atol=2e-6)


def test_engines_agree(score: Command) -> None:
    np.testing.assert_allclose(values(score("--engine", "pair")), values(score()), rtol=5e-3, atol=5e-6)


def test_shared_windows_say_which(score: Command) -> None:
    shared = score("--share-windows", "200")
    assert shared.table[0][6] == "WINDOW_START"
    starts = [row[6] for row in shared.table[1:]]
    assert starts[0] == str(100 - 1023)
    assert len(set(starts[1:5])) == 1, "four alleles within 200 bp"
    assert starts[5] == "NA"
    assert "WINDOW_START" not in score().table[0]


def test_bins_around_the_variant(score: Command) -> None:
    everything = values(score("-s", "D1"))
    assert (values(score("-s", "D1", "--bins", "center:2")) <= everything).all()
    np.testing.assert_allclose(values(score("-s", "D1", "--bins", "center:8")), everything, rtol=1e-5)


def test_summary(score: Command, tmp_path: Path) -> None:
    score("--summary", tmp_path / "summary.json", "-s", "SAX", "--rc")
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["alleles"] == 7
    assert summary["by_status"] == {"ok": 6, "symbolic_allele": 1}
    assert summary["settings"]["scores"] == ["SAX"]
    assert summary["settings"]["reverse_complement"] is True
    assert len(summary["model"]["sha256"]) == 64


@pytest.fixture
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_two_threads")
def test_threads_are_said_once_and_stand_in_the_summary(score: Command, tmp_path: Path) -> None:
    outcome = score("--threads", 1, "--summary", tmp_path / "summary.json")
    assert outcome.err.count("computing with 1 thread (--threads) on ") == 1
    assert json.loads((tmp_path / "summary.json").read_text())["threads"] == 1
    assert torch.get_num_threads() == 1
    assert "computing with" not in score("--dry-run").err


def test_dry_run_counts_and_writes_nothing(score: Command, tmp_path: Path) -> None:
    outcome = score("--dry-run", "-o", tmp_path / "scores.tsv")
    assert outcome.code == 0
    assert outcome.out == ""
    assert "6 of 7 alleles can be scored" in outcome.err
    assert not (tmp_path / "scores.tsv").exists()


def test_empty_vcf_gives_a_header(score: Command, tmp_path: Path) -> None:
    outcome = score(variants=make_vcf(tmp_path / "empty.vcf", [], CONTIGS))
    assert outcome.code == 0
    assert len(outcome.table) == 1


def test_environment_variables_stand_for_options(score: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENFORMER_VEP_SCORE_TRACKS", "2")
    assert score().table[0][6:] == ["SAD_TRACK2"]
    both_strands = score("--rc")
    monkeypatch.setenv("ENFORMER_VEP_SCORE_RC", "1")
    monkeypatch.setenv("ENFORMER_VEP_SCORE_QUIET", "1")
    assert score().out == both_strands.out
    assert score("-r", "chr2").err == ""


def test_swapping_alleles_negates(
    command: Command, score: Command, small_model: Path, sequences: dict[str, str], tmp_path: Path
) -> None:
    forward = score(variants=make_vcf(tmp_path / "f.vcf", [("chr1", 4000, ".", sequences["chr1"][3999], "N")]))
    changed = {**sequences, "chr1": sequences["chr1"][:3999] + "N" + sequences["chr1"][4000:]}
    swapped = score(
        variants=make_vcf(tmp_path / "s.vcf", [("chr1", 4000, ".", "N", sequences["chr1"][3999])]),
        genome=make_fasta(tmp_path / "changed.fa", changed),
    )
    np.testing.assert_allclose(values(swapped), -values(forward), rtol=1e-3, atol=1e-6)


BAD_OPTIONS = {
    "unknown score": (("-s", "SAD,FOO"), "FOO"),
    "unknown track": (("-t", "NOSUCH"), "NOSUCH"),
    "bins": (("--bins", "left:3"), "center:N"),
    "too many bins": (("--bins", "center:9"), "1 to 8"),
    "shifts": (("--shifts", "a"), "-1,0,1"),
    "batch size": (("--batch-size", "0"), "auto"),
    "organism": (("--organism", "fly"), "human"),
    "device": (("--device", "cuda:77"), "--device cpu"),
    "region": (("-r", "chr1:9-2"), "region"),
    "tabix of text": (("-o", "x.tsv", "--tabix"), "tabix"),
    "other format": (("-o", "x.xlsx"), ".tsv"),
    "window": (("--window", "1000"), "multiple"),
    "share windows": (("--share-windows", "5000"), "at most 1024"),
    "shift out of the window": (("--shifts", "0,1024"), "-1024 to 1023"),
    "no tracks": (("-t", ""), "--tracks is empty"),
    "no scores": (("-s", ","), "--scores is empty"),
    "missing regions file": (("-R", "none.bed"), "none.bed does not exist"),
    "one name for two files": (("-o", "x.tsv", "--summary", "x.tsv"), "two outputs have the same name, x.tsv"),
    "summary in a missing folder": (("--summary", "none/s.json"), "make the folder first"),
    "no such option": (("--frobnicate",), "frobnicate"),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options(score: Command, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    options, expected = BAD_OPTIONS[name]
    outcome = score(*options)
    assert outcome.code in (1, 2)
    assert expected in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    assert {p.name for p in tmp_path.iterdir()} - {p.name for p in before} <= {"genome.fa.fai"}


def broken_inputs(folder: Path, vcf: Path, fasta: Path) -> dict[str, tuple[dict[str, object], str]]:
    """Input that is wrong in a way people meet; and what the message must name."""
    text = vcf.read_text()
    compressed = bgzip(folder / "whole.vcf.gz", text.encode() * 1).read_bytes()
    (folder / "truncated.vcf.gz").write_bytes(compressed[:-28])
    (folder / "cut.vcf.gz").write_bytes(compressed[: len(compressed) // 2])
    (folder / "headless.vcf").write_text("".join(text.splitlines(keepends=True)[3:]))
    (folder / "spaces.vcf").write_text(text.replace("\t", " "))
    (folder / "nothing.vcf").write_text("")
    (folder / "windows.fa").write_text(fasta.read_text().replace("\n", "\r\n"), newline="")
    (folder / "directory").mkdir()
    return {
        "truncated BGZF": ({"variants": folder / "truncated.vcf.gz"}, "truncated.vcf.gz"),
        "cut BGZF": ({"variants": folder / "cut.vcf.gz"}, "cut.vcf.gz"),
        "no fileformat": ({"variants": folder / "headless.vcf"}, "headless.vcf"),
        "spaces": ({"variants": folder / "spaces.vcf"}, "spaces.vcf"),
        "empty file": ({"variants": folder / "nothing.vcf"}, "nothing.vcf"),
        "missing VCF": ({"variants": folder / "missing.vcf"}, "missing.vcf"),
        "directory as VCF": ({"variants": folder / "directory"}, "directory"),
        "Windows line ends": ({"genome": folder / "windows.fa"}, "windows.fa"),
        "missing FASTA": ({"genome": folder / "missing.fa"}, "missing.fa"),
        "directory as FASTA": ({"genome": folder / "directory"}, "directory"),
        "VCF as FASTA": ({"genome": vcf}, "variants.vcf"),
    }


BROKEN = [
    "truncated BGZF",
    "cut BGZF",
    "no fileformat",
    "spaces",
    "empty file",
    "missing VCF",
    "directory as VCF",
    "Windows line ends",
    "missing FASTA",
    "directory as FASTA",
    "VCF as FASTA",
]


@pytest.mark.parametrize("name", BROKEN)
def test_broken_input_is_one_line_that_names_it(
    score: Command, name: str, tmp_path: Path, vcf: Path, fasta: Path
) -> None:
    arguments, expected = broken_inputs(tmp_path, vcf, fasta)[name]
    outcome = score("-q", "-o", tmp_path / "scores.tsv", **arguments)
    assert outcome.code == 1
    assert expected in outcome.err
    assert len(outcome.err.splitlines()) == 1, outcome.err
    assert not (tmp_path / "scores.tsv").exists()


@pytest.mark.parametrize(
    ("destination", "expected"),
    [("no/such/folder/scores.tsv", "no/such/folder"), (".", "folder"), ("new_folder/", "is a folder")],
)
def test_unwritable_destination(score: Command, destination: str, expected: str) -> None:
    outcome = score("-q", "-o", destination)
    assert outcome.code in (1, 2)
    assert expected in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_destinations_are_looked_at_before_the_model(command: Command, vcf: Path, fasta: Path, tmp_path: Path) -> None:
    outcome = command("score", vcf, "-f", fasta, "-m", tmp_path / "none", "-q", "-o", tmp_path / "no" / "x.tsv")
    assert "make the folder first" in outcome.err


@pytest.mark.parametrize("option", ["-o", "--summary"])
def test_an_input_is_not_written_over(
    score: Command, vcf: Path, fasta: Path, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(vcf.parent)
    for path in (vcf, fasta):
        before = path.read_bytes()
        outcome = score(option, f"./{path.name}")
        assert outcome.code == 2
        assert "is an input of this run" in outcome.err
        assert path.read_bytes() == before


def test_dressed_up_input(score: Command, vcf: Path, tmp_path: Path) -> None:
    """Other line ends, compression, contig names and letter case; no contig lines: the same values."""
    expected = values(score())
    text = vcf.read_text()
    (tmp_path / "windows.vcf").write_text(text.replace("\n", "\r\n"), newline="")
    (tmp_path / "plain_gzip.vcf.gz").write_bytes(gzip.compress(text.encode()))
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    bare = [(row[0].removeprefix("chr"), row[1], "rs1;ñ名", *map(str.lower, row[3:5])) for row in rows]
    make_vcf(tmp_path / "bare.vcf", bare, contigs=())
    for name in ("windows.vcf", "plain_gzip.vcf.gz", "bare.vcf"):
        np.testing.assert_array_equal(values(score(variants=tmp_path / name)), expected)
    outcome = score(variants=tmp_path / "bare.vcf")
    assert outcome.table[1][:5] == [*map(str, bare[0])]
    assert outcome.err.count("Contig names are matched") == 1


def test_contig_that_the_genome_lacks_is_a_status(score: Command, tmp_path: Path) -> None:
    (tmp_path / "other.vcf").write_text(vcf_text([("chr7", 5, ".", "A", "C")], ["chr7"]))
    assert [row[5] for row in score(variants=tmp_path / "other.vcf").table[1:]] == ["unknown_contig"]


def test_no_model_is_an_error_with_a_remedy(command: Command, vcf: Path, fasta: Path, tmp_path: Path) -> None:
    outcome = command("score", vcf, "-f", fasta, "-m", tmp_path / "none.safetensors")
    assert outcome.code == 1
    assert "none.safetensors" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("name", ["scores.vcf", "scores.vcf.gz", "scores.bcf"])
def test_a_vcf_has_a_header_for_the_inputs_contig_names(score: Command, tmp_path: Path, vcf: Path, name: str) -> None:
    renamed = tmp_path / "renamed.vcf"
    renamed.write_text(vcf.read_text().replace("chr", ""))
    for variants, contigs in ((vcf, ["chr1", "chr2"]), (renamed, ["1", "2"])):
        assert score("-o", tmp_path / name, "--overwrite", variants=variants).code == 0
        with pysam.VariantFile(str(tmp_path / name)) as read:
            assert [(one, read.header.contigs[one].length) for one in read.header.contigs] == list(
                zip(contigs, CONTIGS.values(), strict=True)
            )
            assert [site.id for site in read] == list(dict.fromkeys(IDS))


def test_other_formats_on_standard_output(score: Command) -> None:
    lines = score("-O", "vcf").out.splitlines()
    assert lines[0].startswith("##fileformat=VCF")
    assert len([line for line in lines if not line.startswith("#")]) == len(set(IDS))
    assert len([line for line in score("-O", "bed").out.splitlines() if line[0] != "#"]) > 0
    refused = score("-O", "parquet")
    assert refused.code == 2
    assert "cannot be streamed" in refused.err
    assert "unknown format" in score("-O", "xls").err


def test_engines_agree_to_the_last_digit_in_float64(score: Command, tmp_path: Path) -> None:
    (tmp_path / "groups.tsv").write_text("0\tone\n1\tone\n2\ttwo\n")
    for options in ((), ("--indels", "stitch", "--groups", tmp_path / "groups.tsv")):
        exact = values(score("--precision", "float64", "--engine", "pair", *options))
        np.testing.assert_allclose(values(score("--precision", "float64", *options)), exact, rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(values(score(*options)), exact, rtol=1e-3, atol=1e-6)


def test_a_substitution_has_the_same_bytes_whatever_becomes_of_indels(score: Command) -> None:
    """Averaged over four views, beside indels and not."""
    options = ("--rc", "--shifts", "0,3", "-s", "SAD,D2,JS")
    tables = [score(*options, "--indels", rule).table for rule in ("left", "stitch", "local")]
    kept = [[row for row in table if len(row[3]) == len(row[4])] for table in tables]
    assert len(kept[0]) >= 5
    assert kept[0] == kept[1] == kept[2]
