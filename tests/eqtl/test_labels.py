import numpy as np
import pytest

from enformer_vep.eqtl.eqtl_settings import LabelSettings
from enformer_vep.eqtl.label_columns import ALIASES
from enformer_vep.eqtl.labels import read_labels, read_lists
from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.contigs import contig_key
from enformer_vep.genome.spelling import gene_without_version, split_variant
from enformer_vep.tables.column_roles import find_columns, parse_column
from tests.builders import make_vcf, write_text
from tests.eqtl import toy

MAGE = "chrom position rsid ref alt ensembl_id gene pip maf tss_distance"


def read(path, **settings):
    return read_labels([path], LabelSettings(**settings))


def test_the_mage_table_is_understood():
    found = find_columns(MAGE.split(), ALIASES, source="labels")
    assert found == {
        "contig": "chrom", "position": "position", "reference": "ref", "alternate": "alt", "id": "rsid",
        "gene": "ensembl_id", "pip": "pip", "distance": "tss_distance", "frequency": "maf",
    }  # fmt: skip


def test_names_are_found_in_any_case_and_can_be_chosen():
    assert find_columns(["PIP", "SNP", "MyPIP"], ALIASES, [("pip", "mypip")], source="labels")["pip"] == "MyPIP"


def test_bad_choices_of_columns():
    with pytest.raises(UsageError, match="no such role"):
        find_columns(["a"], ALIASES, [("colour", "a")], source="labels")
    with pytest.raises(InputError, match="no column b"):
        find_columns(["a"], ALIASES, [("pip", "b")], source="labels")
    with pytest.raises(InputError, match="two columns"):
        find_columns(["pip", "PIP"], ALIASES, source="labels")
    with pytest.raises(UsageError, match="ROLE=NAME"):
        parse_column("pip")


def test_thresholds_at_their_borders(tmp_path):
    rows = [f"1 {index} A G {pip}" for index, pip in enumerate(["0.9", "0.8999", "0.01", "0.0101", "NA"], 1)]
    table = read(toy.labels(tmp_path / "l.tsv", "chrom pos ref alt pip", *rows))
    expected = ["positive", "between_thresholds", "negative", "between_thresholds", "no_label"]
    assert table["outcome"].tolist() == expected


@pytest.mark.parametrize(("positive", "negative"), [(0.1, 0.1), (0.1, 0.5), (1.1, 0.1), (0.9, -0.1)])
def test_thresholds_that_cross(positive, negative):
    with pytest.raises(UsageError, match="0 <= negative < positive <= 1"):
        LabelSettings(positive, negative)


def test_labels_go_before_pips(tmp_path):
    path = toy.labels(tmp_path / "l.tsv", "rsid label pip", "rs1 0 0.99", "rs2 True 0.001", "rs3 . 0.95")
    assert read(path)["outcome"].tolist() == ["negative", "positive", "positive"]


def test_variants_spelled_out_in_one_column(tmp_path):
    path = toy.labels(tmp_path / "l.tsv", "variant_id pip", "chr1_13550_G_A_b38 1", "X:5:GT:G 0")
    table = read(path)
    assert table["contig"].tolist() == ["chr1", "X"]
    assert table[["position", "reference", "alternate"]].to_numpy().tolist() == [
        ["13550", "G", "A"], ["5", "GT", "G"],
    ]  # fmt: skip


def test_rs_numbers_in_the_variant_column_are_ids(tmp_path):
    path = toy.labels(tmp_path / "l.tsv", "variant pip", "rs12 1", "rs13 0")
    assert read(path)["id"].tolist() == ["rs12", "rs13"]


def test_lists_as_vcf_and_table(tmp_path):
    vcf = make_vcf(tmp_path / "p.vcf.gz", [("chr1", 5, ".", "A", "C,NA")])
    other = toy.table(tmp_path / "n.csv", ("CHROM", "POS", "REF", "ALT"), [("chr1", 9, "G", "T")], ",")
    table = read_lists(vcf, other, LabelSettings(tissue="liver"))
    assert table["alternate"].tolist() == ["C", "NA", "T"]
    assert table["outcome"].tolist() == ["positive", "positive", "negative"]
    assert set(table["tissue"]) == {"liver"}


def test_gene_versions_go_and_effects_may_be_signs(tmp_path):
    path = toy.labels(tmp_path / "l.tsv", "rsid pip gene_id sign", "a 1 ENSG01.12 +", "b 1 CDC34 -", "c 1 AC1.2 NA")
    table = read(path)
    assert table["gene"].tolist() == ["ENSG01", "CDC34", "AC1"]
    np.testing.assert_array_equal(table["effect"], [1, -1, np.nan])


def test_numbers_of_credible_sets_are_per_gene(tmp_path):
    path = toy.labels(tmp_path / "l.tsv", "rsid pip gene_id cs_id", "a 1 G1 1", "b 1 G2 1", "c 1 G2 NA")
    assert read(path)["group"].tolist() == ["G1/1", "G2/1", ""]


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("rsid pip", "rs1 1.5", "row 1: pip 1.5 is not from 0 to 1"),
        ("rsid pip", "rs1 high", "row 1: pip high is not a number"),
        ("rsid label", "rs1 2", "row 1: label 2 is not 1 or 0"),
        ("chrom pos ref alt pip", "1 1e3 A G 1", "position 1e3 is not a whole number"),
        ("rsid maf", "rs1 0.2", "neither labels nor PIPs"),
        ("pip maf", "1 0.2", "does not say which variants"),
        ("rsid pip", "rs1 1 7", "cannot read the table"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, header, row, message):
    path = toy.labels(tmp_path / "l.tsv", header, row)
    with pytest.raises(InputError, match=message) as error:
        read(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match="does not exist; check the path"):
        read(tmp_path / "absent.tsv")
    with pytest.raises(InputError, match="is empty"):
        read(write_text(tmp_path / "empty.tsv", ""))
    whole = toy.labels(tmp_path / "l.tsv.gz", "rsid pip", *(f"rs{index} 0.5" for index in range(5000)))
    whole.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(InputError, match="is truncated"):
        read(whole)


@pytest.mark.parametrize(("one", "other"), [("chr1", "1"), ("MT", "chrM"), ("M", "MT"), ("X", "chrX")])
def test_contigs_are_matched_both_ways(one, other):
    assert contig_key(one) == contig_key(other)


def test_identities():
    assert contig_key("chr1") != contig_key("chr2")
    assert gene_without_version("ENSG00000099804.8") == "ENSG00000099804"
    assert gene_without_version("ENSG00000182378.15_PAR_Y") == "ENSG00000182378"
    assert gene_without_version("HLA-A") == "HLA-A"
    assert split_variant("rs123") is None


def test_the_real_mage_table(shared_directory):
    table = read(shared_directory / "data" / "variants" / "mage_eqtl.hg38.tsv", negative_pip=0.1)
    assert table["outcome"].value_counts().to_dict() == {
        "negative": 127,
        "between_thresholds": 50,
        "positive": 20,
    }
    assert table["distance"].notna().all()
    assert table["gene"].str.startswith("ENSG").all()
