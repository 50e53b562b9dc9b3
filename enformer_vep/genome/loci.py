"""A gene as it is put together from the lines of an annotation that belong to it."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from enformer_vep.errors import InputError
from enformer_vep.genome.annotation import Feature
from enformer_vep.genome.transcripts import Transcript


class Span(NamedTuple):
    """A transcript: what of it counts, and nothing that keeps its line's text alive."""

    line: int
    start: int
    end: int
    strand: str
    type: str
    tags: frozenset[str]
    is_listed: bool

    def transcript(self, forward: bool) -> Transcript:
        """What it is to its gene, which is on the + strand or not."""
        return Transcript(self.start if forward else self.end - 1, self.type, self.tags, self.is_listed)


class Draft(NamedTuple):
    """A gene before its contig is known to exist; `record` names it and has its extent and strand."""

    record: Feature
    spans: list[Span]


class Locus:
    """What an annotation says of one gene_id on one contig."""

    __slots__ = ("first", "record", "spans")

    def __init__(self) -> None:
        self.record: Feature | None = None
        self.first: Feature | None = None  # of what is not the gene itself
        self.spans: dict[str | int, Span] = {}

    def add(self, feature: Feature, is_listed: bool, path: Path) -> None:
        """Takes one of its lines.

        Raises:
            InputError: The gene itself was there before, elsewhere on the contig.
        """
        if not feature.is_gene:
            self.first = self.first or feature
            self._add_span(feature, is_listed)
        elif self.record is None:
            self.record = feature
        elif self.record._replace(line=feature.line) != feature:
            raise InputError(
                f"{path}, line {feature.line}: gene {feature.identifier} is on {feature.contig} again "
                f"(also line {self.record.line}); give each gene its own identifier"
            )

    def _add_span(self, feature: Feature, is_listed: bool) -> None:
        name = feature.transcript + feature.strand if feature.is_exon else feature.line
        start, end = feature.start, feature.end
        if name in self.spans:
            start, end = min(start, self.spans[name].start), max(end, self.spans[name].end)
        labels = (feature.transcript_type, feature.tags, is_listed)
        self.spans[name] = Span(feature.line, start, end, feature.strand, *labels)

    def drafts(self, path: Path) -> Iterator[Draft]:
        """Gives the gene; one on either strand where no line is of the gene itself.

        Raises:
            InputError: A transcript is on the other strand than the gene.
        """
        if self.record is not None:
            yield Draft(self.record, list(self._spans_of(self.record, path)))
        elif self.first is not None and self.first.identifier:
            # UCSC names genes by symbol: one may stand on both strands of a contig.
            for strand in sorted({span.strand for span in self.spans.values()}):
                spans = [span for span in self.spans.values() if span.strand == strand]
                start, end = min(span.start for span in spans), max(span.end for span in spans)
                yield Draft(self.first._replace(start=start, end=end, strand=strand), spans)

    def _spans_of(self, record: Feature, path: Path) -> Iterator[Span]:
        for span in self.spans.values():
            if span.strand == record.strand:
                yield span
            elif span.strand != "." and record.strand != ".":
                raise InputError(
                    f"{path}, line {span.line}: a transcript on strand {span.strand} of gene "
                    f"{record.identifier} on strand {record.strand} (line {record.line}); correct the strand"
                )
