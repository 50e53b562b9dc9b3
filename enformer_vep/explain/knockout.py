"""In-silico knock-out of elements: what a gene's prediction loses when an element is gone.

An element becomes N, a shuffle of itself that keeps the counts of dinucleotides, or is deleted. All alternates of a
window go through an engine together and share its reference pass. A deletion keeps either flank in place: what is read
on one side of it comes from a window whose bases there have not moved (`enformer_vep.effects.stitching`).
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from enformer_vep.effects.effect import Effect, EffectBatch
from enformer_vep.effects.stitching import Stitches, plan_stitches
from enformer_vep.explain.elements import Element
from enformer_vep.explain.gene_windows import GeneWindow, WindowView
from enformer_vep.explain.shuffling import shuffle_dinucleotides
from enformer_vep.genome.bins import whole_bins
from enformer_vep.genome.contigs import contig_key
from enformer_vep.genome.encoding import UNKNOWN, Codes
from enformer_vep.genome.sharing import LARGEST_GROUP
from enformer_vep.scoring.scorer import Scorer, Work
from enformer_vep.scoring.scores import compute_scores
from enformer_vep.settings import Score
from enformer_vep.settings.explain_enhancers import KnockOut


@dataclass(frozen=True, slots=True)
class KnockOuts:
    """How elements are knocked out.

    Attributes:
        kinds: What becomes of them.
        shuffles: Shuffles that are averaged over.
        seed: Fixes these, for each element whatever it is scored with.
    """

    kinds: tuple[KnockOut, ...]
    shuffles: int = 5
    seed: int = 44


@dataclass(frozen=True, slots=True)
class _Change:
    """One way to knock out one element.

    Attributes:
        element: Its number.
        kind: The number of the kind.
        put_in: uint8 codes in its place; None for a deletion.
    """

    element: int
    kind: int
    put_in: Codes | None


def knock_out(
    scorer: Scorer, window: GeneWindow, views: Sequence[WindowView], elements: Sequence[Element], how: KnockOuts
) -> Effect:
    """Predict what a gene loses with each of its elements, averaged over strands and shifts.

    Args:
        scorer: The model, made ready.
        window: Of the gene.
        views: The window under each of the scorer's shifts, with as many bases beside it as the longest element has.
        elements: E elements that lie in every view.
        how: K kinds.

    Returns:
        Reference prediction and delta, [E * K, bins of the gene, tracks or groups], on the scorer's device: all kinds
        of the first element, then those of the next. Shuffles are averaged.
    """
    changes = list(_changes(views[0], elements, how))
    parts = [_effect(scorer, window, views, elements, some) for some in _portions(changes)]
    effect = Effect.joined(parts)
    kinds = len(how.kinds)
    rows = torch.tensor([change.element * kinds + change.kind for change in changes], device=effect.delta.device)
    counts = torch.bincount(rows, minlength=len(elements) * kinds).to(effect.delta.dtype)

    def averaged(values: Tensor) -> Tensor:
        total = values.new_zeros(len(counts), *values.shape[1:]).index_add_(0, rows, values)
        return total / counts[:, None, None]

    return effect.map(averaged)


def losses(effect: Effect, score: Score, pseudocount: float) -> Tensor:
    """What knock-outs lose, positive where the prediction falls: minus a score, float32 [B, tracks or groups].

    Args:
        effect: [B, bins, tracks or groups].
        score: A signed score, see `enformer_vep.scoring.scores`.
        pseudocount: See there.
    """
    return -compute_scores(effect.reference, effect.delta, (score,), pseudocount)[:, 0]


def shuffles_of(element: Element, codes: Codes, count: int, seed: int) -> list[Codes]:
    """Shuffles of an element's sequence, uint8 [L] each: the same for the same place, count and seed."""
    key = (seed, zlib.crc32(contig_key(element.contig).encode()), element.start, element.end)
    return [shuffle_dinucleotides(codes, np.random.default_rng((*key, number))) for number in range(count)]


def replaced(view: WindowView, start: int, put_in: Codes) -> Codes:
    """A window, uint8 [L], with other codes from window index `start` on."""
    window = view.window.copy()
    window[start : start + len(put_in)] = put_in
    return window


def deleted(view: WindowView, start: int, end: int) -> tuple[Codes, Codes]:
    """A window without window indices [start, end), uint8 [L] twice: its left edge kept, and its right one.

    Where one edge is kept, real genome comes in at the other; the view needs as many bases beside the window.
    """
    first, last, length = view.beside + start, view.beside + end, end - start
    left_kept = np.concatenate([view.codes[view.beside : first], view.codes[last:]])[: len(view.window)]
    before = view.codes[view.beside - length : first]
    right_kept = np.concatenate([before, view.codes[last : view.beside + len(view.window)]])
    return left_kept, right_kept


def _changes(view: WindowView, elements: Sequence[Element], how: KnockOuts) -> Iterator[_Change]:
    for number, element in enumerate(elements):
        codes = view.window[slice(*view.span(element))]
        for kind, what in enumerate(how.kinds):
            if what is KnockOut.UNKNOWN:
                yield _Change(number, kind, np.full(len(element), UNKNOWN, dtype=np.uint8))
            elif what is KnockOut.DELETED:
                yield _Change(number, kind, None)
            else:
                shuffles = shuffles_of(element, codes, how.shuffles, how.seed)
                yield from (_Change(number, kind, shuffle) for shuffle in shuffles)


def _portions(changes: Sequence[_Change]) -> Iterator[list[_Change]]:
    """As many at once as have `LARGEST_GROUP` alternates, of which a deletion has two at most."""
    portion, alternates = list[_Change](), 0
    for change in changes:
        more = 1 if change.put_in is not None else 2
        if portion and alternates + more > LARGEST_GROUP:
            yield portion
            portion, alternates = [], 0
        portion.append(change)
        alternates += more
    if portion:
        yield portion


def _effect(
    scorer: Scorer,
    window: GeneWindow,
    views: Sequence[WindowView],
    elements: Sequence[Element],
    changes: Sequence[_Change],
) -> Effect:
    """Reference prediction and delta of some changes, [changes, bins of the gene, tracks or groups]."""
    made = [[_alternates(window, view, elements[one.element], one) for one in changes] for view in views]
    batches = [_batch(view, some) for view, some in zip(views, made, strict=True)]
    stitches: list[Stitches] | None = None
    if any(change.put_in is None for change in changes):
        stitches = [plan_stitches([len(one.windows) for one in some], [one.seam for one in some]) for some in made]
    bins = list(window.bins)
    return scorer.effect(Work(batches, stitches, ())).map(lambda values: values[:, bins])


@dataclass(frozen=True, slots=True)
class _Alternates:
    """The windows of one change in one view, uint8 [L] each: one, or two that are stitched behind the bin `seam`."""

    windows: tuple[Codes, ...]
    seam: int | None = None


def _alternates(window: GeneWindow, view: WindowView, element: Element, change: _Change) -> _Alternates:
    start, end = view.span(element)
    if change.put_in is not None:
        return _Alternates((replaced(view, start, change.put_in),))
    geometry = window.geometry
    seam = geometry.bin_of(end - 1) + whole_bins(view.shift, geometry.width)
    left_kept, right_kept = deleted(view, start, end)
    if all(one > seam for one in window.bins):
        return _Alternates((right_kept,), seam)
    return _Alternates((left_kept,) if all(one <= seam for one in window.bins) else (left_kept, right_kept), seam)


def _batch(view: WindowView, alternates: Sequence[_Alternates]) -> EffectBatch:
    windows = np.stack([window for one in alternates for window in one.windows])
    reference, owner = torch.from_numpy(view.window.copy())[None], torch.zeros(len(windows), dtype=torch.int64)
    return EffectBatch(reference, torch.from_numpy(windows), owner)
