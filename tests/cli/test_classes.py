"""`calibrate` and `score --calibration` with variants of several classes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.builders import make_vcf
from tests.cli.conftest import CONTIGS, Outcome

Command = Callable[..., Outcome]
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}
PLACES = range(1500, 7500, 250)


@pytest.fixture
def run(command: Command, fasta: Path, small_model: Path) -> Command:
    def made(name: str, variants: Path, *options: object) -> Outcome:
        return command(name, variants, "-f", fasta, "-m", small_model, "--device", "cpu", *options)

    return made


@pytest.fixture
def background(tmp_path: Path, sequences: dict[str, str]) -> Path:
    """24 SNVs and 24 deletions of a base."""
    here = sequences["chr1"]
    records = []
    for place in PLACES:
        records.append(("chr1", place, "snv", here[place - 1], OTHER[here[place - 1]]))
        records.append(("chr1", place + 9, "deletion", here[place + 8 : place + 10], here[place + 8]))
    return make_vcf(tmp_path / "background.vcf", records, CONTIGS)


@pytest.fixture
def variants(tmp_path: Path, sequences: dict[str, str]) -> Path:
    """Two of each of four classes, the base around which an SNV stands written out."""
    here = sequences["chr1"]
    records = []
    for place in (3001, 4501):
        base, after = here[place - 1], here[place]
        records += [
            ("chr1", place, "snv", base + after, OTHER[base] + after),
            ("chr1", place + 20, "deletion", here[place + 19 : place + 21], here[place + 19]),
            (
                "chr1",
                place + 40,
                "mnv",
                here[place + 39 : place + 41],
                "".join(map(OTHER.get, here[place + 39 : place + 41])),
            ),
            ("chr1", place + 60, "long", here[place + 59], here[place + 59] + "ACGTT" * 5),
        ]
    return make_vcf(tmp_path / "variants.vcf", records, CONTIGS)


@pytest.fixture
def calibration(run: Command, background: Path, tmp_path: Path) -> Path:
    file = tmp_path / "background.safetensors"
    outcome = run("calibrate", background, "-o", file, "--min-alleles", 20)
    assert outcome.code == 0, outcome.err
    assert "not calibrated for lack of 20 background alleles: mnv (0), insertion_1 (0)" in outcome.err
    return file


def test_ranks_are_within_the_class(run: Command, background: Path, variants: Path, calibration: Path) -> None:
    outcome = run("score", variants, "--calibration", calibration, "--add", "quantile")
    assert outcome.code == 0, outcome.err
    own = run("score", background).table
    for row in outcome.table[1:]:
        if row[2] not in ("snv", "deletion"):
            assert row[12:] == ["NA"] * 5
            continue
        sizes = np.abs([[float(cell) for cell in other[6:]] for other in own[1:] if other[2] == row[2]])
        assert len(sizes) == len(PLACES)
        scores, quantiles = (np.array(row[part], float) for part in (slice(7, 12), slice(12, 17)))
        ranks = (sizes < np.abs(scores)).mean(axis=0)
        np.testing.assert_allclose(quantiles, np.sign(scores) * ranks, atol=1.5 / len(sizes))


def test_what_is_not_ranked_is_counted_once_and_named(
    run: Command, variants: Path, calibration: Path, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.json"
    outcome = run("score", variants, "--calibration", calibration, "-o", tmp_path / "x.vcf", "--summary", summary)
    told = "4 scored alleles have no quantiles, since the calibration lacks their classes: 2 mnv, 2 insertion_21_64"
    assert outcome.err.count(told) == 1
    assert json.loads(summary.read_text())["not_calibrated"] == {"mnv": 2, "insertion_21_64": 2}
    assert (
        "calibrated-classes: snv (24 alleles), deletion_1 (24 alleles); no quantiles of: mnv,"
        in (tmp_path / "x.vcf").read_text()
    )
    without = run("score", variants, "--summary", summary)
    assert "quantiles" not in without.err
    assert "not_calibrated" not in json.loads(summary.read_text())


def test_shards_join_to_the_whole_with_its_counts(
    run: Command, command: Command, variants: Path, calibration: Path, tmp_path: Path
) -> None:
    options = ("--calibration", calibration, "--piece-size", 3)
    whole = run("score", variants, *options).out
    shards = [tmp_path / f"{number}.tsv" for number in (1, 2, 3)]
    for number, shard in enumerate(shards, 1):
        assert run("score", variants, *options, "--shard", f"{number}/3", "-o", shard).code == 0
    again = run("score", variants, *options, "--shard", "2/3", "-o", shards[1], "--summary", tmp_path / "again.json")
    assert "is complete already" in again.err
    assert json.loads((tmp_path / "again.json").read_text())["not_calibrated"] == {"insertion_21_64": 1}
    joined = command("merge", *shards, "-o", tmp_path / "all.tsv", "--summary", tmp_path / "all.json")
    assert (tmp_path / "all.tsv").read_text() == whole
    assert "4 scored alleles have no quantiles" in joined.err
    assert json.loads((tmp_path / "all.json").read_text())["not_calibrated"] == {"mnv": 2, "insertion_21_64": 2}


def test_all_alleles_of_a_record_have_their_own_class(
    run: Command, calibration: Path, tmp_path: Path, sequences: dict[str, str]
) -> None:
    two = sequences["chr1"][3999:4001]
    alternates = f"{OTHER[two[0]]}{two[1]},{two[0]},{two}A"
    vcf = make_vcf(tmp_path / "one.vcf", [("chr1", 4000, ".", two, alternates)], CONTIGS)
    table = run("score", vcf, "--calibration", calibration, "--add", "quantile,alphagenome").table
    assert [row[6] for row in table[1:]] == ["snv", "deletion_1", "insertion_1"]
    assert [row[12:] == ["NA"] * 10 for row in table[1:]] == [False, False, True]


def test_the_pseudocount_is_part_of_what_has_to_be_the_same(
    run: Command, background: Path, variants: Path, tmp_path: Path
) -> None:
    file = tmp_path / "background.safetensors"
    options = ("-s", "SADR", "--pseudocount", 0.1)
    assert run("calibrate", background, "-o", file, "--min-alleles", 20, *options).code == 0
    assert run("score", variants, "--calibration", file, *options).code == 0
    refused = run("score", variants, "--calibration", file, "-s", "SADR")
    assert refused.code == 2
    assert "pseudocount 0.1 (this run: none)" in refused.err


def test_what_changes_none_of_the_scores_need_not_be_the_same(
    run: Command, background: Path, variants: Path, tmp_path: Path
) -> None:
    """Of a calibration of several scores, each can be asked for alone: --pseudocount and --shrink refuse some."""
    file = tmp_path / "background.safetensors"
    options = ("-s", "SAD,SADR,D1", "--pseudocount", 0.1, "--rc", "--shrink")
    assert run("calibrate", background, "-o", file, "--min-alleles", 20, *options).code == 0
    every = run("score", variants, "--calibration", file, *options).table
    for score, more in (("SAD", ("--shrink",)), ("D1", ())):
        outcome = run("score", variants, "--calibration", file, "--rc", "-s", score, *more)
        assert outcome.code == 0, outcome.err
        for name in (name for name in outcome.table[0] if name.startswith(f"{score}Q_")):
            column, same = outcome.table[0].index(name), every[0].index(name)
            assert [row[column] for row in outcome.table] == [row[same] for row in every]
    assert "shrink True (this run: none)" in run("score", variants, "--calibration", file, "--rc").err


@pytest.mark.parametrize(("value", "words"), [(0, "0.01"), (-1, "0.01"), ("nan", "0.01"), ("inf", "0.01")])
def test_no_pseudocount_is_refused(run: Command, variants: Path, value: object, words: str) -> None:
    outcome = run("score", variants, "-s", "SADR", "--pseudocount", value)
    assert outcome.code == 2
    assert words in outcome.err


def test_a_pseudocount_without_a_log_ratio_is_refused(run: Command, variants: Path) -> None:
    outcome = run("score", variants, "--pseudocount", 0.5)
    assert outcome.code == 2
    assert "SADR, SAR and LOGD2 only" in outcome.err


def test_the_header_has_the_pseudocount(run: Command, variants: Path, tmp_path: Path) -> None:
    run("score", variants, "-s", "SADR", "--pseudocount", 0.25, "-o", tmp_path / "x.vcf")
    text = (tmp_path / "x.vcf").read_text()
    assert "log2(sum alternate + 0.25) - log2(sum reference + 0.25)" in text
    assert "pseudocount: 0.25" in text
