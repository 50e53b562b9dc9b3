"""Scores of unlike variants on one scale: standardised among variants of their own class.

An insertion or deletion moves everything behind it, and its scores have a distribution of their own. Sizes are
compared within groups of classes: a class by itself when it has `FEWEST` scored variants, else the wider groups in
turn, the widest (substitutions; indels) whatever its size. Few variants cannot stand out: of n variants none is more
than sqrt(n - 1) standard deviations above their mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
import numpy.typing as npt

from enformer_vep.genome.alleles import VariantClass, variant_class

Floats = npt.NDArray[np.float64]

FEWEST = 20
"""Scored variants that a class needs for a scale of its own: its standard deviation is then known to about 16 %."""

SUBSTITUTION, INDEL = "substitution", "indel"
_ALL = "all"

# A quantile nearer to 1 than float32 can tell.
_SMALLEST_REST = 2.0**-24


class Classes(StrEnum):
    """Whether classes of variants have scales of their own."""

    APART = "apart"
    TOGETHER = "together"


def groups_of(reference: str, alternate: str, classes: Classes = Classes.APART) -> tuple[str, ...]:
    """Groups that an allele is compared in, the narrowest first. Alleles of one length may be in either order."""
    if classes is Classes.TOGETHER:
        return (_ALL,)
    own = variant_class(reference, alternate)
    if own in (VariantClass.SNV, VariantClass.MNV):
        return own.value, SUBSTITUTION
    return own.value, own.value.partition("_")[0], INDEL


@dataclass(frozen=True, slots=True)
class Scale:
    """How the log2 sizes of a group are distributed.

    Attributes:
        variants: How many it was taken from.
        mean: Of log2 size.
        deviation: Their standard deviation (of the variants as a population); 0 when all are equal.
        smallest: Smallest log2 of a size above 0, which a size of 0 counts as.
    """

    variants: int
    mean: float
    deviation: float
    smallest: float

    @classmethod
    def of(cls, logarithms: Floats) -> Self:
        """Of log2 sizes [variants], at least one; -inf where the size is 0."""
        above = logarithms[np.isfinite(logarithms)]
        smallest = float(above.min()) if len(above) else 0.0
        raised = np.maximum(logarithms, smallest)
        return cls(len(raised), float(raised.mean()), float(raised.std()), smallest)

    def standardised(self, logarithms: Floats) -> Floats:
        """Standard deviations above the mean."""
        if not self.deviation > 0:
            return np.zeros(len(logarithms))
        return (np.maximum(logarithms, self.smallest) - self.mean) / self.deviation


Scales = Mapping[str, Scale]


def log_sizes(sizes: npt.NDArray[np.float32], *, quantiles: bool = False) -> Floats:
    """What is standardised: log2 of sizes, -inf for 0; of a quantile q how rare it is, in halvings: -log2(1 - q).

    Args:
        sizes: Any shape, none negative; NaN where there is no score.
        quantiles: The sizes are quantiles.
    """
    exact = sizes.astype(np.float64)
    if quantiles:
        return np.asarray(-np.log2(np.maximum(1 - exact, _SMALLEST_REST)))
    with np.errstate(divide="ignore"):
        return np.asarray(np.log2(exact))


def find_scales(logarithms: Floats, groups: Sequence[tuple[str, ...]]) -> dict[str, Scale]:
    """Takes the scale of every group that is used: those with `FEWEST` scored variants, and the widest of each kind.

    Args:
        logarithms: [variants] from `log_sizes`; NaN where there is no score.
        groups: Of every variant, from `groups_of`.
    """
    scored = np.flatnonzero(~np.isnan(logarithms))
    members: dict[str, list[int]] = {}
    for place in scored.tolist():
        for group in groups[place]:
            members.setdefault(group, []).append(place)
    widest = {groups[place][-1] for place in scored.tolist()}
    return {
        group: Scale.of(logarithms[places])
        for group, places in sorted(members.items())
        if len(places) >= FEWEST or group in widest
    }


def standardised(logarithms: Floats, groups: Sequence[tuple[str, ...]], scales: Scales) -> Floats:
    """Standard deviations above the mean of the narrowest group that has a scale.

    Returns:
        z [variants]; NaN where there is no score, or no scale.
    """
    z = np.full(len(logarithms), np.nan)
    for group, places in _by_scale(logarithms, groups, scales).items():
        z[places] = scales[group].standardised(logarithms[places])
    return z


def on_one_scale(sizes: npt.NDArray[np.float32], groups: Sequence[tuple[str, ...]]) -> npt.NDArray[np.float32]:
    """Sizes as they would be in the group with most variants, SNVs as a rule, whose own stay as they are.

    A size becomes the one that lies as many standard deviations above that group's mean, in log2. What is 0 stays 0.

    Args:
        sizes: [variants]; NaN where there is no score. A sign is kept.
        groups: Of every variant.
    """
    logarithms = log_sizes(np.abs(sizes))
    scales = find_scales(logarithms, groups)
    used = _by_scale(logarithms, groups, scales)
    if len(used) < 2:
        return sizes
    target = max(used, key=lambda group: len(used[group]))
    changed = sizes.copy()
    for group, places in used.items():
        if group != target:
            z = scales[group].standardised(logarithms[places])
            new = np.exp2(scales[target].mean + scales[target].deviation * z)
            changed[places] = np.where(sizes[places] == 0, 0, np.sign(sizes[places]) * new)
    return changed


def _by_scale(logarithms: Floats, groups: Sequence[tuple[str, ...]], scales: Scales) -> dict[str, npt.NDArray[np.intp]]:
    """Places of the scored variants by the group whose scale is theirs."""
    places: dict[str, list[int]] = {}
    for place in np.flatnonzero(~np.isnan(logarithms)).tolist():
        group = next((one for one in groups[place] if one in scales), None)
        if group is not None:
            places.setdefault(group, []).append(place)
    return {group: np.array(found, np.intp) for group, found in places.items()}
