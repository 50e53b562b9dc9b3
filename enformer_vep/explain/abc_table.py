"""The table of activity-by-contact scores: every candidate within the window of every gene."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from enformer_vep.explain.activity_by_contact import (
    abc_scores,
    adjusted_contact,
    expected_contact,
    is_self_promoter,
    midpoint_distance,
)
from enformer_vep.explain.candidate_elements import Candidates, TargetGene
from enformer_vep.explain.contact_map import ContactMap
from enformer_vep.explain.element_signals import ElementActivity
from enformer_vep.genome.contigs import contig_key
from enformer_vep.genome.variants import Status
from enformer_vep.settings.explain_abc import AbcSettings

ABC_COLUMNS = (
    "#CHROM", "START", "END", "NAME", "STATUS", "GENE_ID", "GENE_NAME", "TSS", "MIDPOINT_DISTANCE", "CLASS",
    "SELF_PROMOTER", "ACTIVITY", "CONTACT", "NUMERATOR", "ABC",
)  # fmt: skip
"""Positions are 0-based, as in BED; MIDPOINT_DISTANCE is in bp from the element's middle to TSS, without a sign."""

NO_ELEMENT = "no_element_in_window"
"""Status of a gene."""

_NOTHING = "NA"


@dataclass(frozen=True, slots=True)
class AbcModel:
    """All that scores depend on.

    Attributes:
        elements: The candidates.
        promoter: bool [elements].
        activity: Theirs.
        settings: The rest.
        contact: Hi-C; None for the power law alone.
    """

    elements: Candidates
    promoter: npt.NDArray[np.bool_]
    activity: ElementActivity
    settings: AbcSettings
    contact: ContactMap | None = None


@dataclass(slots=True)
class AbcCounts:
    """What became of pairs.

    Attributes:
        by_status: Rows, whether they were written or not.
        below: Rows that were left out for their low score.
    """

    by_status: Counter[str] = field(default_factory=Counter)
    below: int = 0


def abc_lines(model: AbcModel, genes: Sequence[TargetGene], least: float, counts: AbcCounts) -> Iterator[str]:
    """Yields the table's lines: pairs by gene, then elements that are near no gene.

    Elements without activity do not compete. A gene without a candidate has a row, and so has an element without a
    gene: nothing that was asked for is absent.

    Args:
        model: What to score with.
        genes: In the order of the table.
        least: Pairs with a lower score are counted and left out.
        counts: Filled.
    """
    yield "\t".join(ABC_COLUMNS) + "\n"
    places = _places(model.elements)
    paired = np.zeros(len(model.elements), dtype=np.bool_)
    for gene in genes:
        near = _near(model, gene, places)
        paired[near] = True
        if not len(near):
            counts.by_status[NO_ELEMENT] += 1
            yield _line(gene.contig, *[_NOTHING] * 3, NO_ELEMENT, *_gene_cells(gene), *[_NOTHING] * 7)
        yield from _pairs(model, gene, near, least, counts)
    for index in np.flatnonzero(~paired):
        status = model.activity.status[index]
        status = Status.NO_GENE if status == Status.OK else status
        counts.by_status[str(status)] += 1
        yield _line(*_element_cells(model.elements, index), status, *[_NOTHING] * 10)


def _pairs(
    model: AbcModel, gene: TargetGene, near: npt.NDArray[np.int64], least: float, counts: AbcCounts
) -> Iterator[str]:
    elements, settings = model.elements, model.settings
    start, end = elements.start[near], elements.end[near]
    distance = midpoint_distance(start, end, gene.tss)
    self_promoter = is_self_promoter(start, end, model.promoter[near], gene.tss, settings.promoter_slop)
    if model.contact is None:
        contact = expected_contact(distance, settings.contact)
    else:
        measured = model.contact.between(gene.contig, (start + end) / 2, gene.tss)
        contact = adjusted_contact(measured, distance, self_promoter, settings.contact)
    activities, status = model.activity.activity[near], model.activity.status[near]
    numerator, score = (np.full(len(near), np.nan) for _ in range(2))
    known = status == Status.OK
    numerator[known], score[known] = abc_scores(activities[known], contact[known], self_promoter[known])
    status = np.where(known & ~np.isfinite(score), Status.NOT_FINITE, status)
    counts.by_status.update(map(str, status))
    low = score < least
    counts.below += int(low.sum())
    for place in np.flatnonzero(~low):
        index = near[place]
        numbers = (activities[place], contact[place], numerator[place], score[place])
        kind = "promoter" if model.promoter[index] else "nonpromoter"
        yield _line(
            *_element_cells(elements, index), status[place], *_gene_cells(gene), _distance(distance[place]), kind,
            int(self_promoter[place]), *map(_number, numbers),
        )  # fmt: skip


def _places(elements: Candidates) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]]:
    """By contig: sorted middles, and the elements that they are of."""
    by_contig: dict[str, list[int]] = defaultdict(list)
    for index, key in enumerate(elements.key):
        by_contig[key].append(index)
    found = {}
    for key, members in by_contig.items():
        own = np.array(members)
        middles = (elements.start[own] + elements.end[own]) / 2
        order = np.argsort(middles, kind="stable")
        found[key] = (middles[order], own[order])
    return found


def _near(
    model: AbcModel, gene: TargetGene, places: dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]]
) -> npt.NDArray[np.int64]:
    """Elements whose middle is nearer than the window, by place."""
    middles, elements = places.get(contig_key(gene.contig), (np.empty(0), np.empty(0, dtype=np.int64)))
    first = np.searchsorted(middles, gene.tss - model.settings.window, side="right")
    last = np.searchsorted(middles, gene.tss + model.settings.window, side="left")
    return elements[first:last]


def _element_cells(elements: Candidates, index: np.int64) -> tuple[object, ...]:
    return elements.contig[index], elements.start[index], elements.end[index], elements.name[index]


def _gene_cells(gene: TargetGene) -> tuple[object, ...]:
    return _NOTHING if gene.identifier == "." else gene.identifier, gene.name, gene.tss


def _distance(value: float) -> str:
    """Whole, or with a half."""
    return f"{value:.1f}".removesuffix(".0")


def _number(value: float) -> str:
    return _NOTHING if np.isnan(value) else f"{value:.9g}"


def _line(*cells: object) -> str:
    return "\t".join(map(str, cells)) + "\n"
