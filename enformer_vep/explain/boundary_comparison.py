"""Compares what was read on boundaries with what was read elsewhere, map by map."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from enformer_vep.explain.boundary_plan import Kind, Plan
from enformer_vep.explain.boundary_run import Readings
from enformer_vep.explain.boundary_statistics import (
    ShiftTest,
    average_ranks,
    benjamini_hochberg,
    mann_whitney,
    shift_test,
    signed_rank,
)
from enformer_vep.explain.insulation import MEAN, MEASURES
from enformer_vep.settings.explain_boundaries import BoundarySettings

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Between(StrEnum):
    """Which two groups are compared."""

    PLACES = "boundary_matched"
    """Windows on boundaries, and windows elsewhere."""
    EDITS = "disrupted_control"
    """What disrupting motifs changes, and what control edits in the same windows change."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure of one map.

    Attributes:
        between: The two groups.
        measure: One of `enformer_vep.explain.insulation.MEASURES`.
        layer: Number from 0, or "mean".
        head: Number from 0, or "mean".
        first: float64 [n], finite or infinite values of the first group.
        second: float64 [m], of the second; of edits, n pairs.
        rank_biserial: Effect size from -1 to 1: pairs in which the first is larger minus those in which the second is;
            of edits, the same of the ranks of paired differences.
        p: Two-sided: Mann-Whitney, of edits Wilcoxon's signed-rank test.
        q: p adjusted over the single heads of this measure; NaN for means.
        points: Points along the contigs.
        labels: Boundaries among them.
        shift_rank_biserial: Points with a boundary against those without.
        shift_p: Two-sided, by turning the labels around their contigs.
        shift_q: Adjusted as `q` is.
    """

    between: Between
    measure: str
    layer: str
    head: str
    first: Floats
    second: Floats
    rank_biserial: float
    p: float
    q: float = math.nan
    points: int = 0
    labels: int = 0
    shift_rank_biserial: float = math.nan
    shift_p: float = math.nan
    shift_q: float = math.nan

    @property
    def is_head(self) -> bool:
        """Whether it is of a single head, not of a mean."""
        return MEAN not in (self.layer, self.head)


def compare(plan: Plan, readings: Readings, settings: BoundarySettings) -> list[Comparison]:
    """Test everything that was read.

    Returns:
        For each measure all maps, in the order of `map_names`; then, if motifs were disrupted, the same of what that
        changed.
    """
    if not readings.places:
        return []
    kinds = np.array([one.kind is Kind.BOUNDARY for one in plan.places if one.is_read])
    values = np.stack(readings.places, axis=-1)
    found = _adjusted([_places(plan, readings, settings, values, kinds, at) for at in _every(readings)])
    changes = _changes(readings, values[..., kinds])
    if changes is not None:
        found += _adjusted([_edits(readings, changes, at) for at in _every(readings)])
    return found


def _every(readings: Readings) -> list[tuple[int, int]]:
    """Number of every map and measure, those of one measure together."""
    return [(number, measure) for measure in range(len(MEASURES)) for number in range(len(readings.names))]


def _places(
    plan: Plan, readings: Readings, settings: BoundarySettings, values: Floats, kinds: Bools, at: tuple[int, int]
) -> Comparison:
    own = values[at]
    # 0 / 0: a map without any attention there.
    known = ~np.isnan(own)
    first, second = own[known & kinds], own[known & ~kinds]
    tested = mann_whitney(first[None], second[None])
    layer, head = readings.names[at[0]]
    result = Comparison(
        Between.PLACES, MEASURES[at[1]], layer, head, first, second, float(tested.rank_biserial[0]), float(tested.p[0])
    )
    turned, points, labels = _turned(plan, readings, settings, at)
    if turned is None:
        return result
    shift_effect, shift_p = float(turned.rank_biserial[0]), float(turned.p[0])
    return replace(result, points=points, labels=labels, shift_rank_biserial=shift_effect, shift_p=shift_p)


def _turned(
    plan: Plan, readings: Readings, settings: BoundarySettings, at: tuple[int, int]
) -> tuple[ShiftTest | None, int, int]:
    """The test that turns labels, how many points there are, and how many labels."""
    if not readings.tiles:
        return None, 0, 0
    profile = np.concatenate([tile[at] for tile in readings.tiles]).astype(np.float64)
    labels = np.concatenate([one.labels for one in plan.points])
    sizes = [len(one.labels) for one in plan.points]
    known = ~np.isnan(profile)
    if not known.all():
        limits = np.cumsum([0, *sizes[:-1]])
        sizes = [int(part) for part in np.add.reduceat(known.astype(np.int64), limits)]
        profile, labels = profile[known], labels[known]
    tested = shift_test(profile, labels, sizes, settings.turns, settings.seed)
    return tested, len(profile), int(labels.sum())


def _changes(readings: Readings, boundaries: Floats) -> Floats | None:
    """float64 [2, maps, measures, pairs]: what disrupting motifs changes, and what control edits do."""
    read = [(edits, boundaries[..., index]) for index, edits in enumerate(readings.edits) if edits is not None]
    pairs = [change(edits, before) for edits, before in read]
    return np.stack(pairs, axis=-1) if pairs else None


def change(edits: Floats, before: Floats) -> Floats:
    """What edits make of a value; NaN where it is infinite before and after."""
    with np.errstate(invalid="ignore"):
        changes: Floats = edits - before
    return changes


def _edits(readings: Readings, changes: Floats, at: tuple[int, int]) -> Comparison:
    first, second = changes[0][at], changes[1][at]
    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    differences = first - second
    p = float(signed_rank(differences[None])[0])
    layer, head = readings.names[at[0]]
    return Comparison(Between.EDITS, MEASURES[at[1]], layer, head, first, second, _matched_pairs(differences), p)


def _matched_pairs(differences: Floats) -> float:
    """Rank-biserial correlation of matched pairs: ranks of positive minus those of negative differences, as a share."""
    differences = differences[differences != 0]
    if not len(differences):
        return math.nan
    ranks, _ = average_ranks(np.abs(differences))
    return float((ranks * np.sign(differences)).sum() / ranks.sum())


def _adjusted(results: Sequence[Comparison]) -> list[Comparison]:
    """Adds q-values, over the single heads of each measure."""
    adjusted = list(results)
    for measure in MEASURES:
        heads = [index for index, one in enumerate(results) if one.measure == measure and one.is_head]
        q = benjamini_hochberg([results[index].p for index in heads])
        shift_q = benjamini_hochberg([results[index].shift_p for index in heads])
        for index, own, shifted in zip(heads, q, shift_q, strict=True):
            adjusted[index] = replace(results[index], q=float(own), shift_q=float(shifted))
    return adjusted


def of_mean(results: Iterable[Comparison], between: Between, measure: str) -> Comparison | None:
    """The result for the mean over all layers and heads; None where nothing was compared."""
    wanted = (between, measure, MEAN, MEAN)
    return next((one for one in results if (one.between, one.measure, one.layer, one.head) == wanted), None)
