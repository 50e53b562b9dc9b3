"""Annotation files: what is in them, and the real tools on them."""

import gzip
import logging
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from enformer_vep.errors import InputError, UsageError
from enformer_vep.export.class_scale import Classes
from enformer_vep.export.exporter import ExportRequest, export
from enformer_vep.export.panel import read_bims
from enformer_vep.export.recipe import Combine
from enformer_vep.genome.contigs import contig_key
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.tables.row import GENE_ID, Layout, ScoredVariant, ValueBlock
from tests.export.conftest import Export
from tests.export.toy import PEOPLE, SNPS, Toy, alleles, position
from tests.tables.rows import open_writer

SAD = ("SAD_CAGE1", "SAD_CAGE2", "SAD_DNASE1")


def sizes(toy: Toy) -> np.ndarray:
    return np.nan_to_num(np.abs(toy.values[:, :3]))


def directed(toy: Toy) -> np.ndarray:
    return np.nan_to_num(toy.values[:, :3]) * np.where(toy.swapped, -1, 1)[:, None]


def test_ldsc_rows_are_the_bim_s(toy: Toy, exported: Export, caplog):
    with caplog.at_level(logging.INFO):
        (path,) = exported("ldsc", "enformer", bims=(toy.bim,), columns=("SAD_*",))
    assert path.name == "enformer.22.annot.gz"
    frame = pd.read_csv(path, sep="\t")
    assert list(frame) == ["CHR", "BP", "SNP", "CM", *SAD]
    bim = pd.read_csv(toy.bim, sep="\t", header=None)
    np.testing.assert_array_equal(frame[["CHR", "BP", "SNP", "CM"]], bim[[0, 3, 1, 2]])
    np.testing.assert_allclose(frame[list(SAD)], sizes(toy), rtol=1e-6)
    assert "200 of 240 variants" in caplog.text
    assert "16 stand in the table without" in caplog.text
    assert "40 variants without a score get 0" in caplog.text


def test_sldp_effects_are_those_of_a1(toy: Toy, exported: Export):
    (path,) = exported("sldp", "enformer", bims=(toy.bim,), columns=("SAD_*",))
    frame = pd.read_csv(path, sep="\t")
    assert list(frame) == ["SNP", "CHR", "BP", "CM", "A1", "A2", *SAD]
    assert list(zip(frame["A1"], frame["A2"], strict=True)) == [alleles(toy, number) for number in range(SNPS)]
    np.testing.assert_allclose(frame[list(SAD)], directed(toy), rtol=1e-6)


def test_polyfun_parquet(toy: Toy, exported: Export):
    (path,) = exported("polyfun", "enformer", bims=(toy.bim,), columns=("SAD_*",), combine=Combine.MAX)
    frame = pd.read_parquet(path)
    assert list(frame) == ["SNP", "CHR", "BP", "A1", "A2", "SAD_max"]
    assert (frame["CHR"] == 22).all()
    np.testing.assert_array_equal(frame["SAD_max"], sizes(toy).max(axis=1))


def test_a_file_per_chromosome(tmp_path):
    table, bim = tmp_path / "t.tsv", tmp_path / "x.bim"
    table.write_text("#CHROM\tPOS\tID\tREF\tALT\tSTATUS\tSAD_a\nchr1\t5\t.\ta\tC\tok\t1\nX\t6\t.\tG\tGA\tok\t-2\n")
    bim.write_text("1 n1 0 5 C A\n23 n2 0 6 G GA\n23 n3 0 6 C A\n23 n6 0 6 GA G\n1 n4 0 5 T G\n0 n5 0 0 A G\n")
    request = ExportRequest(str(table), str(tmp_path / "e"), "sldp", bims=(bim,), classes=Classes.TOGETHER)
    names = export(request)
    assert [Path(name).name for name in names] == ["e.1.sannot.gz", "e.23.sannot.gz", "e.0.sannot.gz"]
    # n4 is the same place on the other strand: not taken.
    assert gzip.decompress(Path(names[0]).read_bytes()).decode().splitlines()[1:] == [
        "n1\t1\t5\t0\tC\tA\t1",
        "n4\t1\t5\t0\tT\tG\t0",
    ]
    assert gzip.decompress(Path(names[1]).read_bytes()).decode().splitlines()[1:] == [
        # An insertion in the table; the panel's n2 is by its A2 a deletion.
        "n2\t23\t6\t0\tG\tGA\t0",
        "n3\t23\t6\t0\tC\tA\t0",
        "n6\t23\t6\t0\tGA\tG\t-2",
    ]
    assert gzip.decompress(Path(names[2]).read_bytes()).decode().splitlines()[1] == "n5\t0\t0\t0\tA\tG\t0"


def test_exchanging_the_panel_s_alleles_negates_signed_annotations_only(toy: Toy, tmp_path):
    other = tmp_path / "other.bim"
    lines = [line.split("\t") for line in toy.bim.read_text().splitlines()]
    other.write_text("".join("\t".join((*line[:4], line[5], line[4])) + "\n" for line in lines))
    for tool, factor in (("sldp", -1), ("ldsc", 1)):
        frames = [
            pd.read_csv(
                export(ExportRequest(str(toy.table), str(tmp_path / tool), tool, ("SAD_*",), bims=(bim,)))[0],
                sep="\t",
            )
            for bim in (toy.bim, other)
        ]
        np.testing.assert_array_equal(frames[0][list(SAD)], factor * frames[1][list(SAD)])


def test_genes_keep_the_largest_and_repeated_alleles_the_first(tmp_path, caplog):
    variant = Variant("1", 5, ".", "A", "C")
    layout = Layout((ValueBlock("SADR", ("a", "b")),), (GENE_ID,))
    rows = [
        ScoredVariant(variant, Status.OK, np.float32([1, -1]), ("g1",)),
        ScoredVariant(variant, Status.OK, np.float32([-3, 0.5]), ("g2",)),
        ScoredVariant(Variant("1", 6, ".", "G", "T"), Status.OK, np.float32([4, 5]), ("g1",)),
        ScoredVariant(variant, Status.OK, np.float32([9, 9]), ("g1",)),
    ]
    with open_writer(str(tmp_path / "t.parquet"), layout) as writer:
        for row in rows:
            writer.write(row)
    (tmp_path / "x.bim").write_text("1 n1 0 5 C A\n")
    with caplog.at_level(logging.INFO):
        request = ExportRequest(str(tmp_path / "t.parquet"), str(tmp_path / "e"), "sldp", bims=(tmp_path / "x.bim",))
        (name,) = export(request)
    assert gzip.decompress(Path(name).read_bytes()).decode().splitlines()[1] == "n1\t1\t5\t0\tC\tA\t-3\t-1"
    assert "1 further rows of alleles that came before were left out" in caplog.text


@pytest.mark.parametrize(
    ("names", "key"),
    [
        (("1", "chr1", "01"), "1"),
        (("X", "chrX", "23"), "X"),
        (("MT", "chrM", "M", "26"), "M"),
        (("chr22_alt",), "22_alt"),
    ],
)
def test_contigs_by_any_name(names, key):
    assert {contig_key(name) for name in names} == {key}


def test_what_does_not_fit_is_one_line(toy: Toy, tmp_path):
    def run(target: str, **options: object) -> None:
        export(ExportRequest(str(toy.table), str(tmp_path / "e"), target, **options))

    for target in ("ldsc", "sldp", "polyfun", "susie", "finemap", "polyfun-priors"):
        with pytest.raises(UsageError, match="give either --bim or --sumstats"):
            run(target)
    with pytest.raises(UsageError, match="D1 has no sign"):
        run("sldp", bims=(toy.bim,))
    with pytest.raises(UsageError, match="--bim and --sumstats go with"):
        run("vcf", bims=(toy.bim,))
    other = tmp_path / "other.bim"
    other.write_text("22 rs1 0 5 A G\n")
    with pytest.raises(InputError, match=r"no variant of .*other.bim has a score .* of one assembly"):
        run("ldsc", bims=(other,))
    other.write_text("rs1 5 A G\n")
    with pytest.raises(InputError, match=r"line 1: is not a line of a \.bim"):
        run("ldsc", bims=(other,))
    with pytest.raises(InputError, match="does not exist; check the path"):
        read_bims([tmp_path / "none.bim"])
    assert not list(tmp_path.glob("e*"))


# --- the tools themselves ---------------------------------------------------------------------------------------


def standardised(toy: Toy) -> np.ndarray:
    x = toy.genotypes.astype(float)
    return (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)


def test_ldsc_computes_ld_scores_of_our_annotations(toy: Toy, exported: Export, ldsc_python: str, tmp_path):
    """`ldsc.py --l2 --annot`: its stratified LD scores are the sums that they should be."""
    (path,) = exported("ldsc", "enformer", bims=(toy.bim,), columns=("SAD_*",))
    script = Path(ldsc_python).with_name("ldsc.py")
    words = [
        "--bfile",
        toy.bfile,
        "--l2",
        "--ld-wind-kb",
        "10000",
        "--yes-really",
        "--annot",
        path,
        "--out",
        tmp_path / "ld",
    ]
    done = subprocess.run([ldsc_python, script, *map(str, words)], capture_output=True, text=True, cwd=tmp_path)
    assert "Read 3 annotations for 240 SNPs" in done.stdout
    # Version 2.0.1 cannot write its .M file under Python 3, after the scores: its exit code says nothing.
    frame = pd.read_csv(tmp_path / "ld.l2.ldscore.gz", sep="\t")
    r2 = np.square(standardised(toy) @ standardised(toy).T / PEOPLE)
    adjusted = r2 - (1 - r2) / (PEOPLE - 2)
    assert frame["SNP"].tolist() == toy.ids()
    np.testing.assert_allclose(frame[[f"{name}L2" for name in SAD]], adjusted @ sizes(toy), atol=0.002)


SLDP = """
import sys, types
from sldp import preprocessannot
preprocessannot.do(types.SimpleNamespace(
    bfile_chr=sys.argv[1], sannot_chr=[sys.argv[2]], ld_blocks=sys.argv[3], print_snps=sys.argv[4],
    chroms=[22], alpha=-1))
"""


@pytest.mark.parametrize("exchanged", [False, True])
def test_sldp_preprocesses_our_annotations(toy: Toy, exported: Export, sldp_python: str, tmp_path, exchanged):
    """Its reference panel has the same alleles as the .bim, or all exchanged: it flips our effects then."""
    bim = toy.bim
    if exchanged:
        bim = tmp_path / "exchanged.bim"
        lines = [line.split("\t") for line in toy.bim.read_text().splitlines()]
        bim.write_text("".join("\t".join((*line[:4], line[5], line[4])) + "\n" for line in lines))
    exported("sldp", "enformer", bims=(bim,), columns=("SAD_*",))
    (tmp_path / "blocks").write_text(f"chr22 {position(0) - 1} {position(SNPS)}\n")
    (tmp_path / "print").write_text("\n".join(toy.ids()) + "\n")
    words = [toy.folder / "panel.", tmp_path / "enformer.", tmp_path / "blocks", tmp_path / "print"]
    done = subprocess.run(
        [sldp_python, "-W", "ignore", "-c", SLDP, *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{SNPS if exchanged else 0} snps need flipping" in done.stdout
    frame = pd.read_csv(tmp_path / "enformer.22.RV.gz", sep="\t")
    # Transitions and transversions that are no strand-ambiguous pair: the toy has no other.
    np.testing.assert_allclose(frame[list(SAD)], directed(toy), rtol=1e-5, atol=1e-7)
    ld = standardised(toy) @ standardised(toy).T / PEOPLE
    np.testing.assert_allclose(frame[[f"{name}.R" for name in SAD]], ld @ directed(toy), rtol=1e-4, atol=1e-4)


POLYFUN = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np, pandas as pd
from polyfun_utils import set_snpid_index
from tests.tables.rows import open_writer
annotations = set_snpid_index(pd.read_parquet(sys.argv[2]))
bim = pd.read_csv(sys.argv[3], sep="\\t", header=None, names=["CHR", "SNP", "CM", "BP", "A1", "A2"])
bim = set_snpid_index(bim)
assert bim.index.isin(annotations.index).all()
assert all(pd.api.types.is_numeric_dtype(annotations[name]) for name in annotations.columns[5:])
print(len(annotations.loc[bim.index]))
"""


def test_polyfun_s_own_code_indexes_our_annotations(toy: Toy, exported: Export, polyfun_folder: Path):
    import sys

    (path,) = exported("polyfun", "enformer", bims=(toy.bim,))
    words = [sys.executable, "-W", "ignore", "-c", POLYFUN, str(polyfun_folder), str(path), str(toy.bim)]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == f"{SNPS}\n"
