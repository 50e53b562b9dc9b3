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
        start: 0-based first position.
        end: 0-based half-open end.
        strand: "+", "-", or "." when the annotation knows none.
        is_gene: Whether this is the gene itself, rather than something that belongs to one.
        gene: What ties transcripts to genes: `gene_id` in GTF; `ID` of the gene, `Parent` of others in GFF3.
        transcript: What an exon is a part of; empty in genes and transcripts.
        identifier: The gene's identifier as written; empty in GFF3's features that are not genes.
        name: The gene's name; empty when this line does not say.
        type: The gene's type (`gene_type`, `gene_biotype` or `biotype`); empty when this line does not say.
    """

    line: int
    contig: str
    start: int
    end: int
    strand: str
    is_gene: bool = False
    gene: str = ""
    transcript: str = ""
    identifier: str = ""
    name: str = ""
    type: str = ""

    @property
    def five_prime(self) -> int:
        """0-based position of the 5' end."""
        return self.end - 1 if self.strand == "-" else self.start


def read_features(path: Path) -> Iterator[Feature]:
    """Reads genes and transcripts, in the order of the file.

    GTF and GFF3, plain, gzip or BGZF, are told apart by content. An annotation with neither genes nor
    transcripts is read again for its exons.

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
    interpret: Callable[[Feature, str, str], Iterator[Feature]] | None = None
    for number, line in enumerate(lines, start=1):
        if line.startswith(_FASTA_SECTION):
            return
        # The kind alone decides about most lines; nothing else of them is looked at.
        kind = line.split(b"\t", 3)[2:3]
        if kind and (kind[0] != _EXON if exons else kind[0] in _PARTS):
            continue
        if line.startswith(b"#") or line.isspace():
            continue
        try:
            feature, word, attributes = _split(line, number)
            interpret = interpret or (_from_gff3 if _IS_GFF3.match(attributes) else _from_gtf)
            yield from interpret(feature, word, attributes)
        except ValueError as error:
            raise InputError(
                f"{name}, line {number}: {error}; correct the line, or download the annotation again"
            ) from None


def _split(raw: bytes, number: int) -> tuple[Feature, str, str]:
    """What a line says in either format, then its kind and its attributes as written; ValueError says why not."""
    try:
        fields = raw.decode("utf-8").rstrip("\r\n").split("\t")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    if len(fields) != _COLUMNS:
        raise ValueError(f"it has {len(fields)} columns separated by tabs, not nine")
    contig, _, kind, first, last, _, strand, _, attributes = fields
    if not (_is_number(first) and _is_number(last) and 1 <= int(first) <= int(last)):
        raise ValueError(f"{first[:20]!r} to {last[:20]!r} is no stretch of a contig")
    if strand not in ("+", "-", ".", "?"):
        raise ValueError(f"strand {strand[:20]!r} is none of + - . ?")
    strand = strand.replace("?", ".")
    return Feature(number, unquote(contig), int(first) - 1, int(last), strand), kind, attributes


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _from_gtf(feature: Feature, kind: str, text: str) -> Iterator[Feature]:
    if kind not in ("gene", "transcript", "exon"):
        return
    attributes: Attributes = {}
    for key, quoted, bare in _GTF_ATTRIBUTE.findall(text):
        attributes.setdefault(key, quoted or bare)
    gene = attributes.get("gene_id", "")
    if not gene:
        raise ValueError(f"the {kind} has no gene_id")
    # Transcripts stand for themselves, exons have to be joined.
    transcript = (attributes.get("transcript_id") or gene) if kind == "exon" else ""
    name = _first(attributes, "gene_name", "gene")
    yield Feature(*feature[:5], kind == "gene", gene, transcript, gene, name, _type(attributes))


def _from_gff3(feature: Feature, kind: str, text: str) -> Iterator[Feature]:
    # As written: `%2C` and the like are decoded only after lists are split at their commas.
    pairs = [pair.partition("=") for pair in text.split(";") if pair.strip()]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError("its attributes are not key=value as in the lines before")
    attributes = {key.strip(): value.strip() for key, _, value in pairs}
    parents = attributes.get("Parent", "")
    for parent in parents.split(",") if parents else ():
        yield feature._replace(gene=unquote(parent))
    if parents or not kind.endswith("gene"):
        return
    key = unquote(attributes.get("ID", ""))
    identifier = unquote(attributes.get("gene_id", "")) or _ID_PREFIX.sub("", key, count=1)
    if not identifier:
        raise ValueError(f"the {kind} has neither gene_id nor ID")
    name = unquote(_first(attributes, "gene_name", "Name", "gene"))
    yield Feature(*feature[:5], True, key or identifier, "", identifier, name, _type(attributes))


def _type(attributes: Attributes) -> str:
    return unquote(_first(attributes, "gene_type", "gene_biotype", "biotype"))


def _first(attributes: Attributes, *keys: str) -> str:
    """The first of these attributes that says something; empty when none does."""
    return next(filter(None, (attributes.get(key) for key in keys)), "")
