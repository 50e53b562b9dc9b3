"""`enformer-vep saturate` as a user meets it."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.builders import make_fasta, make_vcf
from tests.cli.conftest import CONTIGS, Outcome

Command = Callable[..., Outcome]
Saturate = Callable[..., Outcome]
MOTIFS = (
    "MEME version 4\nMOTIF M1 one\nletter-probability matrix: w= 4\n"
    + "0.97 0.01 0.01 0.01\n" * 3
    + "0.01 0.01 0.97 0.01\n"
)


@pytest.fixture
def saturate(command: Command, fasta: Path, small_model: Path) -> Saturate:
    def run(*words: object, name: str = "saturate") -> Outcome:
        return command(name, *words, "-f", fasta, "-m", small_model, "--device", "cpu", "-t", "0,3")

    return run


def table_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))


def test_rows_are_those_of_score(
    saturate: Saturate, command: Command, sequences: dict[str, str], tmp_path: Path
) -> None:
    """In one window each: the window of the middle base is the same for a region of it alone."""
    rows = table_of(saturate("-r", "chr1:4001-4001", "-s", "SAD,SADR").out)
    own = sequences["chr1"][4000]
    others = [base for base in "ACGT" if base != own]
    assert [(row["#CHROM"], row["POS"], row["REF"], row["ALT"], row["STATUS"]) for row in rows] == [
        ("chr1", "4001", own, base, "ok") for base in others
    ]
    vcf = make_vcf(tmp_path / "same.vcf", [("chr1", 4001, ".", own, ",".join(others))], CONTIGS)
    scored = table_of(saturate(vcf, "-s", "SAD,SADR", name="score").out)
    for name in ("SAD_TRACK0", "SADR_TRACK3"):
        np.testing.assert_allclose(
            [float(row[name]) for row in rows], [float(row[name]) for row in scored], rtol=1e-4, atol=1e-7
        )
    assert {row["WINDOW_START"] for row in rows} == {str(4001 - 1023)}


def test_a_region_and_everything_that_is_made_of_it(
    saturate: Saturate, command: Command, sequences: dict[str, str], tmp_path: Path, fasta: Path
) -> None:
    pybigtools, _ = pytest.importorskip("pybigtools"), pytest.importorskip("matplotlib")
    (tmp_path / "m.meme").write_text(MOTIFS)
    table = tmp_path / "table.tsv.gz"
    made = ("--npz", "a.npz", "--bigwig", "b", "--figure", "f.png", "--motif-table", "m.tsv", "--motifs", "m.meme")
    paths = [word if word.startswith("--") else tmp_path / word for word in made]
    outcome = saturate("-r", "1:4001-4040", "-o", table, "--deletions", 1, *paths, "--motif-p", 0.02)
    assert outcome.code == 0, outcome.err
    arrays = np.load(tmp_path / "a.npz")
    assert arrays["columns"].tolist() == ["SAD_TRACK0", "SAD_TRACK3"]
    assert arrays["stretches"].tolist() == ["chr1:4001-4040"]
    effects, text = arrays["chr1:4001-4040/effects"], sequences["chr1"][4000:4040]
    assert str(arrays["chr1:4001-4040/sequence"]) == text
    assert effects.shape == (40, 4, 2)
    assert arrays["chr1:4001-4040/deletions"].shape == (40, 2)
    own = np.array(["ACGT".index(base) for base in text])
    assert (effects[np.arange(40), own] == 0).all()
    with pybigtools.open(str(tmp_path / "b.SAD_TRACK3.min.bw")) as file:
        others = np.where(np.eye(4, dtype=bool)[own], np.inf, effects[:, :, 1])
        np.testing.assert_array_equal(
            np.array(list(file.values("chr1", 4000, 4040, fillna=None)), dtype=np.float32), others.min(1)
        )
    with pybigtools.open(str(tmp_path / "b.SAD_TRACK0.mean.bw")) as file:
        mean = np.array(list(file.values("chr1", 4000, 4040, fillna=None)), dtype=np.float32)
        np.testing.assert_allclose(mean, -effects[:, :, 0].mean(axis=1), rtol=1e-5, atol=1e-9)
        assert file.chroms()["chr1"] == CONTIGS["chr1"]
    with pybigtools.open(str(tmp_path / "b.SAD_TRACK0.max.bw")) as file:
        assert max(file.values("chr1", 4000, 4040, fillna=None)) == effects[:, :, 0].max()
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    matches = table_of((tmp_path / "m.tsv").read_text())
    for match in matches:
        assert match["SEQUENCE"] == text[int(match["START"]) - 4000 : int(match["END"]) - 4000]
    # The same from the table alone.
    for name in ("a.npz", "m.tsv"):
        (tmp_path / name).rename(tmp_path / f"first_{name}")
    again = command("saturate", "--table", table, "-f", fasta, *paths, "--motif-p", 0.02)
    assert again.code == 0, again.err
    for name in ("a.npz", "m.tsv"):
        assert (tmp_path / name).read_bytes() == (tmp_path / f"first_{name}").read_bytes()


def test_variants_without_and_with_the_allele(
    saturate: Saturate, vcf: Path, records: list[tuple[object, ...]], tmp_path: Path
) -> None:
    """No allele is lost: what cannot be scored has a row with its status, the others one and two backgrounds."""
    pytest.importorskip("matplotlib")
    table = tmp_path / "table.tsv"
    outcome = saturate(vcf, "--flank", 2, "-o", table, "--npz", tmp_path / "a.npz", "--figure", tmp_path / "{name}.png")
    assert outcome.code == 0, outcome.err
    rows = table_of(table.read_text())
    kept = [(row["POS"], row["ALT"], row["STATUS"]) for row in rows if row["ID"] in {str(one[2]) for one in records}]
    assert kept == [
        (str(position), allele, "symbolic_allele" if allele == "<DEL>" else "ok")
        for _, position, _, _, alleles in records
        for allele in str(alleles).split(",")
    ]
    pictures = sorted(path.name for path in tmp_path.glob("*.png"))
    assert len(pictures) == 6
    _, position, _, reference, alternate = records[2]
    name = f"chr1_{position}_{reference}_{alternate}"
    assert f"{name}.png" in pictures
    arrays = np.load(tmp_path / "a.npz")
    carried = arrays[f"{name}:4098-4106/sequence"]
    assert str(carried)[2:7] == alternate
    place = arrays["alleles"].tolist().index("chr1_100_{}_{}".format(*records[0][3:5]))
    np.testing.assert_array_equal(
        arrays["allele_effects"][place],
        arrays["chr1:98-102/effects"][2, "ACGT".index(str(records[0][4]))],
    )


def test_adjoint_screens_and_refines(saturate: Saturate, tmp_path: Path) -> None:
    words = ("-r", "chr1:4001-4020", "--engine", "adjoint", "--refine", "10%", "--refine-sample", "0%")
    screened = table_of(saturate(*words).out)
    exact = table_of(saturate("-r", "chr1:4001-4020").out)
    engines = [row.pop("ENGINE") for row in screened]
    assert 6 <= engines.count("delta") <= 12
    for one, other, engine in zip(screened, exact, engines, strict=True):
        assert (one == other) is (engine == "delta")
    table = tmp_path / "screened.tsv"
    assert saturate(*words, "-o", table, "--npz", tmp_path / "a.npz").code == 0
    effects = np.load(tmp_path / "a.npz")["chr1:4001-4020/effects"]
    assert np.isfinite(effects).all()


def test_shards_are_joined(saturate: Saturate, command: Command, tmp_path: Path) -> None:
    words = ("-r", "chr1:4001-4012", "-r", "chr2:1501-1504", "--piece-size", 4)
    assert saturate(*words, "-o", tmp_path / "whole.tsv").code == 0
    parts = []
    for number in (1, 2):
        parts.append(tmp_path / f"{number}.tsv")
        assert saturate(*words, "--shard", f"{number}/2", "-o", parts[-1]).code == 0
    assert command("merge", *parts, "-o", tmp_path / "joined.tsv").code == 0
    assert (tmp_path / "joined.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()
    refused = saturate(*words, "--shard", "1/2", "-o", tmp_path / "x.tsv", "--npz", tmp_path / "a.npz")
    assert refused.code == 2
    assert "merge them" in refused.err


def test_a_finished_shard_belongs_to_its_settings(saturate: Saturate, tmp_path: Path) -> None:
    """What changes numbers or rows makes another run."""
    words = ("-r", "chr1:4001-4012", "--piece-size", 4, "--shard", "1/2", "-o", tmp_path / "one.tsv")
    assert saturate(*words).code == 0
    assert "nothing to do" in saturate(*words).err
    for more in (("--deletions", 1), ("--readout", "chr1:4001-4100")):
        before = (tmp_path / "one.tsv").read_bytes()
        assert "nothing to do" not in saturate(*words, *more).err
        assert (tmp_path / "one.tsv").read_bytes() != before
        assert saturate(*words, "--overwrite").code == 0


def test_a_dry_run_counts(saturate: Saturate) -> None:
    outcome = saturate("-r", "chr1:4001-4012", "--deletions", 2, "--dry-run")
    assert (outcome.code, outcome.out) == (0, "")
    assert "47 of 47 alleles can be scored" in outcome.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "nothing to saturate"),
        (("-r", "chr7:1-10"), 1, "no contig chr7"),
        (("-r", "chr1:8995-9001"), 1, "past the end of chr1"),
        (("-r", "chr1:1-2000"), 2, "at most 1024 are saturated at once"),
        (("-r", "chr1:4001-4010", "--readout", "chr1:8001-8010"), 2, "not predicted"),
        (("-r", "chr1:4001-4010", "--readout", "chr1:4001-4010", "--bins", "center:2"), 2, "--bins and --readout"),
        (("-r", "chr1:4001-4010", "--npz", "a.npz"), 2, "give -o FILE"),
        (("-r", "chr1:1-2", "-r", "chr1:5-6", "-o", "t.tsv", "--figure", "a.png"), 2, "2 pictures"),
        (("-r", "chr1:4001-4010", "-o", "t.tsv", "--figure", "a.gif"), 2, "png, svg, pdf"),
        (("-r", "chr1:4001-4010", "-o", "t.tsv", "--motifs", "m.meme"), 2, "ask for one of them"),
        (("-r", "chr1:4001-4010", "-o", "t.tsv", "--motif-table", "m.tsv"), 2, "--motifs"),
        (("-r", "chr1:4001-4010", "-o", "t.tsv", "--motif-p", 0), 2, "--motif-p 0"),
        (("-r", "chr1:4001-4010", "-o", "t.tsv", "--figure", "a.png", "--column", "SAD_X"), 2, "SAD_TRACK0"),
        (("-r", "chr1:4001-4010", "--table", "t.tsv", "--npz", "a.npz"), 2, "leave out"),
        (("--table", "t.tsv"), 2, "say what to make"),
        (("-",), 2, "use a file"),
    ],
)
def test_bad_words_are_one_line(
    saturate: Saturate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[object, ...],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = saturate(*words)
    assert outcome.code == code
    assert message in outcome.err
    assert not list(tmp_path.glob("*.png"))


def test_bad_motifs_are_noticed_before_anything_is_scored(saturate: Saturate, tmp_path: Path) -> None:
    (tmp_path / "m.meme").write_text("MEME version 4\n")
    table = tmp_path / "t.tsv"
    outcome = saturate("-r", "chr1:4001-4010", "-o", table, "--motifs", tmp_path / "m.meme", "--figure", "a.png")
    assert (outcome.code, table.exists()) == (1, False)
    assert "has no motif" in outcome.err


def test_stretches_that_overlap_have_no_bigwig(saturate: Saturate, sequences: dict[str, str], tmp_path: Path) -> None:
    text = sequences["chr1"]
    other = {"A": "C", "C": "G", "G": "T", "T": "A"}
    near = [("chr1", place, ".", text[place - 1], other[text[place - 1]]) for place in (4000, 4003)]
    vcf = make_vcf(tmp_path / "near.vcf", near, CONTIGS)
    outcome = saturate(vcf, "--flank", 2, "-o", tmp_path / "t.tsv", "--bigwig", tmp_path / "b")
    assert outcome.code == 2
    assert "overlap" in outcome.err


def test_lower_case_and_gaps(command: Command, small_model: Path, sequences: dict[str, str], tmp_path: Path) -> None:
    """Soft-masking changes nothing; N is changed to each of the four bases."""
    text = sequences["chr1"]
    words = ("-m", small_model, "--device", "cpu", "-t", "0", "-r", "chr1:4001-4003")
    plain = command("saturate", "-f", make_fasta(tmp_path / "plain.fa", {"chr1": text}), *words)
    masked = command("saturate", "-f", make_fasta(tmp_path / "masked.fa", {"chr1": text.lower()}), *words)
    assert masked.out == plain.out
    gap = f"{text[:4001]}N{text[4002:]}"
    rows = table_of(command("saturate", "-f", make_fasta(tmp_path / "gap.fa", {"chr1": gap}), *words).out)
    assert [(row["POS"], row["ALT"], row["STATUS"]) for row in rows if row["REF"] == "N"] == [
        ("4002", base, "ok") for base in "ACGT"
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--npz", "genome.fa"), "genome.fa is an input of this run"),
        (("--npz", "t.tsv"), "two outputs have the same name, t.tsv"),
        (("--motifs", "m.meme", "--motif-table", "m.meme"), "m.meme is an input of this run"),
        (("--bigwig", "no/where"), "make the folder first"),
    ],
)
def test_nothing_that_is_needed_is_replaced(
    saturate: Saturate,
    fasta: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.meme").write_text(MOTIFS)
    before = fasta.read_bytes()
    outcome = saturate("-r", "chr1:4001-4001", "-q", "-o", "t.tsv", *words)
    assert outcome.code in (1, 2)
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert fasta.read_bytes() == before
    assert not (tmp_path / "t.tsv").exists()
