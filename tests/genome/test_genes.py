"""Genes from annotations: small ones worked by hand, and a real one against an independent count."""

import csv
import gzip
import pickle
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enformer_vep.errors import InputError
from enformer_vep.genome.genes import Gene, GeneIndex, read_genes
from tests.builders import bgzip

Write = Callable[..., Path]


def any_contig(name: str) -> str:
    return name


def chr22_alone(name: str) -> str | None:
    return "22" if name in ("22", "chr22") else None


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_lines(*lines: str, name: str = "annotation") -> Path:
        path = tmp_path / name
        path.write_text("".join(line.replace(" | ", "\t") + "\n" for line in lines))
        return path

    return write_lines


def row(kind: str, first: int, last: int, strand: str, attributes: str, contig: str = "chr22") -> str:
    return f"{contig} | test | {kind} | {first} | {last} | . | {strand} | . | {attributes}"


# A gene on each strand. Positions in the file are 1-based with both ends included: the forward gene's TSS
# is 101 - 1 = 100, the reverse gene's 900 - 1 = 899.
GENCODE_GTF = (
    "##description: as GENCODE writes it",
    row("gene", 101, 500, "+", 'gene_id "G1.2"; gene_type "protein_coding"; gene_name "ONE"; level 2;'),
    row("transcript", 101, 400, "+", 'gene_id "G1.2"; transcript_id "T1.1"; gene_name "ONE"; level 2;'),
    row("exon", 101, 150, "+", 'gene_id "G1.2"; transcript_id "T1.1"; exon_number 1;'),
    row("transcript", 201, 500, "+", 'gene_id "G1.2"; transcript_id "T2.1"; tag "a; gene_id b";'),
    row("transcript", 101, 500, "+", 'gene_id "G1.2"; transcript_id "T3.1"; level 2;'),
    row("gene", 600, 900, "-", 'gene_id "G2.1"; gene_type "lncRNA"; gene_name "TWO"; level 2;'),
    row("transcript", 600, 880, "-", 'gene_id "G2.1"; transcript_id "T4.1"; level 2;'),
    row("transcript", 700, 900, "-", 'gene_id "G2.1"; transcript_id "T5.1"; level 2;'),
)
ONE = Gene("G1.2", "ONE", "chr22", forward=True, tss=100, starts=(100, 200), representative=100)
TWO = Gene("G2.1", "TWO", "chr22", forward=False, tss=899, starts=(879, 899), representative=899)

GENCODE_GFF3 = (
    "##gff-version 3",
    row("gene", 101, 500, "+", "ID=G1.2;gene_id=G1.2;gene_type=protein_coding;gene_name=ONE"),
    row("transcript", 101, 400, "+", "ID=T1.1;Parent=G1.2;gene_id=G1.2;transcript_id=T1.1"),
    row("exon", 101, 150, "+", "ID=exon:T1.1:1;Parent=T1.1;gene_id=G1.2"),
    row("transcript", 201, 500, "+", "ID=T2.1;Parent=G1.2;gene_id=G1.2"),
    row("gene", 600, 900, "-", "ID=G2.1;gene_id=G2.1;gene_type=lncRNA;gene_name=TWO"),
    row("transcript", 600, 880, "-", "ID=T4.1;Parent=G2.1"),
    row("transcript", 700, 900, "-", "ID=T5.1;Parent=G2.1"),
)

# Ensembl: prefixes, no "chr", other kinds of genes and transcripts, a child before its parent, an exon
# that hangs on the gene itself, parts of transcripts that are no transcripts of the gene.
ENSEMBL_GFF3 = (
    "##gff-version 3",
    row("chromosome", 1, 50000000, ".", "ID=chromosome:22;Alias=CM000684.2", "22"),
    row("mRNA", 201, 500, "+", "ID=transcript:T2;Parent=gene:G1;biotype=protein_coding", "22"),
    row("gene", 101, 500, "+", "ID=gene:G1;Name=ONE;biotype=protein_coding;gene_id=G1;version=2", "22"),
    row("mRNA", 101, 400, "+", "ID=transcript:T1;Parent=gene:G1;Name=ONE-201", "22"),
    row("exon", 161, 170, "+", "Parent=gene:G1", "22"),
    row("five_prime_UTR", 101, 120, "+", "Parent=transcript:T1", "22"),
    row("ncRNA_gene", 600, 900, "-", "ID=gene:G2;biotype=lncRNA", "22"),
    row("lnc_RNA", 600, 880, "-", "ID=transcript:T4;Parent=gene:G2", "22"),
    row("miRNA", 610, 640, "-", "ID=transcript:T6;Parent=transcript:T4", "22"),
    row("lnc_RNA", 700, 900, "-", "ID=transcript:T5;Parent=gene:G2", "22"),
)


def test_gencode_gtf(write: Write) -> None:
    assert list(read_genes(write(*GENCODE_GTF), any_contig)) == [ONE, TWO]


def test_gencode_gff3(write: Write) -> None:
    assert list(read_genes(write(*GENCODE_GFF3), any_contig)) == [ONE, TWO]


def test_ensembl_gff3(write: Write) -> None:
    assert list(read_genes(write(*ENSEMBL_GFF3), chr22_alone)) == [
        Gene("G1", "ONE", "22", forward=True, tss=100, starts=(100, 200), representative=100),
        Gene("G2", "G2", "22", forward=False, tss=899, starts=(879, 899), representative=899),
    ]


def test_format_is_told_by_content_not_by_name(write: Write, tmp_path: Path) -> None:
    assert len(read_genes(write(*GENCODE_GTF, name="genes.gff3"), any_contig)) == 2
    compressed = tmp_path / "genes.gtf"
    compressed.write_bytes(gzip.compress(write(*GENCODE_GFF3).read_bytes()))
    assert len(read_genes(compressed, any_contig)) == 2
    blocks = tmp_path / "blocks.txt"
    bgzip(blocks, write(*ENSEMBL_GFF3).read_bytes())
    assert len(read_genes(blocks, any_contig)) == 2


def test_url_escapes_and_several_parents(write: Write) -> None:
    path = write(
        row("gene", 11, 90, "+", "ID=gene:A%2CB;gene_id=A%2CB;Name=one%3B two%3Dthree"),
        row("gene", 21, 90, "+", "ID=gene:C;gene_id=C"),
        row("mRNA", 31, 90, "+", "ID=transcript:1;Parent=gene:A%2CB,gene:C"),
    )
    assert list(read_genes(path, any_contig)) == [
        Gene("A,B", "one; two=three", "chr22", forward=True, tss=10, starts=(30,), representative=30),
        Gene("C", "C", "chr22", forward=True, tss=20, starts=(30,), representative=30),
    ]


def test_gene_without_transcripts_starts_at_its_own_end(write: Write) -> None:
    path = write(row("gene", 11, 90, "-", 'gene_id "G"'))
    assert list(read_genes(path, any_contig)) == [
        Gene("G", "G", "chr22", forward=False, tss=89, starts=(89,), representative=89)
    ]


def test_transcripts_without_a_gene_record_make_one(write: Write) -> None:
    path = write(
        row("transcript", 101, 400, "-", 'gene_id "STRG.1"; transcript_id "STRG.1.1"; gene_name "X"'),
        row("exon", 101, 150, "-", 'gene_id "STRG.1"; transcript_id "STRG.1.1"'),
        row("transcript", 301, 500, "-", 'gene_id "STRG.1"; transcript_id "STRG.1.2"'),
        row("transcript", 600, 900, ".", 'gene_id "STRG.2"; transcript_id "STRG.2.1"'),
    )
    expected = Gene("STRG.1", "X", "chr22", forward=False, tss=499, starts=(399, 499), representative=499)
    assert list(read_genes(path, any_contig)) == [expected]


def test_exons_alone_make_transcripts_and_genes(write: Write) -> None:
    path = write(
        row("exon", 301, 400, "+", 'gene_id "S"; transcript_id "NM_1"'),
        row("CDS", 350, 400, "+", 'gene_id "S"; transcript_id "NM_1"'),
        row("exon", 101, 150, "+", 'gene_id "S"; transcript_id "NM_1"'),
        row("exon", 201, 400, "+", 'gene_id "S"; transcript_id "NM_2"'),
        row("exon", 801, 850, "-", 'gene_id "S"; transcript_id "NM_3"'),
        row("exon", 901, 950, "-", 'gene_id "S"; transcript_id "NM_3"'),
    )
    assert list(read_genes(path, any_contig)) == [
        Gene("S", "S", "chr22", forward=True, tss=100, starts=(100, 200), representative=100),
        Gene("S", "S", "chr22", forward=False, tss=949, starts=(949,), representative=949),
    ]


def test_same_identifier_on_two_contigs_is_two_genes(write: Write) -> None:
    path = write(
        row("gene", 101, 500, "+", 'gene_id "P"', "chrX"),
        row("transcript", 111, 500, "+", 'gene_id "P"', "chrX"),
        row("gene", 201, 600, "+", 'gene_id "P"', "chrY"),
        row("transcript", 211, 600, "+", 'gene_id "P"', "chrY"),
    )
    genes = read_genes(path, any_contig)
    assert [(gene.contig, gene.tss, gene.starts) for gene in genes] == [
        ("chrX", 100, (110,)),
        ("chrY", 200, (210,)),
    ]


def test_unknown_contigs_are_left_out_and_counted(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="enformer_vep")
    path = write(*GENCODE_GTF, row("gene", 1, 9, "+", 'gene_id "L"', "chr22_KI270731v1_random"))
    assert [gene.contig for gene in read_genes(path, chr22_alone)] == ["22", "22"]
    assert len(caplog.records) == 1
    assert "1 of 3 genes are left out" in caplog.text
    assert "chr22_KI270731v1_random" in caplog.text


def test_no_gene_on_the_genome_is_an_error(write: Write) -> None:
    with pytest.raises(InputError, match="no gene with a strand on any of the genome's contigs"):
        read_genes(write(row("gene", 1, 9, "+", 'gene_id "L"', "NC_000022.11")), chr22_alone)


@pytest.mark.parametrize("lines", [GENCODE_GTF, GENCODE_GFF3, ENSEMBL_GFF3])
def test_types(write: Write, lines: tuple[str, ...]) -> None:
    names = [gene.name for gene in read_genes(write(*lines), any_contig, types=["protein_coding", "snRNA"])]
    assert names == ["ONE"]
    with pytest.raises(InputError, match="no gene of type coding; its types are: lncRNA, protein_coding"):
        read_genes(write(*lines), any_contig, types=["coding"])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("chr22 | test | gene | 5", "4 columns"),
        ("chr22", "1 columns"),
        (row("gene", 9, 5, "+", 'gene_id "X"'), "no stretch"),
        (row("transcript", 0, 5, "+", 'gene_id "X"'), "no stretch"),
        (row("gene", 1, 5, "x", 'gene_id "X"'), "strand 'x'"),
        (row("gene", 1, 5, "+", 'gene_name "X"'), "no gene_id"),
        (row("transcript", 101, 400, "-", 'gene_id "G1.2"; transcript_id "T9"'), "on strand -"),
        (row("gene", 102, 500, "+", 'gene_id "G1.2"'), "again"),
    ],
)
def test_malformed_line_is_named(write: Write, line: str, reason: str) -> None:
    path = write(*GENCODE_GTF, line)
    with pytest.raises(InputError, match=reason) as caught:
        read_genes(path, any_contig)
    assert f"{path}, line {len(GENCODE_GTF) + 1}: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_formats_in_one_file_are_an_error(write: Write) -> None:
    with pytest.raises(InputError, match="line 9: its attributes are not key=value"):
        read_genes(write(*GENCODE_GFF3, row("gene", 1, 5, "+", 'gene_id "X"')), any_contig)


def test_sequence_after_the_features_is_not_read(write: Write) -> None:
    assert len(read_genes(write(*GENCODE_GFF3, "##FASTA", ">chr22", "ACGT"), any_contig)) == 2


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"chr22\ttest\tCDS\t1\t9\t.\t+\t.\tID=a\n"])
def test_annotation_without_genes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "none.gtf"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"none\.gtf (is empty|has no gene)"):
        read_genes(path, any_contig)


def test_truncated_gzip_is_an_error(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "cut.gtf.gz"
    path.write_bytes(gzip.compress(write(*GENCODE_GTF).read_bytes())[:-20])
    with pytest.raises(InputError, match="cannot be read"):
        read_genes(path, any_contig)


def test_distance_is_positive_downstream_on_either_strand() -> None:
    assert [ONE.distance(position) for position in (90, 100, 130)] == [-10, 0, 30]
    assert [TWO.distance(position) for position in (890, 899, 999)] == [9, 0, -100]


def test_within_is_half_open_and_orders_by_the_first_site_inside() -> None:
    index = GeneIndex([TWO, ONE])
    assert index.within("chr22", 100, 900) == (ONE, TWO)
    assert index.within("chr22", 101, 899) == (ONE, TWO)
    assert index.within("chr22", 201, 899) == (TWO,)
    assert index.within("chr22", 880, 899) == ()
    assert index.within("chr22", 899, 900) == (TWO,)
    assert index.within("chr1", 0, 10_000) == ()


def test_fingerprint_is_of_the_content() -> None:
    assert GeneIndex([ONE, TWO]).fingerprint == GeneIndex([TWO, ONE]).fingerprint
    assert GeneIndex([ONE, TWO]).fingerprint != GeneIndex([ONE]).fingerprint
    for moved in (replace(ONE, starts=(100, 201)), replace(ONE, representative=200)):
        assert GeneIndex([moved]).fingerprint != GeneIndex([ONE]).fingerprint


def test_index_pickles() -> None:
    index = pickle.loads(pickle.dumps(GeneIndex([ONE, TWO])))
    assert index.within("chr22", 899, 900) == (TWO,)
    assert index.fingerprint == GeneIndex([ONE, TWO]).fingerprint


POSITIONS = st.integers(0, 40)


@st.composite
def gene_lists(draw: st.DrawFn) -> list[Gene]:
    starts = draw(st.lists(st.sets(POSITIONS, min_size=1, max_size=4), max_size=12))
    contigs = [draw(st.sampled_from(["a", "b"])) for _ in starts]
    return [
        Gene(f"g{number % 7}x{number}", "", contig, True, min(sites), tuple(sorted(sites)), min(sites))
        for number, (contig, sites) in enumerate(zip(contigs, starts, strict=True))
    ]


@given(gene_lists(), st.sampled_from(["a", "b"]), POSITIONS, st.integers(0, 20))
def test_within_is_brute_force(genes: list[Gene], contig: str, start: int, length: int) -> None:
    inside = {
        gene: [site for site in gene.starts if start <= site < start + length]
        for gene in genes
        if gene.contig == contig
    }
    expected = sorted((sites[0], gene.identifier) for gene, sites in inside.items() if sites)
    found = GeneIndex(genes).within(contig, start, start + length)
    assert [gene.identifier for gene in found] == [identifier for _, identifier in expected]


def test_gencode_chromosome_22_as_an_independent_reader_has_it(shared_directory: Path) -> None:
    path = shared_directory / "data" / "annotation" / "gencode.chr22.gtf.gz"
    tss: dict[str, tuple[str, int]] = {}
    starts: dict[str, set[int]] = defaultdict(set)
    transcripts = 0
    with gzip.open(path, "rt") as handle:
        for fields in csv.reader(handle, delimiter="\t", quoting=csv.QUOTE_NONE):
            identifier = fields[8].split('gene_id "')[1].split('"')[0]
            end = (int(fields[3]) if fields[6] == "+" else int(fields[4])) - 1
            if fields[2] == "gene":
                tss[identifier] = (fields[6], end)
            elif fields[2] == "transcript":
                transcripts += 1
                starts[identifier].add(end)
    assert (len(tss), transcripts) == (1748, 8237)
    genes = read_genes(path, any_contig, transcripts="all")
    assert {gene.identifier: ("+" if gene.forward else "-", gene.tss) for gene in genes} == tss
    assert {gene.identifier: gene.starts for gene in genes} == {
        identifier: tuple(sorted(sites)) for identifier, sites in starts.items()
    }


def test_genes_from_exons_alone_are_those_of_the_records(shared_directory: Path, tmp_path: Path) -> None:
    path = shared_directory / "data" / "annotation" / "gencode.chr22.gtf.gz"
    exons = tmp_path / "exons.gtf"
    with gzip.open(path, "rt") as handle:
        exons.write_text("".join(line for line in handle if "\texon\t" in line))
    # But for tags: those of long lines are cut off in this copy of GENCODE.
    one, other = (read_genes(annotation, any_contig, transcripts="all") for annotation in (exons, path))
    without_tags = [{replace(gene, representative=gene.tss) for gene in genes} for genes in (one, other)]
    assert without_tags[0] == without_tags[1]
