"""The text of gene annotations: which lines of a GTF or GFF3 are genes and transcripts, and what they say.

Own code, because only a tenth of the lines and a few of their attributes are needed: gffutils builds a
database of every exon first (many minutes for GENCODE), pyranges and gtfparse hold them all in a table, and
none of them names the line of a malformed record.
"""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from enformer_vep.errors import InputError
from enformer_vep.files.reading import open_input
from enformer_vep.genome.transcripts import read_tags

Attributes = dict[str, str]

_COLUMNS = 9
_IS_GFF3 = re.compile(r"\s*[^\s=\";]+=")
_GTF_ATTRIBUTE = re.compile(r"([\w.-]+)\s+(?:\"([^\"]*)\"|([^\s;\"]+))")
_ID_PREFIX = re.compile(r"^(?:gene|transcript|rna)[:-]")
_FASTA_SECTION = (b"##FASTA", b">")
_EXON = b"exon"
_TRANSCRIPT_TYPES = ("transcript_type", "transcript_biotype", "biotype", "gbkey")
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
        is_exon: Whether this is a part of a transcript.
        gene: What ties transcripts to genes: `gene_id` in GTF; `ID` of the gene, `Parent` of others in GFF3.
        transcript: The transcript's identifier, with its version where a line has one; an exon's is that of the
            transcript that it is a part of. Empty in genes.
        identifier: The gene's identifier as written; empty in GFF3's features that are not genes.
        name: The gene's name; empty when this line does not say.
        type: The gene's type (`gene_type`, `gene_biotype` or `biotype`); empty when this line does not say.
        transcript_type: The transcript's type (`transcript_type`, `transcript_biotype`, `biotype` or `gbkey`).
        tags: The transcript's tags, as `read_tags` spells them.
    """

    line: int
    contig: str
    start: int
    end: int
    strand: str
    is_gene: bool = False
    is_exon: bool = False
    gene: str = ""
    transcript: str = ""
    identifier: str = ""
    name: str = ""
    type: str = ""
    transcript_type: str = ""
    tags: frozenset[str] = frozenset()

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
    tags: list[str] = []
    for key, quoted, bare in _GTF_ATTRIBUTE.findall(text):
        attributes.setdefault(key, quoted or bare)
        if key == "tag":
            tags.append(quoted or bare)
    gene = attributes.get("gene_id", "")
    if not gene:
        raise ValueError(f"the {kind} has no gene_id")
    name = _first(attributes, "gene_name", "gene")
    feature = feature._replace(gene=gene, identifier=gene, name=name, type=_type(attributes))
    if kind == "gene":
        yield feature._replace(is_gene=True)
    else:
        transcript = _versioned(attributes.get("transcript_id") or gene, attributes.get("transcript_version", ""))
        kind_of = sys.intern(_first(attributes, *_TRANSCRIPT_TYPES))
        yield feature._replace(
            is_exon=kind == "exon", transcript=transcript, transcript_type=kind_of, tags=read_tags(*tags)
        )


def _from_gff3(feature: Feature, kind: str, text: str) -> Iterator[Feature]:
    # As written: `%2C` and the like are decoded only after lists are split at their commas.
    pairs = [pair.partition("=") for pair in text.split(";") if pair.strip()]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError("its attributes are not key=value as in the lines before")
    attributes = {key.strip(): value.strip() for key, _, value in pairs}
    parents = attributes.get("Parent", "")
    if parents:
        feature = feature._replace(**_transcript_of_gff3(attributes))
        yield from (feature._replace(gene=unquote(parent)) for parent in parents.split(","))
    if parents or not kind.endswith("gene"):
        return
    key = unquote(attributes.get("ID", ""))
    identifier = unquote(attributes.get("gene_id", "")) or _ID_PREFIX.sub("", key, count=1)
    if not identifier:
        raise ValueError(f"the {kind} has neither gene_id nor ID")
    name = unquote(_first(attributes, "gene_name", "Name", "gene"))
    yield feature._replace(
        is_gene=True, gene=key or identifier, identifier=identifier, name=name, type=_type(attributes)
    )


def _transcript_of_gff3(attributes: Attributes) -> dict[str, Any]:
    identifier = attributes.get("transcript_id") or _ID_PREFIX.sub("", attributes.get("ID", ""), count=1)
    return {
        "transcript": _versioned(unquote(identifier), attributes.get("version", "")),
        "transcript_type": sys.intern(unquote(_first(attributes, *_TRANSCRIPT_TYPES))),
        "tags": read_tags(*map(unquote, attributes.get("tag", "").split(","))),
    }


def _versioned(identifier: str, version: str) -> str:
    """Ensembl writes the version apart."""
    return f"{identifier}.{version}" if version else identifier


def _type(attributes: Attributes) -> str:
    return unquote(_first(attributes, "gene_type", "gene_biotype", "biotype"))


def _first(attributes: Attributes, *keys: str) -> str:
    """The first of these attributes that says something; empty when none does."""
    return next(filter(None, (attributes.get(key) for key in keys)), "")
