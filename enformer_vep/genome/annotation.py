"""The text of gene annotations: which lines of a GTF or GFF3 are genes and transcripts, and what they say.

Own code, because only a tenth of the lines and five of their attributes are needed: gffutils builds a
database of every exon first (many minutes for GENCODE), pyranges and gtfparse hold them all in a table, and
none of them names the line of a malformed record.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from enformer_vep.errors import InputError
from enformer_vep.files.reading import open_input

Attributes = dict[str, str]

_COLUMNS = 9
_IS_GFF3 = re.compile(r"\s*[^\s=\";]+=")
_GTF_ATTRIBUTE = re.compile(r"([\w.-]+)\s+(?:\"([^\"]*)\"|([^\s;\"]+))")
_ID_PREFIX = re.compile(r"gene[:-]")
_FASTA_SECTION = (b"##FASTA", b">")
_EXON = b"exon"
# What GFF3 writes inside transcripts; some producers hang it on the gene itself. It is most of the file.
_PARTS = frozenset(
    b"exon CDS start_codon stop_codon UTR five_prime_UTR three_prime_UTR intron Selenocysteine "
    b"stop_codon_redefined_as_selenocysteine pseudogenic_exon".split()
)


class Feature(NamedTuple):
    """A gene, a transcript or an exon.

    Attributes:
        line: 1-based number of its line.
        contig: As the annotation writes it.
        is_gene: Whether this is the gene itself, rather than something that belongs to one.
        start: 0-based first position.
        end: 0-based half-open end.
        strand: "+", "-", or "." when the annotation knows none.
        gene: What ties transcripts to genes: `gene_id` in GTF; `ID` of the gene, `Parent` of others in GFF3.
        transcript: What an exon is a part of; empty in genes and transcripts.
        identifier: The gene's identifier as written; empty in GFF3's features that are not genes.
        name: The gene's name; empty when this line does not say.
        type: The gene's type (`gene_type`, `gene_biotype` or `biotype`); empty when this line does not say.
    """

    line: int
    contig: str
    is_gene: bool
    start: int
    end: int
    strand: str
    gene: str
    transcript: str
    identifier: str
    name: str
    type: str

    @property
    def five_prime(self) -> int:
        """0-based position of the 5' end."""
        return self.end - 1 if self.strand == "-" else self.start


def read_features(path: Path) -> Iterator[Feature]:
    """Reads genes and transcripts, in the order of the file.

    GTF and GFF3, plain, gzip or BGZF, are told apart by content. An annotation with neither genes nor
    transcripts is read again for its exons.

    Args:
        path: The annotation.

    Yields:
        In GTF, `gene` and `transcript` lines. In GFF3, every feature whose kind ends in "gene" and that has
        no parent, and every feature with a parent except exons, coding parts and the like; one with several
        parents once for each. Or else exons.

    Raises:
        InputError: The file is missing, damaged, or a line cannot be understood; the message names it.
    """
    found = False
    with open_input(path, "annotation") as stream:
        for feature in _parse(stream.content, exons=False, name=str(path)):
            found = True
            yield feature
    if found:
        return
    if stream.file is None:
        raise InputError(
            f"annotation {path} has neither genes nor transcripts, and a pipe is not read again for its exons; "
            "give a file"
        )
    with open_input(path, "annotation") as stream:
        yield from _parse(stream.content, exons=True, name=str(path))


def _parse(lines: Iterator[bytes], exons: bool, name: str) -> Iterator[Feature]:
    interpret: Callable[[_Line], Iterator[Feature]] | None = None
    for number, line in enumerate(lines, start=1):
        if line.startswith(_FASTA_SECTION):
            return
        # The kind alone decides about most lines; nothing else of them is looked at.
        kind = line.split(b"\t", 3)[2:3]
        if kind and (kind[0] != _EXON if exons else kind[0] in _PARTS):
            continue
        if line.startswith(b"#") or line.isspace():
            continue
        parsed = _split(line, f"{name}, line {number}", number)
        if interpret is None:
            interpret = _from_gff3 if _IS_GFF3.match(parsed.attributes) else _from_gtf
        yield from interpret(parsed)


class _Line(NamedTuple):
    place: str
    number: int
    contig: str
    kind: str
    start: int
    end: int
    strand: str
    attributes: str


def _split(raw: bytes, place: str, number: int) -> _Line:
    try:
        fields = raw.decode("utf-8").rstrip("\r\n").split("\t")
    except UnicodeDecodeError:
        raise _malformed(place, "it is not UTF-8 text") from None
    if len(fields) != _COLUMNS:
        raise _malformed(place, f"it has {len(fields)} columns separated by tabs, not nine")
    contig, _, kind, first, last, _, strand, _, attributes = fields
    if not (_is_number(first) and _is_number(last) and 1 <= int(first) <= int(last)):
        raise _malformed(place, f"{first[:20]!r} to {last[:20]!r} is no stretch of a contig")
    if strand not in ("+", "-", ".", "?"):
        raise _malformed(place, f"strand {strand[:20]!r} is none of + - . ?")
    known_strand = strand if strand in ("+", "-") else "."
    return _Line(place, number, unquote(contig), kind, int(first) - 1, int(last), known_strand, attributes)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _malformed(place: str, reason: str) -> InputError:
    return InputError(f"{place}: {reason}; correct the line, or download the annotation again")


def _from_gtf(line: _Line) -> Iterator[Feature]:
    if line.kind not in ("gene", "transcript", "exon"):
        return
    attributes: Attributes = {}
    for key, quoted, bare in _GTF_ATTRIBUTE.findall(line.attributes):
        attributes.setdefault(key, quoted or bare)
    gene = attributes.get("gene_id", "")
    if not gene:
        raise _malformed(line.place, f"the {line.kind} has no gene_id")
    # Transcripts stand for themselves, exons have to be joined.
    transcript = (attributes.get("transcript_id") or gene) if line.kind == "exon" else ""
    name = _first(attributes, "gene_name", "gene")
    yield _feature(line, line.kind == "gene", gene, transcript, gene, name, attributes)


def _from_gff3(line: _Line) -> Iterator[Feature]:
    attributes = _gff3_attributes(line)
    parents = attributes.get("Parent", "")
    for parent in parents.split(",") if parents else ():
        yield _feature(line, False, unquote(parent), "", "", "", {})
    if parents or not line.kind.endswith("gene"):
        return
    key = unquote(attributes.get("ID", ""))
    identifier = unquote(attributes.get("gene_id", "")) or _ID_PREFIX.sub("", key, count=1)
    if not identifier:
        raise _malformed(line.place, f"the {line.kind} has neither gene_id nor ID")
    name = unquote(_first(attributes, "gene_name", "Name", "gene"))
    yield _feature(line, True, key or identifier, "", identifier, name, attributes)


def _gff3_attributes(line: _Line) -> Attributes:
    """Key and value as written: `%2C` and the like are decoded only after lists are split at their commas."""
    pairs = [pair.partition("=") for pair in line.attributes.split(";") if pair.strip()]
    if not all(equals for _, equals, _ in pairs):
        raise _malformed(line.place, "its attributes are not key=value as in the lines before")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _feature(
    line: _Line,
    is_gene: bool,
    gene: str,
    transcript: str,
    identifier: str,
    name: str,
    attributes: Attributes,
) -> Feature:
    return Feature(
        line=line.number,
        contig=line.contig,
        is_gene=is_gene,
        start=line.start,
        end=line.end,
        strand=line.strand,
        gene=gene,
        transcript=transcript,
        identifier=identifier,
        name=name,
        type=unquote(_first(attributes, "gene_type", "gene_biotype", "biotype")),
    )


def _first(attributes: Attributes, *keys: str) -> str:
    """The first of these attributes that says something; empty when none does."""
    return next(filter(None, (attributes.get(key) for key in keys)), "")
