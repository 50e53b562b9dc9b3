"""Which transcripts of a gene say where its transcription starts.

What annotations call them: GENCODE and Ensembl tag transcripts `basic`, `Ensembl_canonical`, `MANE_Select`; RefSeq
`MANE Select`, or `RefSeq Select` where there is no MANE. Types are those of GENCODE and Ensembl (`transcript_type`,
`transcript_biotype`, `biotype`) or, in RefSeq, `mRNA` and others.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from enformer_vep.errors import InputError
from enformer_vep.files.reading import open_input

ALL, FILTERED = "all", "filtered"

_SETS = {
    "canonical": ("Ensembl_canonical", "RefSeq_Select", "MANE_Select"),
    "mane": ("MANE_Select", "MANE_Plus_Clinical"),
}
_FILE = "@"
_VERSION = re.compile(r"\.\d+(?:_PAR_Y)?$")
_PREFERRED = tuple(
    frozenset(tags)
    for tags in (
        ("mane_select",),
        ("ensembl_canonical", "refseq_select"),
        ("appris_principal_1", "appris_principal"),
    )
)
_CODING_GENE = "protein_coding"
_CODING = frozenset({"protein_coding", "protein_coding_LoF", "mRNA", ""})
_DECAYING = frozenset({"retained_intron", "nonsense_mediated_decay", "non_stop_decay"})
_START_NOT_FOUND = "mrna_start_nf"


class Transcript(NamedTuple):
    """What counts of one.

    Attributes:
        five_prime: 0-based position of its 5' end.
        type: As the annotation has it; empty when it does not say.
        tags: As `read_tags` gives them.
        is_listed: Whether it was asked for, by a tag or by its identifier.
    """

    five_prime: int
    type: str = ""
    tags: frozenset[str] = frozenset()
    is_listed: bool = False


@lru_cache(maxsize=4096)
def read_tags(*tags: str) -> frozenset[str]:
    """Brings tags to one spelling: `MANE Select` and `MANE_Select` are the same. Equal arguments share the object."""
    return frozenset(_spelled(tag) for tag in tags if tag.strip())


class Chosen(NamedTuple):
    """The transcripts of one gene that count.

    Attributes:
        transcripts: At least one, if the gene has any.
        is_fallback: Whether the gene has none of those that were asked for.
    """

    transcripts: Sequence[Transcript]
    is_fallback: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """The transcripts that are asked for.

    Attributes:
        keyword: `all` or `filtered`; empty when tags or identifiers are given.
        words: The word that was given, by the spelling of each tag or identifier that it stands for.
    """

    keyword: str
    words: Mapping[str, str] = field(default_factory=dict)

    def hits(self, identifier: str, tags: frozenset[str]) -> set[str]:
        """Finds the words that ask for a transcript.

        Args:
            identifier: As the annotation writes it; a word may leave out its version.
            tags: As `read_tags` gives them.
        """
        if not self.words:
            return set()
        names = {_spelled(identifier), _spelled(_VERSION.sub("", identifier))}
        return {self.words[name] for name in self.words.keys() & (tags | names)}

    def choose(self, transcripts: Sequence[Transcript], gene_type: str, forward: bool) -> Chosen:
        """Picks transcripts of one gene.

        Args:
            transcripts: All of the gene.
            gene_type: As the annotation has it.
            forward: Whether the gene is on the + strand.

        Returns:
            `all`: these. `filtered`: those that `_is_kept` keeps; all of a gene that has no such. Otherwise those
            that are listed; of a gene that has none, the representative one of those that `filtered` would keep.
        """
        if self.keyword == ALL or not transcripts:
            return Chosen(transcripts)
        listed = [one for one in transcripts if one.is_listed]
        if listed:
            return Chosen(listed)
        kept = [one for one in transcripts if _is_kept(one, gene_type)]
        if self.keyword == FILTERED:
            return Chosen(kept or transcripts, not kept)
        return Chosen([representative(kept or transcripts, forward)], is_fallback=True)


def read_selection(text: str) -> Selection:
    """Reads what `--transcripts` takes.

    Args:
        text: `all`, `filtered`, or tags and identifiers separated by commas, among which `canonical` and `mane` stand
            for several tags and `@FILE` for the lines of a file (up to a tab; `#` begins a comment).

    Raises:
        InputError: The file cannot be read, or nothing is left.
    """
    given = [word.strip() for word in text.split(",") if word.strip()]
    if len(given) == 1 and given[0].lower() in (ALL, FILTERED):
        return Selection(given[0].lower())
    words = {_spelled(tag): one for word in given for one in _lines(word) for tag in _SETS.get(one.lower(), (one,))}
    if not words:
        raise InputError(f"--transcripts {text}: there is nothing in it; give tags or identifiers of transcripts")
    return Selection("", words)


def representative(transcripts: Sequence[Transcript], forward: bool) -> Transcript:
    """Picks the transcript whose start stands for a gene.

    Args:
        transcripts: Of the gene, at least one.
        forward: Whether the gene is on the + strand.

    Returns:
        The MANE Select transcript; without one, the Ensembl canonical or RefSeq Select one; without one, that of
        APPRIS's first choice. Of several such, and where there is none of these, the one that starts furthest upstream.
    """
    preferred = (one_rank for tags in _PREFERRED if (one_rank := [one for one in transcripts if one.tags & tags]))
    return (min if forward else max)(next(preferred, transcripts), key=lambda one: one.five_prime)


def _is_kept(one: Transcript, gene_type: str) -> bool:
    """Whether its 5' end is known and the transcript is one that the gene is for."""
    if one.type in _DECAYING or _START_NOT_FOUND in one.tags:
        return False
    return gene_type != _CODING_GENE or one.type in _CODING


def _lines(word: str) -> Iterator[str]:
    if not word.startswith(_FILE):
        yield word
        return
    with open_input(Path(word.removeprefix(_FILE)), "list of transcripts") as stream:
        for line in stream.content:
            text = line.decode("utf-8", "replace").partition("\t")[0].strip()
            if text and not text.startswith("#"):
                yield text


def _spelled(word: str) -> str:
    return word.strip().lower().replace(" ", "_").replace("-", "_")
