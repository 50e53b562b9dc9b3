"""`enformer-vep priors` as a user calls it, and what export makes of its file."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import Outcome, runner

LOCI, EACH = 60, 20
NAMES = ["SAD_a", "SAD_b"]
SMALL_NOT_SCORED = slice(0, LOCI * EACH, 17)


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    return runner(capfd)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """Folder with scores.tsv and gwas.tsv; its variants. Every fourth is a deletion that scores 300 times as much."""
    folder = tmp_path_factory.mktemp("study")
    random = np.random.default_rng(5)
    size = LOCI * EACH
    z = random.normal(size=size)
    deletion = np.arange(size) % 4 == 3
    frame = pd.DataFrame({
        "SNP": [f"v{number}" for number in range(size)], "CHR": 1, "BP": 1000 + 1000 * np.arange(size),
        "A1": np.where(deletion, "A", "G"), "A2": np.where(deletion, "AC", "A"), "LOCUS": np.arange(size) // EACH,
        "score": np.exp2(2 * z) * np.where(deletion, 300, 1),
    })  # fmt: skip
    weights = np.exp(np.clip(1.2 * z, -math.log(10), math.log(10)))
    effects = np.zeros(size)
    for locus in range(LOCI):
        at = np.flatnonzero(frame["LOCUS"] == locus)
        effects[random.choice(at, p=weights[at] / weights[at].sum())] = random.choice([-1, 1]) * 0.2
    frame["BETA"], frame["SE"], frame["deletion"] = effects + random.normal(0, 0.04, size), 0.04, deletion
    header = "#CHROM\tPOS\tID\tREF\tALT\tSTATUS\tSAD_a\tSAD_b\n"
    scored = np.ones(size, bool)
    scored[SMALL_NOT_SCORED] = False
    rows = []
    for one, ok in zip(frame.itertuples(), scored, strict=True):
        cells = f"ok\t{one.score:.9g}\t{one.score / 2:.9g}" if ok else "ref_mismatch\tNA\tNA"
        rows.append(f"chr1\t{one.BP}\t.\t{one.A2}\t{one.A1}\t{cells}\n")
    (folder / "scores.tsv").write_text(header + "".join(rows))
    frame.loc[SMALL_NOT_SCORED, "score"] = np.nan
    frame.drop(columns=["score", "deletion"]).to_csv(folder / "gwas.tsv", sep="\t", index=False)
    return folder, frame


def standard(frame: pd.DataFrame) -> pd.Series:
    """z within SNVs and within deletions."""
    logs = np.log2(frame["score"])
    return logs.groupby(frame["deletion"]).transform(lambda one: (one - one.mean()) / one.std(ddof=0))


def test_w_is_fitted_written_and_used(command, study, tmp_path):
    folder, frame = study
    model = tmp_path / "prior.json"
    words = ("priors", folder / "scores.tsv", "-c", "SAD_a", "--sumstats", folder / "gwas.tsv", "-o", model)
    outcome = command(*words, "--indel-term")
    assert outcome.code == 0, outcome.err
    held = json.loads(model.read_text())
    low, high = held["fit"]["interval_95"]
    assert low < 1.2 < high
    assert high - low < 1.2
    assert held["fit"]["p_value_of_weight_0"] < 1e-4
    assert (held["fit"]["loci"], held["fit"]["variants"]) == (LOCI, len(frame))
    assert held["fit"]["variants_with_scores"] == int(frame["score"].notna().sum())
    assert held["scores"]["score"] == "SAD"
    scale = held["scales_of_log2_size"]["deletion_1"]
    logs = np.log2(frame["score"][frame["deletion"]].dropna())
    assert (scale["variants"], scale["mean"]) == (len(logs), pytest.approx(logs.mean(), rel=1e-6))
    assert abs(held["indel_log_enrichment"]) < 0.7
    # On one locus: by the mean and deviation of the fit, not those of the locus.
    out = tmp_path / "p.tsv"
    places = slice(40, 60)
    wanted = ("--locus", f"1:{frame['BP'][40]}-{frame['BP'][59]}")
    asked = ("export", folder / "scores.tsv", "--to", "susie", "--sumstats", folder / "gwas.tsv", "-o", out)
    outcome = command(*asked, *wanted, "--prior-model", model)
    assert outcome.code == 0, outcome.err
    limit = math.log(held["max_ratio"]) / 2
    weights = np.exp((held["weight"] * standard(frame)).clip(-limit, limit))
    weights = (weights * np.exp(held["indel_log_enrichment"] * frame["deletion"]))[places]
    weights = weights.fillna(weights.mean())
    found = pd.read_csv(out, sep="\t")["prior_weight"]
    np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-5)


def test_pips_say_the_same_as_the_effects_that_they_were_computed_from(command, study, tmp_path):
    folder, frame = study
    shrinkage = 0.15**2 / (0.15**2 + frame["SE"] ** 2)
    factors = np.exp(0.5 * (np.log1p(-shrinkage) + shrinkage * (frame["BETA"] / frame["SE"]) ** 2))
    pips = factors / factors.groupby(frame["LOCUS"]).transform("sum")
    table = frame.assign(MY_PIP=pips, gene=frame["LOCUS"].map("g{}".format))
    columns = ["SNP", "CHR", "BP", "A1", "A2", "MY_PIP", "gene"]
    table[columns].to_parquet(tmp_path / "pips.parquet")
    start = ("priors", folder / "scores.tsv", "-c", "SAD_a", "--max-ratio", "100")
    evidence = ("--pips", tmp_path / "pips.parquet", "--column", "pip=MY_PIP", "--column", "locus=gene")
    first = command(*start, *evidence, "-o", "-")
    second = command(*start, "--sumstats", folder / "gwas.tsv", "-o", "-")
    assert (first.code, second.code) == (0, 0), first.err
    one, other = json.loads(first.out), json.loads(second.out)
    assert one["weight"] == pytest.approx(other["weight"], abs=1e-3)
    np.testing.assert_allclose(one["fit"]["interval_95"], other["fit"]["interval_95"], atol=1e-3)
    assert one["fit"]["from"] == "pips"


def test_z_people_and_frequency_instead_of_effects(command, study, tmp_path):
    """1 / (2 n f (1 - f)) is the variance at f = 0.5, n = 1250: the same factors."""
    folder, frame = study
    table = frame.assign(Z=frame["BETA"] / frame["SE"], N=1250, MAF=0.5).drop(columns=["BETA", "SE", "score"])
    table.to_csv(tmp_path / "z.tsv", sep="\t", index=False)
    results = [
        command("priors", folder / "scores.tsv", "-c", "SAD_a", "--sumstats", path, "--max-ratio", "100", "-o", "-").out
        for path in (tmp_path / "z.tsv", folder / "gwas.tsv")
    ]
    assert json.loads(results[0])["weight"] == pytest.approx(json.loads(results[1])["weight"], abs=1e-6)


def test_a_variant_of_several_loci_counts_once_for_the_scales(command, study, tmp_path):
    folder, frame = study
    again = frame.iloc[:300].assign(LOCUS=lambda one: one["LOCUS"] + 1000)
    pd.concat([frame, again]).drop(columns="score").to_csv(tmp_path / "g.tsv", sep="\t", index=False)
    start = ("priors", folder / "scores.tsv", "-c", "SAD_a", "--max-ratio", "100", "-o", "-")
    more, once = (
        json.loads(command(*start, "--sumstats", path).out) for path in (tmp_path / "g.tsv", folder / "gwas.tsv")
    )
    assert more["fit"]["loci"] == LOCI + 15
    assert more["scales_of_log2_size"] == once["scales_of_log2_size"]
    assert more["weight"] != once["weight"]


def test_quantiles_and_loci_without_a_causal_variant(command, study, tmp_path):
    """Quantiles by class; half of the loci have noise only."""
    frame = study[1]
    ranks = frame.groupby("deletion")["score"].rank(pct=True) - 1e-4
    header = "#CHROM\tPOS\tID\tREF\tALT\tSTATUS\tSADQ_a\n"
    rows = [
        f"chr1\t{one.BP}\t.\t{one.A2}\t{one.A1}\tok\t{'NA' if math.isnan(rank) else f'{rank:.9g}'}\n"
        for one, rank in zip(frame.itertuples(), ranks, strict=True)
    ]
    (tmp_path / "q.tsv").write_text(header + "".join(rows))
    noise = np.random.default_rng(1).normal(0, 0.04, len(frame))
    empty = frame.assign(LOCUS=frame["LOCUS"] + 500, BETA=noise, BP=frame["BP"])
    pd.concat([frame, empty]).drop(columns="score").to_csv(tmp_path / "g.tsv", sep="\t", index=False)
    words = ("priors", tmp_path / "q.tsv", "--sumstats", tmp_path / "g.tsv", "--max-ratio", "100", "-o", "-")
    held = json.loads(command(*words, "--empty-loci").out)
    assert held["quantiles"] is True
    assert held["fit"]["variants_with_scores"] == 2 * int(frame["score"].notna().sum())
    # Loci of noise may have effects too small to see: the effects that are expected have a normal distribution.
    assert 0.5 < held["fit"]["share_of_loci_with_a_causal_variant"] < 0.999
    assert held["fit"]["interval_95"][0] > 0.5
    logs = -np.log2(1 - ranks[~frame["deletion"]].dropna().astype(np.float32).astype(float))
    assert held["scales_of_log2_size"]["snv"]["mean"] == pytest.approx(logs.mean(), rel=1e-4)


def test_loci_as_regions(command, study, tmp_path):
    folder, frame = study
    bed = [f"chr1\t{frame['BP'][first] - 1}\t{frame['BP'][first + EACH - 1]}\n" for first in range(0, len(frame), EACH)]
    (tmp_path / "loci.bed").write_text("".join(bed))
    frame.drop(columns=["LOCUS", "score"]).to_csv(tmp_path / "g.tsv", sep="\t", index=False)
    start = ("priors", folder / "scores.tsv", "-c", "SAD_a", "--max-ratio", "100", "-o", "-")
    regions = command(*start, "--sumstats", tmp_path / "g.tsv", "--loci", tmp_path / "loci.bed")
    column = command(*start, "--sumstats", folder / "gwas.tsv")
    assert json.loads(regions.out) == json.loads(column.out)
    without = command(*start, "--sumstats", tmp_path / "g.tsv")
    assert without.code == 1
    assert "add a column LOCUS" in without.err


def test_shuffled_scores_have_nothing_to_say(command, study, tmp_path):
    folder, frame = study
    lines = (folder / "scores.tsv").read_text().splitlines()
    cells = [line.split("\t") for line in lines[1:]]
    order = np.random.default_rng(0).permutation(len(cells))
    # Within a class: the kind of a variant stays known.
    order = np.concatenate([order[frame["deletion"].to_numpy()[order] == kind] for kind in (False, True)])
    places = np.concatenate([np.flatnonzero(frame["deletion"] == kind) for kind in (False, True)])
    mixed = dict(zip(places.tolist(), order.tolist(), strict=True))
    rows = ["\t".join(cells[number][:5] + cells[mixed[number]][5:]) for number in range(len(cells))]
    (tmp_path / "s.tsv").write_text("\n".join([lines[0], *rows]) + "\n")
    outcome = command("priors", tmp_path / "s.tsv", "-c", "SAD_a", "--sumstats", folder / "gwas.tsv", "-o", "-")
    low, high = json.loads(outcome.out)["fit"]["interval_95"]
    assert low < 0 < high
    assert "W does not differ from 0" in outcome.err


def test_a_model_is_for_the_scores_it_was_fitted_on(command, study, tmp_path):
    folder, _ = study
    model = tmp_path / "prior.json"
    words = ("priors", folder / "scores.tsv", "-c", "SAD_a", "--sumstats", folder / "gwas.tsv", "-o", model)
    assert command(*words).code == 0
    export = ("export", folder / "scores.tsv", "--sumstats", folder / "gwas.tsv", "-o", tmp_path / "p.tsv")
    (tmp_path / "other.json").write_text("{}")
    for more, expected in (
        (("--prior-model", model, "-c", "SAD_b"), "was fitted on other columns of SAD"),
        (("--prior-model", model, "--weight", "1"), "--prior-model says what --weight would"),
        (("--prior-model", model, "--classes", "together"), "--prior-model says what --classes would"),
        (("--prior-model", tmp_path / "other.json"), "is no prior model"),
    ):
        outcome = command(*export, "--to", "susie", *more)
        assert outcome.code in (1, 2)
        assert expected in outcome.err
    assert "--prior-model goes with" in command(*export, "--to", "polyfun", "--prior-model", model).err
    assert "--weight goes with" in command(*export, "--to", "polyfun", "--weight", "2").err
    assert "--weight goes with" in command(*export[:2], "-o", "-", "--weight", "2").err


def test_bad_requests(command, study, tmp_path):
    folder, frame = study
    gwas = folder / "gwas.tsv"
    frame.assign(PIP=1.5).to_csv(tmp_path / "p.tsv", sep="\t", index=False)
    frame.assign(BETA="much").to_csv(tmp_path / "b.tsv", sep="\t", index=False)
    frame.drop(columns=["SE"]).to_csv(tmp_path / "s.tsv", sep="\t", index=False)
    for words, expected in (
        ((), "give either --sumstats or --pips"),
        (("--sumstats", gwas, "--pips", gwas), "give either --sumstats or --pips"),
        (("--sumstats", gwas, "--max-ratio", "0.5"), "give 1 or more"),
        (("--sumstats", gwas, "--prior-sd", "0"), "give more than 0"),
        (("--pips", gwas), "no column pip; name it with --column pip=NAME"),
        (("--pips", tmp_path / "p.tsv"), "1.5 is no probability"),
        (("--pips", tmp_path / "p.tsv", "--empty-loci"), "--empty-loci goes with --sumstats"),
        (("--sumstats", tmp_path / "b.tsv"), "BETA 'much' is no number"),
        (("--sumstats", tmp_path / "s.tsv"), "needs columns beta and se"),
        (("--sumstats", gwas, "--column", "size=BETA"), "no such role"),
        (("--sumstats", gwas, "--column", "se=ERROR"), "has no column ERROR"),
        (("--sumstats", gwas, "--indel-term", "--classes", "together"), "--indel-term needs classes apart"),
        (("--sumstats", gwas, "--locus", "chr2:1-5"), "has no locus with a usable number"),
    ):
        outcome = command("priors", folder / "scores.tsv", "-c", "SAD_a", "-o", "-", *words)
        assert outcome.code in (1, 2), words
        assert expected in outcome.err


def test_probabilities_with_rows_that_are_not_finite(command, tmp_path):
    """What `eqtl predict` writes: such a row has no prior of its own, and the table can be converted."""
    table = tmp_path / "causal.tsv"
    table.write_text(
        "#CHROM\tPOS\tID\tREF\tALT\tSTATUS\tP_Liver\nchr1\t5\t.\tA\tC\tok\t0.6\nchr1\t6\t.\tA\tC\tnot_finite\tNA\n"
        "chr1\t7\t.\tA\tC\tok\t0.2\n"
    )
    (tmp_path / "x.bim").write_text("".join(f"1 n{at} 0 {at} C A\n" for at in (5, 6, 7)))
    out = tmp_path / "p.tsv"
    words = ("export", table, "--to", "susie", "--bim", tmp_path / "x.bim", "--prior-column", "P_Liver", "-o", out)
    outcome = command(*words)
    assert outcome.code == 0, outcome.err
    assert "1 variants without a score" in outcome.err
    np.testing.assert_allclose(pd.read_csv(out, sep="\t")["prior_weight"], [0.5, 1 / 3, 1 / 6], rtol=1e-6)
    assert command("export", table, "-o", tmp_path / "p.vcf").code == 0
    assert "STATUS=not_finite" in (tmp_path / "p.vcf").read_text()


def test_how_far_views_differ_is_no_score(command, study, tmp_path):
    """A table of `score --spread` gives the same prior as one without."""
    folder, _ = study
    lines = (folder / "scores.tsv").read_text().splitlines()
    more = [line + ("\tSADSD_a" if line.startswith("#") else "\t1e6" if "\tok\t" in line else "\tNA") for line in lines]
    (tmp_path / "spread.tsv").write_text("\n".join(more) + "\n")
    fits = []
    for name, table in (("plain", folder / "scores.tsv"), ("spread", tmp_path / "spread.tsv")):
        outcome = command("priors", table, "--sumstats", folder / "gwas.tsv", "-o", tmp_path / name)
        assert outcome.code == 0, outcome.err
        fits.append(json.loads((tmp_path / name).read_text()))
    assert fits[0] == fits[1]
