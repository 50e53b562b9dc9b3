"""What came of comparing attention with boundaries, as tab-separated text.

Lines that begin with ## say what the numbers were made with.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from enformer_vep.explain.boundary_comparison import Between, Comparison, change, of_mean
from enformer_vep.explain.boundary_plan import Kind, Place, Plan
from enformer_vep.explain.boundary_run import Readings
from enformer_vep.explain.domains import BoundaryStatus
from enformer_vep.explain.insulation import INSULATION, MEAN, MEASURES
from enformer_vep.explain.matched_windows import standardised_difference
from enformer_vep.settings.explain_boundaries import Likeness

Floats = npt.NDArray[np.float64]

CAUTION = (
    "attention of a small or untrained model says nothing about chromatin: what is significant there is how "
    "sequence differs at best"
)
TEST_COLUMNS = (
    "COMPARISON", "MEASURE", "LAYER", "HEAD", "N", "N_OTHER", "MEDIAN", "MEDIAN_OTHER", "RANK_BISERIAL", "P", "Q",
    "POINTS", "LABELS", "SHIFT_RANK_BISERIAL", "SHIFT_P", "SHIFT_Q",
)  # fmt: skip
PLACE_COLUMNS = ("#CHROM", "POS", "KIND", "NAME", "BOUNDARY", "STATUS")
EDIT_COLUMNS = ("MOTIF_STATUS", "MOTIF_SITES", "SUBSTITUTIONS")


def comparisons_text(results: Sequence[Comparison], notes: Mapping[str, object]) -> str:
    """One row per comparison, `TEST_COLUMNS`, below the notes."""
    return _text(notes, TEST_COLUMNS, (_test_row(one) for one in results))


def _test_row(one: Comparison) -> tuple[object, ...]:
    return (
        one.between, one.measure, one.layer, one.head, len(one.first), len(one.second), _median(one.first),
        _median(one.second), one.rank_biserial, one.p, one.q, one.points, one.labels, one.shift_rank_biserial,
        one.shift_p, one.shift_q,
    )  # fmt: skip


def _median(values: Floats) -> float:
    return float(np.median(values)) if len(values) else math.nan


def values_text(plan: Plan, readings: Readings, notes: Mapping[str, object]) -> str:
    """One row per boundary and window elsewhere, none left out, below the notes.

    POS is 1-based, the first base right of the boundary or of the window's middle; BOUNDARY is that of the boundary
    which a window elsewhere belongs to. Then what was compared, the values of every map (STRIPE, of the mean over all;
    STRIPE_L3, of a layer's; STRIPE_L3_H0, of a head), and what disrupting motifs and control edits changed in the mean
    over all. NA where there is nothing.
    """
    likenesses = [kind for kind in Likeness if any(kind in place.quantities for place in plan.places)]
    maps = [f"{measure.upper()}{_suffix(*name)}" for measure in MEASURES for name in readings.names]
    edited = bool(readings.outcomes)
    changes = tuple(f"{measure.upper()}_{part}" for measure in MEASURES for part in ("CHANGE", "CONTROL_CHANGE"))
    columns = (*PLACE_COLUMNS, *map(str.upper, likenesses), *maps, *((*EDIT_COLUMNS, *changes) if edited else ()))
    rows = (
        (*_place_cells(place, likenesses), *_value_cells(values, len(maps)), *(cells if edited else ()))
        for place, values, cells in zip(
            plan.places, _in_order(plan, readings), _edit_cells(plan, readings, len(changes)), strict=True
        )
    )
    return _text(notes, columns, rows)


def _suffix(layer: str, head: str) -> str:
    return "" if layer == MEAN else f"_L{layer}" if head == MEAN else f"_L{layer}_H{head}"


def _place_cells(place: Place, likenesses: Sequence[Likeness]) -> tuple[object, ...]:
    boundary = place.boundary
    own = (boundary.contig, place.position + 1, place.kind, boundary.name, boundary.position + 1, boundary.status)
    return (*own, *(place.quantities.get(kind, math.nan) for kind in likenesses))


def _in_order(plan: Plan, readings: Readings) -> Iterator[Floats | None]:
    read = iter(readings.places)
    for place in plan.places:
        yield next(read) if place.is_read else None


def _value_cells(values: Floats | None, count: int) -> tuple[float, ...]:
    return (math.nan,) * count if values is None else tuple(values.T.ravel().tolist())


def _edit_cells(plan: Plan, readings: Readings, changes: int) -> Iterator[tuple[object, ...]]:
    outcomes = iter(zip(readings.outcomes, readings.edits, strict=True))
    for place, values in zip(plan.places, _in_order(plan, readings), strict=True):
        if values is None or place.kind is not Kind.BOUNDARY or not readings.outcomes:
            yield ("NA",) * (len(EDIT_COLUMNS) + changes)
            continue
        outcome, edits = next(outcomes)
        known = np.full((2, len(MEASURES)), math.nan) if edits is None else change(edits[:, -1], values[-1])
        yield (*outcome, *known.T.ravel().tolist())


def notes_of(plan: Plan, settings: Mapping[str, object], model: str, window: int) -> dict[str, object]:
    """What numbers were made with, without paths and times: the caution first."""
    counts = Counter(one.boundary.status for one in plan.places if one.kind is Kind.BOUNDARY)
    statuses = {f"boundaries {status}": counts[status] for status in BoundaryStatus if counts[status]}
    return {"caution": CAUTION, "model": model, "window": window, **settings, **statuses, **balance(plan)}


def balance(plan: Plan) -> dict[str, str]:
    """Means of what was compared on boundaries and elsewhere, and their standardised difference."""
    found = {}
    for kind in Likeness:
        if any(kind in one.quantities for one in plan.places) and any(one.is_read for one in plan.places):
            own, other = plan.values_of(Kind.BOUNDARY, kind), plan.values_of(Kind.MATCHED, kind)
            difference = standardised_difference(own, other)
            found[f"balance {kind}"] = (
                f"{own.mean():.4g} and {other.mean():.4g}, standardised difference {difference:.2f}"
            )
    return found


def describe(results: Sequence[Comparison]) -> str:
    """The mean over all layers and heads in one line of words."""
    one = of_mean(results, Between.PLACES, INSULATION)
    if one is None:
        return "no window was compared; see the STATUS of the boundaries"
    heads = [
        other for other in results if other.between is one.between and other.measure == INSULATION and other.is_head
    ]
    words = (
        f"insulation of mean attention: {len(one.first)} boundaries, {len(one.second)} windows elsewhere, "
        f"rank-biserial {one.rank_biserial:+.2f}, P {one.p:.2g}; "
        f"Q < 0.05 in {sum(other.q < 0.05 for other in heads)} of {len(heads)} heads"
    )
    if math.isnan(one.shift_p):
        return words
    found = sum(other.shift_q < 0.05 for other in heads)
    return f"{words}; labels turned: {one.shift_rank_biserial:+.2f}, P {one.shift_p:.2g}, Q < 0.05 in {found}"


def _text(notes: Mapping[str, object], columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> str:
    head = "".join(f"##{name}={value}\n" for name, value in notes.items())
    return head + "".join("\t".join(map(_cell, row)) + "\n" for row in (columns, *rows))


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return "NA" if math.isnan(value) else f"{value:.6g}"
