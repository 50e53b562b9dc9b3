"""Prior weights: by hand, in the files, and in SuSiE."""

import logging
import subprocess

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enformer_vep.errors import InputError, UsageError
from enformer_vep.export.exporter import ExportRequest, export
from enformer_vep.export.panel import read_statistics
from enformer_vep.export.priors import given_priors, normalised, refuse_nothing_but_zeros, relative_priors
from enformer_vep.genome.regions import Region
from tests.export.conftest import Export
from tests.export.toy import PEOPLE, SNPS, Toy, alleles, position, write_z

NAN = np.nan


def test_by_hand():
    z = np.array([-1.2, NAN, 0, 1.2])
    np.testing.assert_allclose(relative_priors(z, 1.0), np.exp([-1.2, NAN, 0, 1.2]))
    np.testing.assert_allclose(relative_priors(z, 2.0, np.inf), np.exp([-2.4, NAN, 0, 2.4]))
    # From 1 / 10 to 10, and from 1 / 2 to 2.
    np.testing.assert_allclose(relative_priors(z, 2.0), [0.1, NAN, 1, 10])
    np.testing.assert_allclose(relative_priors(z, 1.0, 4.0), [0.5, NAN, 1, 2])
    np.testing.assert_allclose(relative_priors(z, 3.0, 1.0), [1, NAN, 1, 1])
    np.testing.assert_array_equal(relative_priors(z, 0.0), [1, NAN, 1, 1])


def test_a_variant_without_a_score_has_the_mean_prior():
    weights = np.array([1.0, 2.0, NAN, 6.0, NAN])
    np.testing.assert_allclose(normalised(weights), np.array([1, 2, 3, 6, 3]) / 15)
    np.testing.assert_allclose(normalised(weights)[2], 1 / 5)
    np.testing.assert_allclose(normalised(np.array([NAN, NAN])), 0.5)
    with pytest.raises(InputError, match="all 0"):
        normalised(np.array([0.0, NAN]))


@given(st.lists(st.floats(-9, 9), min_size=2, max_size=30), st.floats(0, 3))
def test_larger_scores_never_have_smaller_priors(z, weight):
    weights = relative_priors(np.array(z), weight)
    assert weights.max() <= 100.0001 * weights.min()
    order = np.argsort(z)
    assert (np.diff(weights[order]) >= -1e-12 * weights.max()).all()
    assert np.isclose(normalised(weights).sum(), 1)


def test_probabilities_as_they_are(caplog):
    np.testing.assert_allclose(given_priors(np.float32([0.5, NAN, 0.25, 0])), [0.5, NAN, 0.25, 0])
    assert "1 variants have the prior 0" in caplog.text
    for bad in ([0.5, -0.1], [0.0, NAN]):
        with pytest.raises(InputError, match="needs probabilities"):
            given_priors(np.float32(bad))
    with pytest.raises(InputError, match="all scores are 0"):
        refuse_nothing_but_zeros(np.float32([0, NAN]))


@pytest.fixture
def z_file(toy: Toy, tmp_path):
    return write_z(toy, tmp_path / "locus.z", np.zeros(SNPS))


def expected(toy: Toy, places: slice, weight: float = 1.0) -> np.ndarray:
    """By pandas: the log of the largest size, standardised over the panel, limited, averaged over the places."""
    sizes = pd.Series(np.abs(pd.DataFrame(toy.values[:, :3].astype(float))).max(axis=1))
    logs = np.log2(sizes)
    weights = np.exp((weight * (logs - logs.mean()) / logs.std(ddof=0)).clip(-np.log(10), np.log(10)))[places]
    return (weights.fillna(weights.mean()) / weights.fillna(weights.mean()).sum()).to_numpy()


LOCUS = Region("chr22", position(10) - 1, position(60))


def test_susie_file(toy: Toy, exported: Export, z_file, caplog):
    (path,) = exported("susie", "prior.tsv", statistics=z_file, columns=("SAD_*",), loci=(LOCUS,))
    frame = pd.read_csv(path, sep="\t")
    assert list(frame) == ["SNP", "prior_weight"]
    assert frame["SNP"].tolist() == toy.ids()[10:61]
    np.testing.assert_allclose(frame["prior_weight"], expected(toy, slice(10, 61)), rtol=1e-6)
    unscored = np.isnan(toy.values[10:61, 0])
    np.testing.assert_allclose(frame["prior_weight"][unscored], 1 / 51, rtol=1e-6)
    assert "variants without a score get the average prior of those that have one, in the same locus" in caplog.text


def test_the_order_is_the_panel_s(toy: Toy, exported: Export, tmp_path):
    lines = toy.bim.read_text().splitlines(keepends=True)
    (tmp_path / "reversed.bim").write_text("".join(lines[::-1]))
    options = {"columns": ("SAD_*",), "weight": 2.0}
    (path,) = exported("susie", "prior.tsv", bims=(tmp_path / "reversed.bim",), **options)
    frame = pd.read_csv(path, sep="\t")
    assert frame["SNP"].tolist() == toy.ids()[::-1]
    np.testing.assert_allclose(frame["prior_weight"][::-1], expected(toy, slice(None), 2.0), rtol=1e-6)


def test_a_file_per_locus(toy: Toy, exported: Export, z_file):
    loci = (LOCUS, Region("22", position(100) - 1, position(100)))
    options = {"statistics": z_file, "columns": ("SAD_*",), "loci": loci}
    paths = exported("susie", "prior.{locus}.tsv", **options)
    assert [path.name for path in paths] == [
        "prior.chr22_20010000_20060000.tsv",
        "prior.22_20100000_20100000.tsv",
    ]
    assert paths[1].read_text() == "SNP\tprior_weight\nrs100\t1\n"
    with pytest.raises(UsageError, match=r"2 loci need \{locus\} in -o"):
        exported("susie", "prior.tsv", **options)
    with pytest.raises(InputError, match=r"has no variant in chr1:1-5; correct the locus"):
        exported("susie", "prior.tsv", **{**options, "loci": (Region("chr1", 0, 5),)})


def test_finemap_file(toy: Toy, exported: Export, z_file):
    (path,) = exported("finemap", "out.z", statistics=z_file, columns=("SAD_*",), loci=(LOCUS,))
    before, after = z_file.read_text().splitlines(), path.read_text().splitlines()
    assert after[0] == f"{before[0]} prob"
    assert [line.rpartition(" ")[0] for line in after[1:]] == before[11:62]
    np.testing.assert_allclose(
        [float(line.rpartition(" ")[2]) for line in after[1:]], expected(toy, slice(10, 61)), rtol=1e-6
    )
    # Once more on the result: the column is replaced.
    export(ExportRequest(str(toy.table), str(path), "finemap", ("SAD_*",), statistics=path, weight=0.0))
    assert path.read_text().splitlines()[0] == after[0]
    assert {line.split()[-1] for line in path.read_text().splitlines()[1:]} == {f"{1 / 51:.9g}"}


@pytest.mark.parametrize("suffix", [".tsv.gz", ".parquet"])
def test_polyfun_summary_statistics(toy: Toy, exported: Export, z_file, tmp_path, suffix):
    frame = pd.read_csv(z_file, sep=" ")
    frame.columns = pd.Index(["SNP", "CHR", "BP", "A1", "A2", "MAF", "BETA", "SE"])
    source = tmp_path / f"source{suffix}"
    frame.to_csv(source, sep="\t", index=False) if suffix == ".tsv.gz" else frame.to_parquet(source)
    options = {"statistics": source, "columns": ("SAD_*",)}
    (path,) = exported("polyfun-priors", f"out{suffix}", **options)
    made = pd.read_csv(path, sep="\t") if suffix == ".tsv.gz" else pd.read_parquet(path)
    pd.testing.assert_frame_equal(made.drop(columns="SNPVAR"), frame)
    np.testing.assert_allclose(made["SNPVAR"], expected(toy, slice(None)), rtol=1e-6)
    with pytest.raises(UsageError, match="rename the output"):
        exported("polyfun-priors", "out.txt" if suffix == ".parquet" else "out.parquet", **options)


def test_a_column_of_probabilities(tmp_path):
    table, z = tmp_path / "p.tsv", tmp_path / "x.z"
    table.write_text(
        "#CHROM\tPOS\tID\tREF\tALT\tSTATUS\tP_Liver\tP_Lung\n"
        "chr1\t5\t.\tA\tC\tok\t0.5\t0.1\nchr1\t6\t.\tA\tC\tok\t0.25\t0.1\nchr1\t7\t.\tA\tC\tok\tNA\t0.1\n"
    )
    z.write_text("SNP CHR BP A1 A2\na 1 5 A C\nb 1 6 C A\nc 1 7 C A\nd 1 8 C A\n")
    request = ExportRequest(str(table), str(tmp_path / "prior.tsv"), "susie", statistics=z, prior_column="P_Liver")
    export(request)
    frame = pd.read_csv(tmp_path / "prior.tsv", sep="\t")
    # c and d have none and get the mean of the others, 0.375.
    np.testing.assert_allclose(frame["prior_weight"], np.array([0.5, 0.25, 0.375, 0.375]) / 1.5)


def test_empty_cells_keep_their_place(toy: Toy, tmp_path):
    """Summary statistics with a last column that is empty here and there."""
    ids, last = toy.ids(), ["" if number % 2 else "x" for number in range(SNPS)]
    rows = [(name, 22, position(number), *alleles(toy, number), last[number]) for number, name in enumerate(ids)]
    frame = pd.DataFrame(rows, columns=["SNP", "CHR", "BP", "A1", "A2", "NOTE"])
    source, out = tmp_path / "s.tsv", tmp_path / "out.tsv"
    frame.to_csv(source, sep="\t", index=False)
    export(ExportRequest(str(toy.table), str(out), "polyfun-priors", ("SAD_*",), statistics=source))
    made = pd.read_csv(out, sep="\t", keep_default_na=False)
    assert made["NOTE"].tolist() == last
    np.testing.assert_allclose(made["SNPVAR"].astype(float), expected(toy, slice(None)), rtol=1e-6)
    with pytest.raises(InputError, match="cannot hold the cell ''"):
        export(ExportRequest(str(toy.table), str(out), "finemap", ("SAD_*",), statistics=source))


def test_options_that_exclude_each_other(toy: Toy, exported: Export, z_file):
    for target, options, words in (
        ("susie", {"prior_column": "SAD_CAGE1", "columns": ("SAD_*",)}, "--prior-column goes with"),
        ("ldsc", {"bims": (toy.bim,), "statistics": None, "loci": (LOCUS,)}, "--locus and --loci go with"),
        ("susie", {"prior_column": "SAD_*"}, "fits several columns"),
        ("susie", {}, "columns of SAD, D1 cannot be combined"),
        ("susie", {"prior_column": "SAD_CAGE1", "max_ratio": 9.0}, "--max-ratio goes with"),
        ("ldsc", {"bims": (toy.bim,), "statistics": None, "max_ratio": 9.0}, "--max-ratio goes with"),
        ("susie", {"columns": ("SAD_*",), "max_ratio": 0.5}, "give 1 or more"),
        ("susie", {"columns": ("SAD_*",), "max_ratio": NAN}, "give 1 or more"),
        ("susie", {"columns": ("SAD_*",), "weight": np.inf}, "--weight inf"),
        ("finemap", {"bims": (toy.bim,), "statistics": None}, "give it with --sumstats"),
    ):
        with pytest.raises(UsageError, match=words):
            exported(target, "out", **{"statistics": z_file, **options})


def test_bad_summary_statistics(exported: Export, tmp_path):
    z = tmp_path / "x.z"
    for text, words in (
        ("SNP CHR\n1 2\n", "lacks columns: it has SNP CHR"),
        ("SNP CHR BP A1 A2\nrs1 1 five A C\n", "line 2: position 'five'"),
        ("SNP CHR BP A1 A2\nrs1 1 5 A\n", "line 2: has fewer columns"),
        ("SNP CHR BP A1 A2\n", "no variant under its header"),
        ("SNP CHR BP A1 A2\nrs1 1 5 A C 7\n", "line 2: has more columns"),
        ("SNP CHR BP A1 A2 position\nrs1 1 5 A C 7\n", "several columns for the position"),
    ):
        z.write_text(text)
        with pytest.raises(InputError, match=words):
            exported("susie", "out", statistics=z, columns=("SAD_*",))


def test_tables_made_of_a_vcf(tmp_path):
    """REF is A2. A1 may be REF, so it is not completed by ALT."""
    path = tmp_path / "x.tsv"
    path.write_text("#CHROM\tPOS\tID\tREF\tALT\tPIP\nchr1\t5\trs1\tA\tac\t0.5\n")
    (one,) = read_statistics(path).variants
    assert one == ("chr1", 5, "rs1", "AC", "A", "0")
    path.write_text("SNP CHR BP A1 A2 ID REF\nn 1 5 A C other A\n")
    (one,) = read_statistics(path).variants
    assert (one.id, one.a1, one.a2) == ("n", "A", "C")
    path.write_text("#CHROM POS ID REF ALT A1\n1 5 rs1 A C A\n")
    with pytest.raises(InputError, match="lacks columns"):
        read_statistics(path)


SUSIE = """
suppressMessages(library(susieR))
z <- read.table("locus.z", header = TRUE)
prior <- read.table("prior.tsv", header = TRUE)
stopifnot(identical(as.character(prior$SNP), as.character(z$rsid)))
R <- as.matrix(read.table("ld.txt"))
for (weights in list(NULL, prior$prior_weight)) {
  fit <- susie_rss(z$beta / z$se, R, n = 80, L = 1, prior_weights = weights)
  cat(sprintf("%.6f", fit$pip), "\\n")
}
"""


def test_susie_takes_our_prior_and_believes_the_causal_variant_more(toy: Toy, susie: str, tmp_path, caplog):
    """Two variants in perfect linkage: the prior alone can tell them apart."""
    genotypes = toy.genotypes.astype(float)
    sizes = np.nan_to_num(np.abs(toy.values[:, 0]))
    strong, weak = int(np.argmax(sizes)), int(np.flatnonzero(sizes)[np.argmin(sizes[sizes > 0])])
    genotypes[weak] = genotypes[strong]
    ld = np.corrcoef(genotypes)
    z = ld[strong] * 7
    write_z(toy, tmp_path / "locus.z", z)
    np.savetxt(tmp_path / "ld.txt", ld)
    with caplog.at_level(logging.ERROR):
        export(
            ExportRequest(
                str(toy.table),
                str(tmp_path / "prior.tsv"),
                "susie",
                ("SAD_CAGE1",),
                statistics=tmp_path / "locus.z",
            )
        )
    done = subprocess.run([susie, "-e", SUSIE], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    flat, informed = (np.array(line.split(), float) for line in done.stdout.splitlines())
    assert len(flat) == SNPS
    assert PEOPLE == 80
    np.testing.assert_allclose(flat[strong], flat[weak], rtol=1e-3)
    logs = np.log2(np.abs(toy.values[:, 0].astype(float)))
    prior = np.exp(((logs - np.nanmean(logs)) / np.nanstd(logs)).clip(-np.log(10), np.log(10)))
    assert informed[strong] > 0.9 > flat[strong]
    np.testing.assert_allclose(informed[strong] / informed[weak], prior[strong] / prior[weak], rtol=0.05)
