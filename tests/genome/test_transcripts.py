"""Whose transcription starts count: one toy annotation in three dialects, worked by hand, and a real one recounted."""

import gzip
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from enformer_vep.errors import InputError
from enformer_vep.genome.genes import Gene, read_genes
from enformer_vep.genome.transcripts import Transcript, read_selection, read_tags, representative


def any_contig(name: str) -> str:
    return name


def line(kind: str, first: int, last: int, strand: str, attributes: str) -> str:
    return f"chr1\ttoy\t{kind}\t{first}\t{last}\t.\t{strand}\t.\t{attributes}\n"


# Gene, type, strand, then its transcripts: identifier, 1-based first and last base, type, tags.
# `coding` has every kind; `reverse` no MANE; `decaying` only transcripts that are left out; `bare` no transcript.
TOY = {
    ("coding", "protein_coding", "+"): [
        ("T1", 1001, 9000, "retained_intron", ()),
        ("T2", 1101, 9000, "protein_coding", ("basic", "MANE_Plus_Clinical")),
        ("T3", 1201, 9000, "protein_coding", ("basic", "Ensembl_canonical", "MANE_Select", "appris_principal_1")),
        ("T4", 1301, 9000, "nonsense_mediated_decay", ("basic",)),
        ("T5", 1401, 9000, "protein_coding", ("mRNA_start_NF",)),
        ("T6", 1501, 9000, "protein_coding_CDS_not_defined", ()),
        ("T7", 1601, 9000, "non_stop_decay", ()),
    ],
    ("reverse", "lncRNA", "-"): [
        ("T8", 20001, 29000, "lncRNA", ("basic",)),
        ("T9", 20001, 28000, "lncRNA", ("basic", "Ensembl_canonical")),
        ("T10", 20001, 27000, "retained_intron", ()),
    ],
    ("decaying", "protein_coding", "-"): [
        ("T11", 40001, 49000, "nonsense_mediated_decay", ()),
        ("T12", 40001, 48000, "retained_intron", ()),
    ],
    ("bare", "protein_coding", "-"): [],
}
ENDS = {"coding": (1001, 9000), "reverse": (20001, 29000), "decaying": (40001, 49000), "bare": (60001, 69000)}

# For each choice: gene to its starts, 0-based, the representative one first.
ALL = {
    "coding": [1200, 1000, 1100, 1300, 1400, 1500, 1600],
    "reverse": [27999, 28999, 26999],
    "decaying": [48999, 47999],
    "bare": [68999],
}
FILTERED = {"coding": [1200, 1100], "reverse": [27999, 28999], "decaying": [48999, 47999], "bare": [68999]}
ONE = {"coding": [1200], "reverse": [27999], "decaying": [48999], "bare": [68999]}
EXPECTED = {
    "all": ALL,
    "filtered": FILTERED,
    "canonical": ONE,
    "mane": {**ONE, "coding": [1200, 1100]},
    "MANE Select": ONE,
    "basic": {**ONE, "coding": [1200, 1100, 1300], "reverse": [27999, 28999]},
    "appris_principal_1": ONE,
    "Basic,T1": {**ONE, "coding": [1200, 1000, 1100, 1300], "reverse": [27999, 28999]},
    "T12": {**ONE, "decaying": [47999]},
    "T10.3,T6": {**ONE, "coding": [1500], "reverse": [26999]},
}


def gencode_gtf() -> Iterator[str]:
    for (gene, kind, strand), transcripts in TOY.items():
        words = f'gene_id "{gene}"; gene_type "{kind}"; gene_name "{gene}"; level 2;'
        yield line("gene", *ENDS[gene], strand, words)
        for name, first, last, transcript, tags in transcripts:
            tagged = "".join(f' tag "{tag}";' for tag in tags)
            more = f'{words} transcript_id "{name}.3"; transcript_type "{transcript}";{tagged}'
            yield line("transcript", first, last, strand, more)
            yield line("exon", first, first + 50, strand, more)


def gencode_gff3() -> Iterator[str]:
    for (gene, kind, strand), transcripts in TOY.items():
        yield line("gene", *ENDS[gene], strand, f"ID={gene};gene_id={gene};gene_type={kind}")
        for name, first, last, transcript, tags in transcripts:
            words = f"ID={name}.3;Parent={gene};gene_id={gene};transcript_id={name}.3;transcript_type={transcript}"
            yield line("transcript", first, last, strand, words + (f";tag={','.join(tags)}" if tags else ""))


def ensembl_gtf() -> Iterator[str]:
    for (gene, kind, strand), transcripts in TOY.items():
        words = f'gene_id "{gene}"; gene_biotype "{kind}";'
        yield line("gene", *ENDS[gene], strand, words)
        for name, first, last, transcript, tags in transcripts:
            more = f'{words} transcript_id "{name}"; transcript_version "3"; transcript_biotype "{transcript}";'
            yield line("transcript", first, last, strand, more + "".join(f' tag "{tag}";' for tag in tags))


def ensembl_gff3() -> Iterator[str]:
    """Of transcripts the kind varies, and lines of transcripts may come before that of their gene."""
    kinds = {"protein_coding": "mRNA", "lncRNA": "lnc_RNA"}
    for (gene, kind, strand), transcripts in TOY.items():
        for name, first, last, transcript, tags in transcripts:
            words = f"ID=transcript:{name};Parent=gene:{gene};biotype={transcript};transcript_id={name};version=3"
            tagged = f";tag={','.join(tags)}" if tags else ""
            yield line(kinds.get(transcript, "transcript"), first, last, strand, words + tagged)
        yield line("gene", *ENDS[gene], strand, f"ID=gene:{gene};biotype={kind};gene_id={gene};version=2")


DIALECTS = {"GENCODE GTF": gencode_gtf, "GENCODE GFF3": gencode_gff3, "Ensembl GTF": ensembl_gtf, "GFF3": ensembl_gff3}


@pytest.mark.parametrize("choice", EXPECTED)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_the_same_starts(tmp_path: Path, dialect: str, choice: str) -> None:
    path = tmp_path / "annotation"
    path.write_text("".join(DIALECTS[dialect]()))
    genes = {gene.identifier: gene for gene in read_genes(path, any_contig, transcripts=choice)}
    assert {name: gene.starts for name, gene in genes.items()} == {
        name: tuple(sorted(starts)) for name, starts in EXPECTED[choice].items()
    }
    assert {name: gene.representative for name, gene in genes.items()} == {
        name: starts[0] for name, starts in EXPECTED[choice].items()
    }
    # What GTEx calls the TSS does not depend on it.
    assert {name: gene.tss for name, gene in genes.items()} == {
        "coding": 1000,
        "reverse": 28999,
        "decaying": 48999,
        "bare": 68999,
    }


# RefSeq, as NCBI writes it: MANE Select or RefSeq Select with blanks; NR_ is a non-coding transcript of a coding gene.
REFSEQ = {
    ("mane", "protein_coding", "+"): [
        ("NR_1.1", 1001, 9000, "misc_RNA", "transcript", ()),
        ("NM_2.4", 1101, 9000, "mRNA", "mRNA", ()),
        ("NM_3.2", 1201, 9000, "mRNA", "mRNA", ("MANE Select",)),
        ("NM_4.2", 1301, 9000, "mRNA", "mRNA", ("MANE Plus Clinical",)),
    ],
    ("select", "lncRNA", "-"): [
        ("NR_5.1", 20001, 29000, "ncRNA", "lnc_RNA", ()),
        ("NR_6.1", 20001, 28000, "ncRNA", "lnc_RNA", ("RefSeq Select",)),
    ],
}


def refseq_gff3() -> Iterator[str]:
    for (gene, kind, strand), transcripts in REFSEQ.items():
        last = max(one[2] for one in transcripts)
        words = f"ID=gene-{gene};Dbxref=GeneID:1;Name={gene};gbkey=Gene;gene={gene};gene_biotype={kind}"
        yield line("gene", transcripts[0][1], last, strand, words)
        for name, first, end, key, feature, tags in transcripts:
            words = f"ID=rna-{name};Parent=gene-{gene};gbkey={key};gene={gene};transcript_id={name}"
            yield line(feature, first, end, strand, words + (f";tag={','.join(tags)}" if tags else ""))
            yield line("exon", first, first + 9, strand, f"ID=exon-{name}-1;Parent=rna-{name};transcript_id={name}")


def refseq_gtf() -> Iterator[str]:
    for (gene, kind, strand), transcripts in REFSEQ.items():
        last = max(one[2] for one in transcripts)
        words = f'gene_id "{gene}"; transcript_id ""; db_xref "GeneID:1"; gene "{gene}"; gene_biotype "{kind}"; '
        yield line("gene", transcripts[0][1], last, strand, words)
        for name, first, end, key, feature, tags in transcripts:
            words = f'gene_id "{gene}"; transcript_id "{name}"; gbkey "{key}"; gene "{gene}"; '
            tagged = "".join(f'tag "{tag}"; ' for tag in tags)
            yield line("transcript", first, end, strand, f'{words}{tagged}transcript_biotype "{feature}"; ')


@pytest.mark.parametrize("lines", [refseq_gff3, refseq_gtf])
@pytest.mark.parametrize(
    ("choice", "mane", "select"),
    [
        ("all", (1000, 1100, 1200, 1300), (27999, 28999)),
        ("filtered", (1100, 1200, 1300), (27999, 28999)),
        ("canonical", (1200,), (27999,)),
        ("mane", (1200, 1300), (27999,)),
        ("RefSeq Select", (1200,), (27999,)),
        ("NM_2", (1100,), (27999,)),
        ("NM_2.4,NR_5.1", (1100,), (28999,)),
    ],
)
def test_refseq(
    tmp_path: Path,
    lines: Callable[[], Iterator[str]],
    choice: str,
    mane: tuple[int, ...],
    select: tuple[int, ...],
) -> None:
    path = tmp_path / "annotation"
    path.write_text("".join(lines()))
    one, other = read_genes(path, any_contig, transcripts=choice)
    assert (one.identifier, one.starts, other.identifier, other.starts) == ("mane", mane, "select", select)
    assert one.representative == (1100 if mane == (1100,) else 1200)


def test_a_version_that_is_given_has_to_be_right_and_others_are_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "annotation"
    names = [("STRG.1.1", 101), ("STRG.1.2", 201), ("ENST1.7_PAR_Y", 301)]
    path.write_text(
        "".join(line("transcript", first, 900, "+", f'gene_id "G"; transcript_id "{name}"') for name, first in names)
    )
    for choice, starts in {
        "STRG.1.2": (200,),
        "STRG.1": (100, 200),
        "ENST1": (300,),
        "ENST1.7_PAR_Y": (300,),
    }.items():
        (gene,) = read_genes(path, any_contig, transcripts=choice)
        assert gene.starts == starts, choice
    for wrong in ("STRG", "STRG.1.3", "ENST1.8"):
        with pytest.raises(InputError, match=re.escape(f"has no transcript for --transcripts {wrong}; give")):
            read_genes(path, any_contig, transcripts=wrong)


def test_a_list_may_be_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="enformer_vep")
    path, names = tmp_path / "annotation", tmp_path / "names.txt"
    path.write_text("".join(gencode_gtf()))
    names.write_text("# expressed in liver\nT6\t12.5 TPM\n\nT10.3\nT99\n")
    genes = read_genes(path, any_contig, transcripts=f"@{names}")
    assert genes.fingerprint == read_genes(path, any_contig, transcripts="T6,T10").fingerprint
    assert "has no transcript for 1 of 3 words of --transcripts (T99)" in caplog.text
    names.write_text("# nothing\n")
    with pytest.raises(InputError, match="there is nothing in it"):
        read_genes(path, any_contig, transcripts=f"@{names}")
    with pytest.raises(InputError, match=r"nowhere\.txt"):
        read_genes(path, any_contig, transcripts=f"@{tmp_path / 'nowhere.txt'}")


@pytest.mark.parametrize(
    ("choice", "count", "instead"), [("filtered", 1, "all that they"), ("canonical", 2, "one start")]
)
def test_genes_without_such_transcripts_are_kept_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, choice: str, count: int, instead: str
) -> None:
    caplog.set_level("INFO", logger="enformer_vep")
    path = tmp_path / "annotation"
    path.write_text("".join(gencode_gtf()))
    assert len(read_genes(path, any_contig, transcripts=choice)) == 4
    (record,) = caplog.records
    assert f"{count} of 4 genes have none of the transcripts" in record.getMessage()
    assert instead in record.getMessage()


def test_annotations_that_say_nothing_of_transcripts_keep_them_all(tmp_path: Path) -> None:
    path = tmp_path / "annotation"
    path.write_text(
        "".join(line("transcript", first, 900, "-", f'gene_id "G"; transcript_id "{first}"') for first in (101, 201))
        + line("transcript", 101, 700, "-", 'gene_id "G"; transcript_id "3"')
    )
    (gene,) = read_genes(path, any_contig)
    assert gene == Gene("G", "G", "chr1", False, 899, (699, 899), 899)


def test_representative_is_of_the_best_rank_and_then_furthest_upstream() -> None:
    def tagged(five_prime: int, *tags: str) -> Transcript:
        return Transcript(five_prime, "protein_coding", read_tags(*tags))

    some = [
        tagged(1),
        tagged(2, "appris_principal_1"),
        tagged(3, "Ensembl_canonical"),
        tagged(4, "RefSeq Select"),
        tagged(5, "MANE Select"),
        tagged(6, "MANE_Select", "basic"),
    ]
    for end, forward, reverse in ((6, 5, 6), (4, 3, 4), (2, 2, 2), (1, 1, 1)):
        assert representative(some[:end], forward=True).five_prime == forward
        assert representative(some[:end], forward=False).five_prime == reverse


def test_keywords_in_any_case() -> None:
    assert read_selection("ALL").keyword == "all"
    assert read_selection(" Filtered ").keyword == "filtered"
    assert read_selection("Canonical") == read_selection("Canonical")
    assert set(read_selection("Canonical").words) == {"ensembl_canonical", "refseq_select", "mane_select"}


def test_gencode_chromosome_22_recounted(shared_directory: Path) -> None:
    """By text alone. Lines of this copy end after 400 letters, so that some tags are cut off; so they are here."""
    path = shared_directory / "data" / "annotation" / "gencode.chr22.gtf.gz"
    by_gene: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    strands = {}
    with gzip.open(path, "rt") as handle:
        for fields in (text.rstrip("\n").split("\t") for text in handle):
            words = fields[8]
            if fields[2] != "transcript" or 'gene_type "protein_coding"' not in words:
                continue
            gene = words.split('gene_id "')[1].split('"')[0]
            start = int(fields[3]) - 1 if fields[6] == "+" else int(fields[4]) - 1
            by_gene[gene].append((start, words.split('transcript_type "')[1].split('"')[0], words))
            strands[gene] = fields[6]

    def is_kept(kind: str, words: str) -> bool:
        return kind in ("protein_coding", "protein_coding_LoF") and '"mRNA_start_NF"' not in words

    def best(some: list[tuple[int, str, str]], strand: str) -> int:
        for tag in ("MANE_Select", "Ensembl_canonical", "appris_principal_1"):
            tagged = [one for one in some if f'tag "{tag}"' in one[2]]
            some = tagged or some
            if tagged:
                break
        return (min if strand == "+" else max)(start for start, _, _ in some)

    filtered = {gene: [one for one in some if is_kept(*one[1:])] or some for gene, some in by_gene.items()}

    def tagged(tag: str) -> dict[str, list[tuple[int, str, str]]]:
        """Of a gene that has none, the start of the best one."""
        main = {gene: [(best(some, strands[gene]), "", "")] for gene, some in filtered.items()}
        return {gene: [one for one in by_gene[gene] if f'tag "{tag}"' in one[2]] or main[gene] for gene in by_gene}

    def bins(transcripts: dict[str, list[tuple[int, str, str]]]) -> int:
        """Of 128 bp, three to a start, genes apart."""
        return sum(len({s // 128 + n for s, _, _ in some for n in (-1, 0, 1)}) for some in transcripts.values())

    def starts(transcripts: dict[str, list[tuple[int, str, str]]]) -> int:
        return sum(len({start for start, _, _ in some}) for some in transcripts.values())

    coding = ("protein_coding", "protein_coding_LoF")
    coding_alone = {gene: [one for one in some if one[1] in coding] for gene, some in by_gene.items()}
    assert (len(by_gene), bins(coding_alone)) == (447, 3002)
    # The figures of docs/genes.md.
    for choice, some, figures in (
        ("all", by_gene, (3219, 5461)),
        ("filtered", filtered, (1555, 2668)),
        ("basic", tagged("basic"), (1204, 2230)),
        ("canonical", tagged("Ensembl_canonical"), (447, 1341)),
    ):
        genes = read_genes(path, any_contig, types=["protein_coding"], transcripts=choice)
        assert {gene.identifier: (gene.starts, gene.representative) for gene in genes} == {
            gene: (tuple(sorted({start for start, _, _ in own})), best(own, strands[gene]))
            for gene, own in some.items()
        }
        assert (starts(some), bins(some)) == figures
