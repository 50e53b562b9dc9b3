"""Which screened alternates are scored exactly, and what that says of all the others."""

import hashlib
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from enformer_vep.genome.variants import Variant
from enformer_vep.settings import Refinement

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

TOP = 0.01
"""Share of alternates, those with the largest effect, that a screen is asked for."""
CONFIDENCE = 0.95


def choose(magnitudes: Floats, refinement: Refinement) -> Flags:
    """Choose alternates by what the screen says.

    Args:
        magnitudes: float32 [alternates, outputs], absolute screened scores.
        refinement: How many.

    Returns:
        bool [alternates].
    """
    count = min(refinement.number_of(len(magnitudes)), len(magnitudes))
    if count == 0:
        return np.zeros(len(magnitudes), dtype=bool)
    last = np.partition(magnitudes, len(magnitudes) - count, axis=0)[len(magnitudes) - count]
    return np.asarray((magnitudes >= last / refinement.margin).any(axis=1))


def is_sampled(variant: Variant, share: float) -> bool:
    """Whether an alternate belongs to the random sample: by a hash of what it is, so it is the same in every run."""
    text = f"{variant.contig}:{variant.position}:{variant.reference}:{variant.alternate}"
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest) < share * 2**64


@dataclass(frozen=True, slots=True)
class Comparison:
    """Screened and exact scores of the rows of a piece that were scored both ways.

    Attributes:
        screened: float32 [rows, outputs].
        exact: float32 [rows, outputs].
        chosen: bool [rows], those chosen by their magnitude; the others are of the sample alone.
        sampled: bool [rows], those of the random sample.
        rows: How many rows were screened, with those.
        outputs: Names of the columns.
    """

    screened: Floats
    exact: Floats
    chosen: Flags
    sampled: Flags
    rows: int
    outputs: tuple[str, ...]


def agreement(comparisons: Sequence[Comparison]) -> dict[str, object]:
    """Say how good a screen was.

    Args:
        comparisons: Of all pieces.

    Returns:
        Plain values for `--summary`. For each output: over the random sample Spearman's correlation and the share of
        equal signs, and an upper bound (one-sided, 95 %) on the share of the true top 1 % that was not scored
        exactly; None where the sample is too small to say. Empty when nothing was screened.
    """
    rows = sum(one.rows for one in comparisons)
    if not rows:
        return {}
    screened, exact = np.concatenate([(one.screened, one.exact) for one in comparisons], axis=1)
    chosen, sampled = np.concatenate([(one.chosen, one.sampled) for one in comparisons], axis=1)
    outputs = {
        name: {
            "spearman": spearman(screened[sampled, number], exact[sampled, number]),
            "same_sign": _same_sign(screened[sampled, number], exact[sampled, number]),
            "missed_top_at_most": missed_share(np.abs(exact[:, number]), ~chosen, rows),
        }
        for number, name in enumerate(comparisons[0].outputs)
    }
    return {"rows": rows, "exact": len(exact), "sampled": int(sampled.sum()), "outputs": outputs}


def agreement_in_words(report: Mapping[str, Any]) -> str:
    """One line for the log: medians over outputs of a report of `agreement`."""
    counts = f"{report['rows']} rows screened, {report['exact']} of them exact"
    medians = {
        name: _median([output[name] for output in report["outputs"].values()])
        for name in ("spearman", "same_sign", "missed_top_at_most")
    }
    if medians["same_sign"] is None:
        return f"{counts}; no row was sampled, so how good the others are is not known: see --refine-sample"
    correlation = "none" if medians["spearman"] is None else f"{medians['spearman']:.2f}"
    missed = "not known" if medians["missed_top_at_most"] is None else f"at most {medians['missed_top_at_most']:.0%}"
    return (
        f"{counts}; in a random sample of {report['sampled']} Spearman {correlation}, same sign "
        f"{medians['same_sign']:.0%}; of the true top 1 % {missed} was missed (95 % confidence; medians over outputs)"
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def spearman(left: Floats, right: Floats) -> float | None:
    """Spearman's rank correlation, ties at their mean rank; None where it is not defined."""
    if len(left) < 3:
        return None
    ranks = [_ranks(values) for values in (left, right)]
    deviations = [one - one.mean() for one in ranks]
    scale = math.sqrt((deviations[0] ** 2).sum() * (deviations[1] ** 2).sum())
    return float((deviations[0] * deviations[1]).sum() / scale) if scale else None


def _ranks(values: Floats) -> npt.NDArray[np.float64]:
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[where]


def _same_sign(left: Floats, right: Floats) -> float | None:
    return float((np.sign(left) == np.sign(right)).mean()) if len(left) else None


def missed_share(exact: Floats, unchosen: Flags, rows: int) -> float | None:
    """Bound the share of the true top 1 % that was not scored exactly.

    The threshold is the size of the last of the top 1 % among the rows that are known exactly; with rows that were
    missed it would be higher, so this errs on the safe side. Of the rows that magnitude did not choose the sample
    shows some, m of n of them above the threshold; the bound on their share is that of Clopper and Pearson (1934).

    Args:
        exact: float32 [known], magnitudes of the rows that are known exactly.
        unchosen: bool [known], those of the sample that magnitude did not choose.
        rows: How many rows there are in all.

    Returns:
        Share in [0, 1]; None when no row tells anything.
    """
    unknown, top = rows - len(exact), max(1, round(TOP * rows))
    if unknown == 0:
        return 0.0
    if not unchosen.any() or len(exact) < top:
        return None
    threshold = np.sort(exact)[-top]
    seen = exact[unchosen]
    missed = upper_bound(int((seen > threshold).sum()), len(seen)) * unknown
    return missed / (missed + top)


def upper_bound(successes: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Clopper and Pearson's one-sided upper confidence bound on a share, by bisection of the binomial tail."""
    if successes >= trials:
        return 1.0
    low, high = successes / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(successes, trials, middle) > 1 - confidence else (low, middle)
    return high


def _at_most(successes: int, trials: int, share: float) -> float:
    """Probability of so many successes or fewer."""
    if share >= 1:
        return 0.0
    logarithms = [
        math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        + k * math.log(share) + (trials - k) * math.log1p(-share)
        for k in range(successes + 1)
    ]  # fmt: skip
    return math.fsum(map(math.exp, logarithms)) if share > 0 else 1.0
