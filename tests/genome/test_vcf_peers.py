"""Our reading against cyvcf2's own, which only reads our BCF, and that of pysam, which reads neither."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cyvcf2
import pysam
import pytest

from enformer_vep.genome.vcf import read_variants
from tests.builders import bgzip, make_bcf, make_vcf, vcf_text

Allele = tuple[str, int, str, str, str, int, int]
"""CHROM, POS, ID, REF, ALT, ordinal of the record, number of the ALT."""

EXAMPLE_DATA = Path(__file__).parents[2] / "example_data"
GENOTYPES = [
    "chr1\t10\trs1\tA\tC\t50\tPASS\tAF=0.5\tGT:DP\t0/1:9\t./.:.",
    "chr1\t20\trs2;rs3\tAT\tA,ATT,G\t.\tq10\t.\tGT:DP\t1/2:3\t3|0:7",
    "chr1\t20\t.\tA\t<DEL>,*\t.\t.\t.\tGT\t0/1\t2/2",
    "chr1\t25\tref_only\tA\t.\t.\t.\t.\tGT\t0/0\t0/0",
    "chr2\t7\tcase\tacgtn\tNNACG\t.\t.\t.\tGT\t.\t1",
    "chr2\t8\tbreakend\tG\tG]chr1:9],.A\t.\t.\tSVTYPE=BND\tGT\t0/1\t1/2",
]


def by_cyvcf2(path: Path) -> Iterator[Allele]:
    rows = ((r.CHROM, r.POS, r.ID, r.REF, r.ALT) for r in cyvcf2.VCF(str(path)))
    return exploded(rows)


def by_pysam(path: Path) -> Iterator[Allele]:
    with pysam.VariantFile(str(path)) as file:
        yield from exploded((r.chrom, r.pos, r.id, r.ref, r.alts) for r in file)


def exploded(rows: Iterable[tuple[str, int, str | None, str, Iterable[str] | None]]) -> Iterator[Allele]:
    """One for every ALT; what the peers give as None or an empty list is "." in the file."""
    for record, (contig, position, identifier, reference, alternates) in enumerate(rows):
        for number, alternate in enumerate(alternates or ["."], start=1):
            yield contig, position, identifier or ".", reference, alternate, record, number


def by_us(path: Path) -> list[Allele]:
    return [
        (v.contig, v.position, v.id, v.reference, v.alternate, v.record, v.allele) for v in read_variants(str(path))
    ]


@pytest.fixture(params=[by_cyvcf2, by_pysam], ids=["cyvcf2", "pysam"])
def peer(request: pytest.FixtureRequest) -> Callable[[Path], Iterator[Allele]]:
    reader: Callable[[Path], Iterator[Allele]] = request.param
    return reader


@pytest.fixture
def genotypes(tmp_path: Path) -> Path:
    """Two samples, several ALTs, symbolic and missing ones."""
    declared = "".join(
        f"##{line}\n"
        for line in (
            "contig=<ID=chr1,length=1000>",
            "contig=<ID=chr2,length=1000>",
            'FILTER=<ID=q10,Description="low">',
            'INFO=<ID=AF,Number=A,Type=Float,Description="frequency">',
            'INFO=<ID=SVTYPE,Number=1,Type=String,Description="kind">',
            'FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">',
            'FORMAT=<ID=DP,Number=1,Type=Integer,Description="depth">',
        )
    )
    text = vcf_text(GENOTYPES, contigs=()).replace("#CHROM", f"{declared}#CHROM")
    path = tmp_path / "genotypes.vcf"
    path.write_text(text.replace("INFO\n", "INFO\tFORMAT\tS1\tS2\n"))
    return path


@pytest.mark.parametrize("kind", ["plain", "bgzf", "bcf"])
def test_samples_and_several_alternates(peer, genotypes, tmp_path, kind):
    path = genotypes
    if kind == "bgzf":
        path = bgzip(tmp_path / "genotypes.vcf.gz", genotypes.read_bytes())
    if kind == "bcf":
        path = make_bcf(tmp_path / "genotypes.bcf", genotypes)
    found = by_us(path)
    assert len(found) == 10
    assert found == list(peer(path))


@pytest.mark.parametrize("name", ["variants.vcf.gz", "awkward.vcf"])
def test_the_example_files(peer, name):
    found = by_us(EXAMPLE_DATA / name)
    assert len(found) > 20
    assert found == list(peer(EXAMPLE_DATA / name))


def test_many_records_over_many_blocks(peer, tmp_path):
    records = [("chr1", 3 * i + 1, f"id{i}", "ACGT"[i % 4], "CGTA"[i % 4]) for i in range(5_000)]
    path = make_vcf(tmp_path / "many.vcf.gz", records, {"chr1": 100_000})
    assert by_us(path) == list(peer(path))


def test_thousand_genomes_sites(peer, shared_directory):
    path = shared_directory / "data" / "variants" / "1000G.chr22.sites.vcf.gz"
    found = by_us(path)
    assert len(found) == 83_057
    assert found == list(peer(path))
