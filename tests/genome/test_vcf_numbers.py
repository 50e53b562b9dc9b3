"""Numbers of an INFO field, one per ALT allele, from every form of a VCF."""

import pytest

from enformer_vep.errors import InputError
from enformer_vep.genome.regions import Region
from enformer_vep.genome.vcf import read_numbers
from tests.builders import bgzip, index_variants, make_bcf

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1000>\n##contig=<ID=chr2,length=1000>\n"
    '##INFO=<ID=AF,Number=A,Type=Float,Description="f">\n##INFO=<ID=XAF,Number=1,Type=Float,Description="f">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
ROWS = (
    ("chr1", 10, "A", "C", "XAF=0.5;AF=0.25"),
    ("chr1", 20, "A", "C,G,T", "AF=0.5,.,0.125"),
    ("chr1", 30, "A", "C", "XAF=0.5"),
    ("chr1", 40, "A", "C", "AF=."),
    ("chr2", 10, "AG", "A", "AF=1e-3"),
)
EXPECTED = [
    (10, "C", 0.25), (20, "C", 0.5), (20, "G", None), (20, "T", 0.125), (30, "C", None), (40, "C", None),
    (10, "A", 1e-3),
]  # fmt: skip


def text_of(rows=ROWS, header=HEADER):
    return header + "".join(f"{c}\t{p}\t.\t{r}\t{a}\t.\t.\t{info}\n" for c, p, r, a, info in rows)


@pytest.fixture(params=["vcf", "gz", "indexed", "bcf", "indexed_bcf"])
def path(request, tmp_path):
    plain = tmp_path / "v.vcf"
    plain.write_text(text_of())
    if request.param == "vcf":
        return plain
    if "bcf" in request.param:
        made = make_bcf(tmp_path / "v.bcf", plain)
    else:
        made = bgzip(tmp_path / "v.vcf.gz", text_of().encode())
    if "indexed" in request.param:
        index_variants(made)
    return made


def read(path, *words):
    return [(variant.position, variant.alternate, number) for variant, number in read_numbers(str(path), "AF", *words)]


def test_every_allele_has_its_own(path):
    found = read(path)
    assert [row[:2] for row in found] == [row[:2] for row in EXPECTED]
    assert [row[2] for row in found] == [one[2] if one[2] is None else pytest.approx(one[2]) for one in EXPECTED]


def test_of_regions_only(path):
    assert read(path, [Region("1", 15, 35)]) == EXPECTED[1:5]
    assert read(path, [Region("7", 15, 35)], ["7"]) == []


def test_a_field_that_is_not_declared(path):
    with pytest.raises(InputError, match=r"declares no INFO field MAF; .*bcftools \+fill-tags"):
        list(read_numbers(str(path), "MAF"))


@pytest.mark.parametrize(
    ("info", "message"),
    [("AF=0.1", "line 7: AF has 1 values for 2 ALT alleles"), ("AF=0.1,0.2,0.3", "AF has 3 values for 2 ALT alleles"),
     ("AF=0.1,low", "line 7: AF is '0.1,low', not a number per ALT allele")],
)  # fmt: skip
def test_numbers_that_are_none(tmp_path, info, message):
    path = tmp_path / "v.vcf"
    path.write_text(text_of([("chr1", 10, "A", "C,G", info)]))
    with pytest.raises(InputError, match=message):
        read(path)


def test_bcf_with_too_few(tmp_path):
    path = tmp_path / "v.vcf"
    path.write_text(text_of([("chr1", 10, "A", "C,G", "AF=0.1")], HEADER.replace("Number=A", "Number=.")))
    with pytest.raises(InputError, match="record at position 10: AF has 1 values for 2 ALT alleles"):
        read(make_bcf(tmp_path / "v.bcf", path))


def test_a_vcf_without_the_column(tmp_path):
    path = tmp_path / "v.vcf"
    path.write_text(HEADER.replace("\tQUAL\tFILTER\tINFO", "") + "chr1\t10\t.\tA\tC\n")
    with pytest.raises(InputError, match="declares no INFO field AF"):
        read(path)
