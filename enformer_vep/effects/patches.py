"""The changes of tokens without a pass over the whole window: reference values only where an edit can reach.

Around every local edit a patch of the reference window is convolved: the tokens that the edit can change, and enough
neighbours that the patch's own padding does not reach what these need. Edits that begin and end in the same tokens
have the same patch.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from enformer_vep.effects.changed_stretches import Stage, Stretch
from enformer_vep.effects.edits import affected_tokens, with_margin
from enformer_vep.effects.effect import EffectBatch, send
from enformer_vep.effects.network import Front, one_hot
from enformer_vep.effects.products import Products
from enformer_vep.effects.sites import Sites


@dataclass(frozen=True, slots=True)
class Patch:
    """A stretch of a reference window, and the alternates that change something in its middle.

    Attributes:
        owner: The reference window.
        tokens: Tokens of the window that the patch covers.
        rows: The alternates.
    """

    owner: int
    tokens: slice
    rows: tuple[int, ...]


def find_patches(front: Front, sites: Sites, rows: Iterable[int]) -> list[Patch]:
    """Group alternates with local edits by the patch that they need; patches in order of appearance."""
    found: dict[tuple[int, int, int], list[int]] = {}
    for row in rows:
        tokens = _patch_tokens(front, sites.window, *sites.edits[row])
        found.setdefault((sites.owner[row], tokens.start, tokens.stop), []).append(row)
    return [Patch(owner, slice(start, stop), tuple(some)) for (owner, start, stop), some in found.items()]


def _patch_tokens(front: Front, window: int, start: int, end: int) -> slice:
    """Tokens of a patch for window bases [start, end), rounded outwards to whole tokens."""
    width, tokens = front.width, window // front.width
    first, last = min(start, window - 1) // width, (max(end, start + 1) - 1) // width
    return with_margin(front, tokens, affected_tokens(front, tokens, first * width, (last + 1) * width))


def portions_of(patches: Sequence[Patch], at_once: int) -> Iterator[list[Patch]]:
    """Consecutive patches of one length, at most so many."""
    portion: list[Patch] = []
    for patch in patches:
        if portion and (len(portion) == at_once or _length(patch) != _length(portion[0])):
            yield portion
            portion = []
        portion.append(patch)
    if portion:
        yield portion


def _length(patch: Patch) -> int:
    return int(patch.tokens.stop - patch.tokens.start)


def add_local_changes(
    change: Tensor,
    stages: Sequence[Stage],
    batch: EffectBatch,
    patches: Sequence[Patch],
    products: Products,
    alternates: int = 1,
) -> None:
    """Carry the alternates of patches through the convolutions.

    Args:
        change: [B, T, C], zero in the rows of these alternates; receives what they change in the tokens.
        stages: Of the network's front.
        batch: Windows, with sites.
        patches: Patches of the batch that are convolved at once, all of one length.
        products: Arithmetic of the change.
        alternates: How many are carried at once.
    """
    width = batch.reference.shape[1] // change.shape[1]
    inputs = _trace(stages, _one_hot_patches(batch, patches, width, change.dtype))
    rows = [_Row(row, number, patch) for number, patch in enumerate(patches) for row in patch.rows]
    for first in range(0, len(rows), alternates):
        some = rows[first : first + alternates]
        stretch = _first_stretch(batch, some, width, change.dtype)
        for stage, x in zip(stages, inputs, strict=True):
            stretch = stage.propagate(x, stretch, products)
        _add(change, some, stretch)


@dataclass(frozen=True, slots=True)
class _Row:
    """An alternate, the number of its patch among those convolved at once, and the patch."""

    alternate: int
    number: int
    patch: Patch


def _one_hot_patches(batch: EffectBatch, patches: Sequence[Patch], width: int, dtype: torch.dtype) -> Tensor:
    """The reference in all patches: [patches, 4, positions]."""
    bases = [slice(one.tokens.start * width, one.tokens.stop * width) for one in patches]
    codes = [batch.reference[one.owner, some] for one, some in zip(patches, bases, strict=True)]
    return one_hot(torch.stack(codes), dtype).transpose(1, 2)


def _trace(stages: Sequence[Stage], x: Tensor) -> list[Tensor]:
    """The input of every stage, [patches, C_in, positions]."""
    inputs = [x]
    for stage in stages[:-1]:
        inputs.append(stage.convolve(inputs[-1]))
    return inputs


def _first_stretch(batch: EffectBatch, rows: Sequence[_Row], width: int, dtype: torch.dtype) -> Stretch:
    """The change of the one-hot input; positions count from the beginning of each patch."""
    assert batch.sites is not None
    device, edits = batch.alternate.device, [batch.sites.edits[row.alternate] for row in rows]
    starts = _sent([start for start, _ in edits], device)
    positions = starts[:, None] + torch.arange(max(1, *(end - start for start, end in edits)), device=device)
    inside, clamped = positions < batch.alternate.shape[1], positions.clamp(max=batch.alternate.shape[1] - 1)
    alternate = batch.alternate[_sent([row.alternate for row in rows], device)[:, None], clamped]
    reference = batch.reference[_sent([row.patch.owner for row in rows], device)[:, None], clamped]
    change = torch.where(inside[:, :, None], one_hot(alternate, dtype) - one_hot(reference, dtype), 0)
    begins = _sent([row.patch.tokens.start * width for row in rows], device)
    return Stretch(_sent([row.number for row in rows], device), starts - begins, change.transpose(1, 2))


def _add(change: Tensor, rows: Sequence[_Row], stretch: Stretch) -> None:
    """Write changed tokens into `change` [B, T, C].

    What lies outside the window is added as zero to a token inside it, rather than left out: so no size depends on
    values, which a GPU would have to be waited for.
    """
    count, device = change.shape[1], change.device
    begins = _sent([row.patch.tokens.start for row in rows], device)
    positions = (begins + stretch.start)[:, None] + torch.arange(stretch.change.shape[2], device=device)
    inside = ((positions >= 0) & (positions < count))[:, :, None]
    values = torch.where(inside, stretch.change.transpose(1, 2), 0).to(change.dtype)
    alternates = _sent([row.alternate for row in rows], device)[:, None]
    tokens = alternates * count + positions.clamp(0, count - 1)
    change.view(-1, change.shape[2]).index_add_(0, tokens.flatten(), values.flatten(0, 1))


def _sent(numbers: Sequence[int], device: torch.device) -> Tensor:
    return send(torch.tensor(numbers), device)
