"""Every score again, from the written definitions (DESIGN.md section 3, README "How a score is made") and numpy.

Slow and plain on purpose: one window at a time, float64, text instead of codes, and nothing of the package. What
predicts is a function from one-hot [L, 4] to [bins, tracks]. Positions are 0-based but for `Allele.position`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Forward = Callable[[Array], Array]

COMPLEMENT = str.maketrans("ACGT", "TGCA")
LARGEST_GROUP = 64
"""Alleles that share a window at most."""
DISTANCE, LONGEST = 100, 64
"""Of local indels: from the indel to where its length is made up for, and the longest that is."""


@dataclass(frozen=True)
class Allele:
    contig: str
    position: int
    reference: str
    alternate: str

    @property
    def start(self) -> int:
        return self.position - 1

    @property
    def end(self) -> int:
        return self.start + len(self.reference)


@dataclass(frozen=True)
class Transcript:
    """As an annotation has it: 1-based, ends included."""

    first: int
    last: int
    type: str = "protein_coding"
    tags: tuple[str, ...] = ()


NO_MESSAGE = ("retained_intron", "nonsense_mediated_decay", "non_stop_decay")
CODING = ("protein_coding", "protein_coding_LoF", "mRNA")
ASKED = {
    "canonical": ("MANE_Select", "Ensembl_canonical"),
    "mane": ("MANE_Select", "MANE_Plus_Clinical"),
    "basic": ("basic",),
}
"""Tags, by the word of `--transcripts`."""
BEST = ("MANE_Select", "Ensembl_canonical", "appris_principal_1")


@dataclass(frozen=True)
class Gene:
    """As an annotation has it: 1-based, ends included."""

    identifier: str
    contig: str
    strand: str
    first: int
    last: int
    transcripts: tuple[Transcript, ...] = ()
    type: str = "protein_coding"

    @property
    def tss(self) -> int:
        return self._five_prime(self.first, self.last)

    def starts(self, asked: str) -> set[int]:
        """Transcription starts that count."""
        return {self._start(one) for one in self._counting(asked)} or {self.tss}

    def main_start(self, asked: str) -> int:
        """The one start of those that stands for the gene."""
        some = self._counting(asked)
        return self._start(self._main(some)) if some else self.tss

    def _counting(self, asked: str) -> list[Transcript]:
        every = list(self.transcripts)
        with_tag = [one for one in every if set(one.tags) & set(ASKED.get(asked, ()))]
        messengers = [one for one in every if one.type not in NO_MESSAGE and "mRNA_start_NF" not in one.tags]
        if self.type == "protein_coding":
            messengers = [one for one in messengers if one.type in CODING]
        if asked == "all" or not every:
            return every
        return with_tag or (messengers or every if asked == "filtered" else [self._main(messengers or every)])

    def _main(self, some: list[Transcript]) -> Transcript:
        for tag in BEST:
            if tagged := [one for one in some if tag in one.tags]:
                some = tagged
                break
        return max(some, key=lambda one: -one.first if self.strand == "+" else one.last)

    def _start(self, transcript: Transcript) -> int:
        return self._five_prime(transcript.first, transcript.last)

    def distance(self, position: int) -> int:
        return (position - self.tss) * (1 if self.strand == "+" else -1)

    def _five_prime(self, first: int, last: int) -> int:
        return first - 1 if self.strand == "+" else last - 1


@dataclass(frozen=True)
class Shape:
    """A network's window and output.

    Attributes:
        window: bp.
        bins: Bins that are predicted, in the middle of the window.
        width: bp per bin.
    """

    window: int
    bins: int
    width: int

    @property
    def centre(self) -> int:
        """Window index of the first REF base."""
        return self.window // 2 - 1

    def bin_of(self, index: int) -> int:
        return (index - (self.window - self.bins * self.width) // 2) // self.width

    def move(self, shift: int) -> int:
        """Whole bins that a shift comes to, halves towards zero."""
        size, rest = divmod(abs(shift), self.width)
        return (size + (2 * rest > self.width)) * (1 if shift > 0 else -1)


@dataclass(frozen=True)
class Question:
    """What is asked of the alleles.

    Attributes:
        bins: N of center:N; None for all.
        both_strands: Average over strands.
        shifts: Average over these, bp.
        local: Indels at their leftmost place, their length made up for close by, long ones stitched.
        stitch: Stitched indels.
        within: Alleles this close share windows; 0 for a window each.
        tss_bins: Bins per transcription start; None for whole windows.
        tss_centred: Windows on the genes' main start.
        transcripts: Whose starts count.
        groups: Group to its tracks; none for single tracks.
    """

    bins: int | None = None
    both_strands: bool = False
    shifts: tuple[int, ...] = (0,)
    local: bool = False
    stitch: bool = False
    within: int = 0
    tss_bins: int | None = None
    tss_centred: bool = False
    transcripts: str = "filtered"
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """One row.

    Attributes:
        allele: What was scored.
        gene: For which gene, if any.
        window_start: Of the window that is not shifted.
        scores: Score to [columns].
        used: How many of the gene's transcription starts were read out.
    """

    allele: Allele
    gene: Gene | None
    window_start: int
    scores: Mapping[str, Array]
    used: int = 0


@dataclass(frozen=True)
class Auditor:
    """What does not change from question to question.

    Attributes:
        contigs: Name to sequence, as in the FASTA.
        shape: Of the network.
        forward: One-hot [L, 4] to [bins, tracks].
        genes: The annotation.
        seen: Predictions by window.
    """

    contigs: Mapping[str, str] = field(repr=False)
    shape: Shape
    forward: Forward
    genes: Sequence[Gene] = ()
    seen: dict[str, Array] = field(default_factory=dict, repr=False)

    def answers(self, question: Question, alleles: Sequence[Allele]) -> Iterator[Answer]:
        """The rows of alleles that can be scored; genes in the order of the annotation."""
        placed = [self._leftmost(allele) if question.local else allele for allele in alleles]
        starts = self._window_starts(question, placed)
        for written, allele, start in zip(alleles, placed, starts, strict=True):
            for answer in self._for_allele(question, allele, start):
                yield replace(answer, allele=written)

    def _for_allele(self, question: Question, allele: Allele, start: int) -> Iterator[Answer]:
        if question.tss_bins is None:
            bins = self._bins_around(allele.start - start, question)
            yield self._answer(question, allele, None, start, bins)
            return
        for gene in self.genes:
            if gene.contig == allele.contig:
                yield from self._for_gene(question, allele, gene, start)

    def _for_gene(self, question: Question, allele: Allele, gene: Gene, start: int) -> Iterator[Answer]:
        starts = gene.starts(question.transcripts)
        if question.tss_centred:
            start = gene.main_start(question.transcripts) - self.shape.centre
            for shift in question.shifts:
                if not start + shift <= allele.start < allele.end <= start + shift + self.shape.window:
                    return
        indices = [position - start for position in starts]
        bins, in_use = self._bins_of_starts(indices, question), self._bins_in_use(question)
        if bins:
            used = sum(self.shape.bin_of(index) in in_use for index in indices)
            yield replace(self._answer(question, allele, gene, start, bins), used=used)

    def _window_starts(self, question: Question, alleles: Sequence[Allele]) -> list[int]:
        """An allele's own window, or one in the middle of consecutive alleles that lie close together."""
        groups: list[list[Allele]] = []
        for allele in alleles:
            positions = [one.position for one in (*(groups[-1] if groups else ()), allele)]
            close = max(positions) - min(positions) <= question.within and len(positions) <= LARGEST_GROUP
            if groups and question.within and close and groups[-1][0].contig == allele.contig:
                groups[-1].append(allele)
            else:
                groups.append([allele])
        middles = []
        for group in groups:
            positions = [one.position for one in group]
            middles += [(min(positions) + max(positions)) // 2 - 1] * len(group)
        return [middle - self.shape.centre for middle in middles]

    def _bins_in_use(self, question: Question) -> list[int]:
        """Bins of the view that is not shifted that every view has."""
        moves = [self.shape.move(shift) for shift in question.shifts]
        return [b for b in range(self.shape.bins) if all(0 <= b - move < self.shape.bins for move in moves)]

    def _bins_around(self, index: int, question: Question) -> list[int]:
        in_use = self._bins_in_use(question)
        if question.bins is None:
            return in_use
        first = self.shape.bin_of(index) + 1 - (question.bins + 1) // 2
        bins = list(range(first, first + question.bins))
        assert set(bins) <= set(in_use), "the question cannot be answered"
        return bins

    def _bins_of_starts(self, indices: Sequence[int], question: Question) -> list[int]:
        assert question.tss_bins is not None
        in_use = set(self._bins_in_use(question))
        own = {self.shape.bin_of(index) for index in indices} & in_use
        # As many to either side; of an even number one more to the right.
        left, right = (question.tss_bins - 1) // 2, question.tss_bins // 2
        return sorted({near for b in own for near in range(b - left, b + right + 1)} & in_use)

    def _answer(self, question: Question, allele: Allele, gene: Gene | None, start: int, bins: Sequence[int]) -> Answer:
        views = [self._view(question, allele, start, shift) for shift in question.shifts]
        reference = np.mean([view[0] for view in views], axis=0)[bins]
        delta = np.mean([view[1] for view in views], axis=0)[bins]
        assert np.isfinite(reference).all(), "a bin that not every view has"
        if question.groups:
            reference, delta = (
                np.stack([values[:, tracks].mean(axis=1) for tracks in question.groups.values()], axis=1)
                for values in (reference, delta)
            )
        return Answer(allele, gene, start, scores(reference, delta))

    def _view(self, question: Question, allele: Allele, start: int, shift: int) -> tuple[Array, Array]:
        """Reference and delta under one shift, NaN in bins that lie outside."""
        start += shift
        genome, kept_left, kept_right = self._windows(allele, start)
        reference, alternate = self._mean(genome, question), self._mean(kept_left, question)
        growth = len(allele.alternate) - len(allele.reference)
        if question.local and 0 < abs(growth) <= LONGEST:
            alternate = (
                self._mean(self._made_up_for(allele, start, False), question)
                + self._mean(self._made_up_for(allele, start, True), question)
            ) / 2
        elif (question.local or question.stitch) and growth:
            right, seam = self._mean(kept_right, question), self.shape.bin_of(allele.end - 1 - start)
            alternate = np.array([(alternate if b <= seam else right)[b] for b in range(self.shape.bins)])
        move = self.shape.move(shift)
        return self._aligned(reference, move), self._aligned(alternate - reference, move)

    def _mean(self, text: str, question: Question) -> Array:
        strands = (False, True) if question.both_strands else (False,)
        mean: Array = np.mean([self._predict(text, reverse) for reverse in strands], axis=0)
        return mean

    def _aligned(self, values: Array, move: int) -> Array:
        result = np.full_like(values, np.nan)
        for b in range(self.shape.bins):
            if 0 <= b - move < self.shape.bins:
                result[b] = values[b - move]
        return result

    def _windows(self, allele: Allele, start: int) -> tuple[str, str, str]:
        """The genome; ALT in place of REF with the left edge kept; and with the right edge kept."""
        end, spare = start + self.shape.window, len(allele.reference) + len(allele.alternate)
        before = self._sequence(allele.contig, start - spare, allele.start)
        after = self._sequence(allele.contig, allele.end, end + spare)
        alternate = before + allele.alternate + after
        genome = before + self._sequence(allele.contig, allele.start, allele.end) + after
        from_left = alternate[spare:][: self.shape.window]
        from_right = alternate[: len(alternate) - spare][-self.shape.window :]
        return genome[spare:][: self.shape.window], from_left, from_right

    def _places(self, allele: Allele) -> tuple[list[int], str, str]:
        """What both alleles end and begin with taken away: all equivalent starts, and what is left of the first.

        Equivalent are starts that give the same contig, reached without crossing letters other than A, C, G and T.
        """
        text, start = self.contigs[allele.contig].upper(), allele.start
        reference, alternate = allele.reference.upper(), allele.alternate.upper()
        while reference and alternate and reference[-1] == alternate[-1]:
            reference, alternate = reference[:-1], alternate[:-1]
        while reference and alternate and reference[0] == alternate[0]:
            reference, alternate, start = reference[1:], alternate[1:], start + 1
        if reference and alternate:
            return [start], reference, alternate
        changed, n = text[:start] + alternate + text[start + len(reference) :], len(reference + alternate)

        def here(place: int) -> str:
            if reference:
                return text[:place] + text[place + n :]
            return text[:place] + changed[place : place + n] + text[place:]

        places = [start]
        while places[0] > 0 and text[places[0] - 1] in "ACGT" and here(places[0] - 1) == changed:
            places.insert(0, places[0] - 1)
        while (
            places[-1] + len(reference) < len(text)
            and text[places[-1] + len(reference)] in "ACGT"
            and here(places[-1] + 1) == changed
        ):
            places.append(places[-1] + 1)
        if reference:
            return places, text[places[0] :][:n], ""
        return places, "", changed[places[0] :][:n]

    def _leftmost(self, allele: Allele) -> Allele:
        """As `bcftools norm` writes it."""
        places, reference, alternate = self._places(allele)
        start, text = places[0], self.contigs[allele.contig].upper()
        if reference and alternate:
            return Allele(allele.contig, start + 1, reference, alternate)
        if start:
            before = text[start - 1]
            return Allele(allele.contig, start, before + reference, before + alternate)
        after = text[len(reference)]
        return Allele(allele.contig, 1, reference + after, alternate + after)

    def _made_up_for(self, allele: Allele, start: int, upstream: bool) -> str:
        """The alternate window of an indel with its length put in backwards, or taken out, away from its places."""
        places, reference, alternate = self._places(allele)
        padding = 4 * self.shape.window
        text = list("N" * padding + self.contigs[allele.contig].upper() + "N" * padding)
        first, last = padding + places[0], padding + places[-1] + len(reference)
        growth = len(alternate) - len(reference)
        at = first - DISTANCE if upstream else last + DISTANCE
        edits = [(first, len(reference), alternate)]
        if growth < 0:
            beyond = text[at + growth : at] if upstream else text[at : at - growth]
            edits.append((at, 0, "".join(reversed(beyond))))
        else:
            edits.append((at - growth if upstream else at, growth, ""))
        for place, length, letters in sorted(edits, reverse=True):
            text[place : place + length] = letters
        return "".join(text[padding + start :][: self.shape.window])

    def _sequence(self, contig: str, start: int, end: int) -> str:
        text, length = self.contigs[contig], end - start
        missing = min(max(-start, 0), length)
        return ("N" * missing + text[max(start, 0) : max(end, 0)]).ljust(length, "N")

    def _predict(self, text: str, reverse: bool) -> Array:
        text = text.upper()
        if reverse:
            return self._predict(text.translate(COMPLEMENT)[::-1], False)[::-1]
        if text not in self.seen:
            assert len(text) == self.shape.window
            self.seen[text] = self.forward(one_hot(text))
        return self.seen[text]


def one_hot(text: str) -> Array:
    """A, C, G, T; four zeros for all else."""
    return (np.array(list(text))[:, None] == np.array(list("ACGT"))).astype(np.float64)


def scores(r: Array, d: Array) -> dict[str, Array]:
    """All eleven, of [bins, tracks], as the table of formulas has them."""
    a = r + d
    log_ratio = np.log2(a + 1) - np.log2(r + 1)
    largest = np.abs(d).argmax(axis=0)
    pseudocount = np.percentile(r, 25, axis=0)
    p, q = ((x + pseudocount) / (x + pseudocount).sum(axis=0) for x in (r, a))
    return {
        "SAD": d.sum(axis=0),
        "MEAN": d.mean(axis=0),
        "SADR": np.log2(a.sum(axis=0) + 1) - np.log2(r.sum(axis=0) + 1),
        "SAR": log_ratio.sum(axis=0),
        "SAX": d[largest, np.arange(d.shape[1])],
        "D1": np.abs(d).sum(axis=0),
        "D2": np.sqrt((d**2).sum(axis=0)),
        "LOGD2": np.sqrt((log_ratio**2).sum(axis=0)),
        # KL(p, q) + KL(q, p) term by term: each alone is some 1e-16 off, which JS may be smaller than.
        "JS": ((p - q) * np.log(p / q)).sum(axis=0) / 2,
        "REF": r.sum(axis=0),
        "ALT": a.sum(axis=0),
    }
