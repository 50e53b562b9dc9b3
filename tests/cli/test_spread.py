"""`--spread`, `--confident` and `--shrink`, and what later commands make of their columns, as a user meets them."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pysam
import pytest

from tests.builders import make_vcf
from tests.cli.conftest import CONTIGS, Outcome

Command = Callable[..., Outcome]
VIEWS = ("--rc", "--shifts", "-3,0,5", "-t", "0,1")


@pytest.fixture
def score(command: Command, vcf: Path, fasta: Path, small_model: Path) -> Command:
    def run(*options: object, name: str = "score", variants: Path = vcf) -> Outcome:
        outcome = command(name, variants, "-f", fasta, "-m", small_model, "--device", "cpu", *options)
        assert "Traceback" not in outcome.err
        return outcome

    return run


def numbers(outcome: Outcome) -> npt.NDArray[np.float64]:
    """Values of scored rows; NA is NaN."""
    rows = [row[6:] for row in outcome.table[1:] if row[5] == "ok"]
    return np.array([[float("nan" if cell == "NA" else cell) for cell in row if cell != "snv"] for row in rows])


def test_runs_of_single_shifts_say_the_same(score: Command) -> None:
    """Substitutions, an insertion and a deletion; the shift of -70 bp moves bins by a whole one."""
    words = ("-s", "SAD,SADR,D1", "-t", "0,1", "--bins", "center:3")
    shifts = (-70, 0, 5)
    spread = score(*words, "--shifts", "-70,0,5", "--spread")
    assert spread.table[0][6:] == [
        f"{score}_TRACK{track}"
        for score in ("SAD", "SADR", "D1", "SADSD", "SADRSD", "D1SD", "SADAGREE", "SADRAGREE")
        for track in (0, 1)
    ]
    found = numbers(spread)
    np.testing.assert_array_equal(found[:, :6], numbers(score(*words, "--shifts", "-70,0,5")))
    alone = np.array([numbers(score(*words, f"--shifts={shift}")) for shift in shifts])
    assert alone.shape[1:] == (6, 6)
    np.testing.assert_allclose(found[:, 6:12], alone.std(axis=0, ddof=1), rtol=1e-3, atol=1e-5 * np.abs(alone).max())
    shares = (np.sign(alone[..., :4]) == np.sign(found[:, :4])).mean(axis=0)
    np.testing.assert_allclose(found[:, 12:], shares, rtol=1e-7)
    assert 0 < shares.min() < 1


def test_every_format_has_the_columns(score: Command, tmp_path: Path) -> None:
    words = (*VIEWS, "--spread", "--confident", "0.9")
    expected = numbers(score(*words))
    assert np.isnan(expected[:, :2]).any()
    assert not np.isnan(expected[:, 2:]).any()
    assert score(*words, "-o", tmp_path / "x.parquet").code == 0
    frame = pd.read_parquet(tmp_path / "x.parquet")
    found = frame[frame["STATUS"] == "ok"].filter(regex="^SAD").to_numpy(np.float64)
    np.testing.assert_array_equal(found, expected.astype(np.float32))
    assert score(*words, "-o", tmp_path / "x.bcf").code == 0
    with pysam.VariantFile(str(tmp_path / "x.bcf")) as file:
        assert [name for name in file.header.info if name.startswith("SAD")] == list(frame.columns[6:])
        assert "Standard deviation of SAD over" in file.header.info["SADSD_TRACK0"].description
        cells = [cell for record in file for cell in record.info.get("SADAGREE_TRACK1", ())]
    np.testing.assert_array_equal([cell for cell in cells if cell is not None], expected[:, 5].astype(np.float32))


def test_shards_and_their_merge(score: Command, command: Command, tmp_path: Path) -> None:
    words = (*VIEWS, "--spread", "--confident", "0.9", "--shrink", "--piece-size", "1")
    assert score(*words, "-o", tmp_path / "whole.tsv.gz").code == 0
    names = [tmp_path / f"{number}.tsv.gz" for number in (1, 2, 3)]
    for number, name in enumerate(names, 1):
        assert score(*words, "-o", name, "--shard", f"{number}/3").code == 0
    assert command("merge", *names, "-o", tmp_path / "merged.tsv.gz").code == 0
    assert (tmp_path / "merged.tsv.gz").read_bytes() == (tmp_path / "whole.tsv.gz").read_bytes()
    assert b"NA" in gzip.decompress((tmp_path / "merged.tsv.gz").read_bytes())
    other = score(*VIEWS, "--spread", "--piece-size", "1", "-o", names[0], "--shard", "1/3")
    assert other.code == 0, other.err
    mixed = command("merge", *names, "-o", tmp_path / "mixed.tsv.gz")
    assert mixed.code == 3
    assert "shrink" in mixed.err


def test_what_needs_views_says_so(score: Command) -> None:
    for words in (("--spread",), ("--confident", "0.9"), ("--shrink",)):
        outcome = score(*words)
        assert outcome.code == 2
        assert f"{words[0]} compares views, and there is only one: add --rc, or --shifts -1,0,1" in outcome.err


@pytest.fixture
def background(tmp_path: Path, sequences: dict[str, str]) -> Path:
    other = {"A": "C", "C": "G", "G": "T", "T": "A"}
    sequence = sequences["chr1"]
    places = range(1500, 7500, 500)
    records = [("chr1", place, ".", sequence[place - 1], other[sequence[place - 1]]) for place in places]
    return make_vcf(tmp_path / "background.vcf", records, CONTIGS)


def test_a_calibration_is_of_shrunken_scores_or_of_plain_ones(score: Command, background: Path, tmp_path: Path) -> None:
    strands = ("--rc", "-t", "0,1")
    plain, shrunken = tmp_path / "plain.safetensors", tmp_path / "shrunken.safetensors"
    for file, words in ((plain, ()), (shrunken, ("--shrink",))):
        assert score("-o", file, "--min-alleles", 10, *strands, *words, name="calibrate", variants=background).code == 0
    for file, words in ((plain, ("--shrink",)), (shrunken, ())):
        refused = score(*strands, *words, "--calibration", file)
        assert refused.code == 2
        assert "shrink" in refused.err
    outcome = score(*strands, "--shrink", "--spread", "--calibration", shrunken, variants=background)
    kinds = ("SAD", "SADSD", "SADAGREE", "SADQ", "SADZ")
    assert outcome.table[0][6:] == ["CLASS", *(f"{kind}_TRACK{track}" for kind in kinds for track in (0, 1))]
    found = numbers(outcome)
    sizes = np.abs(numbers(score(*strands, "--shrink", variants=background)))
    below, equal = ((compare(sizes[None], np.abs(found[:, None, :2]))).mean(axis=1) for compare in (np.less, np.equal))
    np.testing.assert_allclose(np.abs(found[:, 6:8]), (below + equal / 2) * (found[:, :2] != 0), atol=1.5 / len(sizes))
    # What is left out is so after the quantile, of which no column is taken for an effect.
    confident = score(*strands, "--shrink", "--confident", "0.9", "--calibration", shrunken, variants=background)
    shown = [f"{kind}_TRACK{track}" for kind in ("SAD", "SADQ", "SADZ") for track in (0, 1)]
    assert confident.table[0][6:] == ["CLASS", *shown]
    doubtful = found[:, 4:6] < 0.9
    expected = np.where(np.tile(doubtful, 3), np.nan, found[:, [0, 1, 6, 7, 8, 9]])
    np.testing.assert_array_equal(numbers(confident), expected)


def test_export_leaves_out_what_score_does(score: Command, command: Command, tmp_path: Path) -> None:
    words = (*VIEWS, "-s", "SAD,JS", "--spread")
    for suffix in ("tsv", "parquet"):
        assert score(*words, "-o", tmp_path / f"all.{suffix}").code == 0
        table = tmp_path / f"all.{suffix}"
        assert command("export", table, "--confident", "0.9", "-o", tmp_path / "some.tsv").code == 0
        assert (tmp_path / "some.tsv").read_text() == score(*words, "--confident", "0.9").out
        # The columns that judge need not be among those wanted.
        chosen = command(
            "export", table, "--confident", "0.9", "-c", "SAD_*", "-c", "JS_TRACK1", "--to", "tsv", "-o", "-"
        )
        assert chosen.table[0][6:] == ["SAD_TRACK0", "SAD_TRACK1", "JS_TRACK1"]
        all_columns = pd.read_csv(tmp_path / "some.tsv", sep="\t", dtype=str, keep_default_na=False)
        assert [row[6:] for row in chosen.table[1:]] == all_columns[chosen.table[0][6:]].to_numpy().tolist()
        assert command("export", table, "-o", tmp_path / "x.vcf.gz", "--confident", "0.9").code == 0
        with pysam.VariantFile(str(tmp_path / "x.vcf.gz")) as file:
            alleles = [allele for record in file for allele in record.alts or ()]
        assert len(alleles) == len(all_columns)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--confident", "0.9", "-c", "JS_*"), "none of these columns has one"),
        (("--confident", "2"), "--confident 2: a share"),
        (("--to", "sldp", "--bim", "x.bim", "-c", "SADSD_*"), "say how far views differ"),
        (("--to", "ldsc", "--bim", "x.bim", "-c", "SADAGREE_TRACK0"), "say how far views differ"),
    ],
)
def test_what_export_refuses(
    score: Command, command: Command, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    score(*VIEWS, "-s", "SAD,JS", "--spread", "-o", tmp_path / "all.tsv")
    outcome = command("export", tmp_path / "all.tsv", "-o", tmp_path / "out.tsv", *words)
    assert outcome.code == 2
    assert said in outcome.err


def test_a_table_without_agreement_cannot_be_judged(score: Command, command: Command, tmp_path: Path) -> None:
    score(*VIEWS, "-o", tmp_path / "plain.tsv")
    outcome = command("export", tmp_path / "plain.tsv", "--confident", "0.9", "-o", tmp_path / "out.tsv")
    assert outcome.code == 2
    assert "SAD_TRACK0 by SADAGREE_TRACK0, which is not there: score with --spread" in outcome.err


def test_annotations_are_of_scores_alone(score: Command, command: Command, tmp_path: Path) -> None:
    score(*VIEWS, "--spread", "-o", tmp_path / "all.tsv")
    table = pd.read_csv(tmp_path / "all.tsv", sep="\t", dtype={"ID": str})
    snvs = table[(table["STATUS"] == "ok") & (table["REF"].str.len() == 1) & (table["ALT"].str.len() == 1)]
    lines = (f"1\trs{row.POS}{row.ALT}\t0\t{row.POS}\t{row.ALT}\t{row.REF}" for row in snvs.itertuples())
    (tmp_path / "x.bim").write_text("".join(f"{line}\n" for line in lines))
    words = ("export", tmp_path / "all.tsv", "--to", "ldsc", "--bim", tmp_path / "x.bim", "-o")
    assert command(*words, tmp_path / "every").code == 0
    with gzip.open(tmp_path / "every.1.annot.gz", "rt") as file:
        assert file.readline().split()[4:] == ["SAD_TRACK0", "SAD_TRACK1"]
    outcome = command(*words, tmp_path / "sure", "--confident", "1")
    assert outcome.code == 0, outcome.err
    written = pd.read_csv(tmp_path / "sure.1.annot.gz", sep="\t")
    for track in ("TRACK0", "TRACK1"):
        on_1 = snvs["#CHROM"].isin(["chr1", "1"])
        kept = (snvs[f"SADAGREE_{track}"] == 1).to_numpy()
        expected = np.where(kept, snvs[f"SAD_{track}"].abs(), 0)[on_1.to_numpy()]
        np.testing.assert_allclose(written[f"SAD_{track}"].to_numpy()[: len(expected)], expected, rtol=1e-6)
