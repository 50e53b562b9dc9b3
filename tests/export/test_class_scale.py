"""Classes of variants on scales of their own, in priors and in annotations."""

import gzip
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from enformer_vep.errors import UsageError
from enformer_vep.export.class_scale import (
    FEWEST,
    Classes,
    Scale,
    find_scales,
    groups_of,
    log_sizes,
    on_one_scale,
    standardised,
)
from enformer_vep.export.exporter import ExportRequest, export

NAN = np.nan


def test_log_sizes():
    np.testing.assert_allclose(log_sizes(np.float32([0, 1, 8, NAN])), [-np.inf, 0, 3, NAN])
    # How rare: 0, 2 and 4 halvings, and no infinity.
    np.testing.assert_allclose(log_sizes(np.float32([0, 0.75, 0.9375, 1]), quantiles=True), [0, 2, 4, 24])


def test_a_scale_by_hand():
    logs = np.array([-np.inf, 0, 2, 4])
    scale = Scale.of(logs)
    # 0 counts as the smallest other: 0 0 2 4.
    assert (scale.variants, scale.mean, scale.smallest) == (4, 1.5, 0)
    assert scale.deviation == pytest.approx(np.std([0, 0, 2, 4]))
    np.testing.assert_allclose(scale.standardised(logs), (np.array([0, 0, 2, 4]) - 1.5) / scale.deviation)
    assert Scale.of(np.array([-np.inf, -np.inf])).standardised(np.array([-np.inf, 3])).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("alleles", "groups"),
    [
        ("A G", ("snv", "substitution")),
        ("AGC ACC", ("snv", "substitution")),
        ("AC GT", ("mnv", "substitution")),
        ("A AG", ("insertion_1", "insertion", "indel")),
        ("ACTTT A", ("deletion_2_5", "deletion", "indel")),
    ],
)
def test_groups(alleles, groups):
    assert groups_of(*alleles.split()) == groups
    assert groups_of(*alleles.split(), Classes.TOGETHER) == ("all",)


def mixture(snvs: int, insertions: int, deletions: int) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Log sizes whose mean is 0, 5 and 8 by class."""
    random = np.random.default_rng(1)
    logs = np.concatenate([random.normal(mean, 1, size) for mean, size in ((0, snvs), (5, insertions), (8, deletions))])
    groups = [groups_of("A", "G")] * snvs + [groups_of("A", "AG")] * insertions + [groups_of("AGG", "A")] * deletions
    return logs, groups


def test_every_class_has_its_own_mean_and_deviation():
    logs, groups = mixture(40, 30, 25)
    logs[3] = NAN
    scales = find_scales(logs, groups)
    z = standardised(logs, groups, scales)
    assert np.isnan(z[3])
    for part in (slice(0, 40), slice(40, 70), slice(70, 95)):
        assert np.nanmean(z[part]) == pytest.approx(0, abs=1e-9)
        assert np.nanstd(z[part]) == pytest.approx(1)


def test_small_classes_are_pooled_and_the_widest_group_is_used_whatever_its_size():
    logs, groups = mixture(40, FEWEST, FEWEST - 1)
    scales = find_scales(logs, groups)
    assert set(scales) == {"snv", "substitution", "insertion_1", "insertion", "indel"}
    z = standardised(logs, groups, scales)
    assert z[40:60].mean() == pytest.approx(0, abs=1e-9)
    indels = logs[40:]
    np.testing.assert_allclose(z[60:], (logs[60:] - indels.mean()) / indels.std())
    one = standardised(*mixture(3, 1, 0), find_scales(*mixture(3, 1, 0)))
    assert one[3] == 0
    assert np.abs(one[:3]).max() < np.sqrt(2) + 1e-9
    # A fit without indels says nothing of them.
    assert np.isnan(standardised(logs, groups, {"snv": scales["snv"]})[40:]).all()


def test_sizes_on_the_scale_of_snvs():
    logs, groups = mixture(60, 30, 25)
    sign = np.where(np.arange(115) % 3, 1, -1)
    sizes = (np.exp2(logs) * sign).astype(np.float32)
    sizes[[5, 70]] = 0, NAN
    sizes[100] = 0
    found = on_one_scale(sizes, groups)
    np.testing.assert_array_equal(found[:60], sizes[:60])
    np.testing.assert_array_equal(np.sign(found), np.sign(sizes))
    snvs = np.log2(np.abs(sizes[:60][sizes[:60] != 0]))
    insertions = np.log2(np.abs(found[60:90][~np.isnan(found[60:90])]))
    assert len(insertions) == 29
    assert insertions.mean() == pytest.approx(snvs.mean(), abs=0.2)
    assert insertions.std() == pytest.approx(snvs.std(), rel=0.1)
    np.testing.assert_array_equal(np.argsort(found[60:70]), np.argsort(sizes[60:70]))
    np.testing.assert_array_equal(on_one_scale(sizes[:60], groups[:60]), sizes[:60])


@pytest.fixture
def mixed(tmp_path: Path) -> tuple[Path, Path, np.ndarray]:
    """Table and .bim of 40 SNVs and 30 deletions that score 500 times as much; scores."""
    random = np.random.default_rng(2)
    scores = random.normal(size=70).astype(np.float32)
    scores[40:] *= 500
    rows, lines = [], []
    for number, score in enumerate(scores.tolist()):
        reference, alternate = ("A", "G") if number < 40 else ("AC", "A")
        rows.append(f"chr1\t{100 + 10 * number}\t.\t{reference}\t{alternate}\tok\t{score:.9g}\t0.5\n")
        lines.append(f"1 n{number} 0 {100 + 10 * number} {alternate} {reference}\n")
    header = "#CHROM\tPOS\tID\tREF\tALT\tSTATUS\tSAD_a\tSADQ_a\n"
    (tmp_path / "t.tsv").write_text(header + "".join(rows))
    (tmp_path / "x.bim").write_text("".join(lines))
    return tmp_path / "t.tsv", tmp_path / "x.bim", scores


@pytest.mark.parametrize("classes", list(Classes))
def test_indels_do_not_outweigh_snvs_in_priors(mixed, tmp_path, classes):
    table, bim, scores = mixed
    out = tmp_path / "p.tsv"
    export(ExportRequest(str(table), str(out), "susie", ("SAD_a",), bims=(bim,), classes=classes))
    found = pd.read_csv(out, sep="\t")["prior_weight"]
    logs = pd.Series(np.log2(np.abs(scores.astype(float))))
    kind = np.where(np.arange(70) < 40, "snv", "indel") if classes is Classes.APART else np.zeros(70)
    z = logs.groupby(kind).transform(lambda one: (one - one.mean()) / one.std(ddof=0))
    weights = np.exp(z.clip(-np.log(10), np.log(10)))
    np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-5)
    ratio = found[40:].mean() / found[:40].mean()
    assert ratio < 1.5 if classes is Classes.APART else ratio > 3


def test_indels_do_not_outweigh_snvs_in_annotations(mixed, tmp_path, caplog):
    table, bim, scores = mixed
    request = ExportRequest(str(table), str(tmp_path / "e"), "sldp", bims=(bim,))
    with caplog.at_level(logging.INFO):
        frame = pd.read_csv(export(request)[0], sep="\t")
    assert "30 variants of other classes are on the scale of the most frequent" in caplog.text
    np.testing.assert_allclose(frame["SAD_a"][:40], scores[:40], rtol=1e-5)
    assert np.abs(frame["SAD_a"][40:]).max() < 30
    assert (np.sign(frame["SAD_a"]) == np.sign(scores)).all()
    # Quantiles are by class as they stand.
    assert (frame["SADQ_a"] == 0.5).all()
    with gzip.open(export(ExportRequest(str(table), str(tmp_path / "e"), "ldsc", ("SAD_a",), bims=(bim,),
                                        classes=Classes.TOGETHER))[0], "rt") as text:  # fmt: skip
        raw = pd.read_csv(text, sep="\t")
    np.testing.assert_allclose(raw["SAD_a"], np.abs(scores), rtol=1e-5)


def test_where_classes_make_no_difference(mixed, tmp_path):
    table, bim, _ = mixed
    for target, options in (("vcf", {}), ("susie", {"prior_column": "SAD_a", "bims": (bim,)})):
        with pytest.raises(UsageError, match="--classes goes with"):
            export(ExportRequest(str(table), str(tmp_path / "o"), target, classes=Classes.TOGETHER, **options))
