"""What a variant's effect is summed up to: one number per score and track.

What to score is data (`Score`); how to score is a pure function of (reference prediction r, delta d), written
in the form that does not cancel: real effects are some 1e-4 of the prediction, so `log(r + d) - log(r)` would
lose in float32 what `log1p(d / r)` keeps. The alternate prediction a = r + d is never formed.

Sources: basenji (`bin/basenji_sad.py`, Calico), baskerville (`snps.py`), and the Enformer notebook.
Shapes: B variants, N bins in use, T tracks. All logarithms are to base 2.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from enformer_vep.settings import Score


def compute_scores(reference: Tensor, delta: Tensor, scores: Sequence[Score], pseudocount: float = 1.0) -> Tensor:
    """Reduce predictions over bins, on their own device.

    Args:
        reference: [B, N, T], reference prediction, non-negative, averaged over strands and shifts.
        delta: [B, N, T], alternate minus reference prediction.
        scores: What to compute.
        pseudocount: Added to both predictions where logarithms are taken of them; above 0.

    Returns:
        float32 [B, len(scores), T]. Sums run in float64.
    """
    values = [
        _LOG_RATIOS[score](reference, delta, pseudocount) if score.is_log_ratio else _FUNCTIONS[score](reference, delta)
        for score in scores
    ]
    return torch.stack([some.to(torch.float32) for some in values], dim=1)


def _sum(values: Tensor) -> Tensor:
    return values.sum(dim=1, dtype=torch.float64)


def _log2_ratio(reference: Tensor, delta: Tensor, pseudocount: float) -> Tensor:
    """log2((a + c) / (r + c)) without forming a.

    An alternate prediction is 0 or more, but beside a small c the rounding of delta may say otherwise: the ratio is
    c / (r + c) at least.
    """
    raised = reference + pseudocount
    ratio = torch.log1p((delta / raised).clamp(min=-1))
    return torch.maximum(ratio, torch.log(pseudocount / raised)) / math.log(2)


def _log_ratio_of_sums(reference: Tensor, delta: Tensor, pseudocount: float) -> Tensor:
    return _log2_ratio(_sum(reference), _sum(delta), pseudocount)


def _sum_of_log_ratios(reference: Tensor, delta: Tensor, pseudocount: float) -> Tensor:
    return _sum(_log2_ratio(reference, delta, pseudocount))


def _size_of_log_ratios(reference: Tensor, delta: Tensor, pseudocount: float) -> Tensor:
    return _root_of_squares(_log2_ratio(reference, delta, pseudocount))


def _largest(reference: Tensor, delta: Tensor) -> Tensor:
    return delta.gather(1, delta.abs().argmax(dim=1, keepdim=True))[:, 0]


def _root_of_squares(values: Tensor) -> Tensor:
    return _sum(values.to(torch.float64) ** 2).sqrt()


def _divergence(reference: Tensor, delta: Tensor) -> Tensor:
    """(KL(p, q) + KL(q, p)) / 2 for p ~ r + c and q ~ a + c, c the 25th percentile of r over bins.

    With P = sum(r + c), D = sum(d), Q = P + D: q - p = (d - p D) / Q and
    log(q / p) = log1p(d / (r + c)) - log1p(D / P); the divergence is half the sum of their products.
    Source of the score and its pseudocount: basenji_sad.py.
    """
    reference, delta = reference.to(torch.float64), delta.to(torch.float64)
    raised = reference + _percentile(reference, 0.25)
    total, change = raised.sum(dim=1, keepdim=True), delta.sum(dim=1, keepdim=True)
    mass = raised / total
    log_ratio = torch.log1p(delta / raised) - torch.log1p(change / total)
    terms = (delta - mass * change) / (total + change) * log_ratio
    # A bin without signal in either prediction adds nothing; its logarithm is 0 / 0.
    return torch.where(raised > 0, terms, 0).sum(dim=1) / 2


def _percentile(values: Tensor, fraction: float) -> Tensor:
    """Percentile over bins as numpy's; `torch.quantile` refuses more than 2**24 values."""
    rank = fraction * (values.shape[1] - 1)
    lower = values.kthvalue(int(rank) + 1, dim=1, keepdim=True).values
    upper = values.kthvalue(math.ceil(rank) + 1, dim=1, keepdim=True).values
    return torch.lerp(lower, upper, rank - int(rank))


_LOG_RATIOS: Mapping[Score, Callable[[Tensor, Tensor, float], Tensor]] = {
    Score.SADR: _log_ratio_of_sums,
    Score.SAR: _sum_of_log_ratios,
    Score.LOGD2: _size_of_log_ratios,
}
_FUNCTIONS: Mapping[Score, Callable[[Tensor, Tensor], Tensor]] = {
    Score.SAD: lambda reference, delta: _sum(delta),
    Score.MEAN: lambda reference, delta: _sum(delta) / delta.shape[1],
    Score.SAX: _largest,
    Score.D1: lambda reference, delta: _sum(delta.abs()),
    Score.D2: lambda reference, delta: _root_of_squares(delta),
    Score.JS: _divergence,
    Score.REF: lambda reference, delta: _sum(reference),
    Score.ALT: lambda reference, delta: _sum(reference) + _sum(delta),
}
