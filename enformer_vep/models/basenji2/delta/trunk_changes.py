"""The change of everything above Basenji2's tower: dilated blocks, the last block, and the head.

The reference goes through all of it once and leaves a trace; then every alternate's change follows, in the tokens that
it can reach. Shapes: G reference windows, B alternates, C channels of the trunk, n tokens that are needed, m tokens
that change.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from enformer_vep.effects.activations import softplus
from enformer_vep.effects.differences import batch_norm_slope, softplus_difference
from enformer_vep.effects.engine import SelectedHead
from enformer_vep.effects.products import Products
from enformer_vep.models.basenji2.delta.pooled_stages import activation_difference
from enformer_vep.models.basenji2.network import Block, DilatedBlock


@dataclass(frozen=True, slots=True)
class DilatedTrace:
    """What a dilated block computed for the reference.

    Attributes:
        x: [G, C, n], its input.
        hidden: [G, narrow, n'], between its two convolutions.
        inputs: Tokens of the window that `x` covers.
        outputs: Tokens that `hidden` and the block's output cover.
    """

    x: Tensor
    hidden: Tensor
    inputs: slice
    outputs: slice


def trace_dilated(block: DilatedBlock, x: Tensor, inputs: slice, outputs: slice) -> tuple[DilatedTrace, Tensor]:
    """The block's own forward pass, where it is needed.

    Args:
        block: The block, in eval mode.
        x: [G, C, n].
        inputs: Tokens of the window that `x` covers: all that `outputs` depend on and the window has.
        outputs: Tokens that are wanted.

    Returns:
        The trace, and the block's output [G, C, n'].
    """
    convolution = block.narrow.conv
    activated = _laid_out(block.narrow.activation(x), inputs, outputs, block.narrow.reach)
    hidden = block.narrow.norm(F.conv1d(activated, convolution.weight, dilation=convolution.dilation))
    output = x[:, :, _inside(outputs, inputs)] + block.wide(hidden)
    return DilatedTrace(x, hidden, inputs, outputs), output


def propagate_dilated(
    block: DilatedBlock,
    trace: DilatedTrace,
    change: Tensor,
    changed: tuple[slice, slice],
    owner: Tensor,
    products: Products,
) -> Tensor:
    """Carry changes through a dilated block.

    Args:
        block: The block that left the trace.
        trace: Reference values.
        change: [B, C, m], change of the block's input.
        changed: Tokens of the window that `change` covers, and those that the result covers.
        owner: int64 [B].
        products: Arithmetic of the change.

    Returns:
        [B, C, m'], change of the block's output.
    """
    before, after = changed
    narrow, wide = block.narrow, block.wide
    activated = activation_difference(narrow, trace.x[:, :, _inside(before, trace.inputs)][owner], change)
    padded = _laid_out(activated, before, after, narrow.reach)
    inner = products.convolve(padded, narrow.conv.weight, narrow.conv.dilation[0])
    inner = inner * batch_norm_slope(narrow.norm)[:, None]
    inner = activation_difference(wide, trace.hidden[:, :, _inside(after, trace.outputs)][owner], inner)
    added = products.convolve(inner, wide.conv.weight) * batch_norm_slope(wide.norm)[:, None]
    return _laid_out(change, before, after) + added


@dataclass(frozen=True, slots=True)
class HeadTrace:
    """What the last block and a head computed for the reference.

    Attributes:
        x: [G, C, bins], input of the last block.
        hidden: [G, final_width, bins], before the last activation.
        logits: [G, bins, tracks], before the softplus.
    """

    x: Tensor
    hidden: Tensor
    logits: Tensor

    @property
    def prediction(self) -> Tensor:
        """[G, bins, tracks]."""
        return softplus(self.logits)


def trace_head(block: Block, head: SelectedHead, x: Tensor) -> HeadTrace:
    """Last block, activation and head, with their intermediate values kept.

    Args:
        block: The block of width 1, in eval mode.
        head: Wanted tracks; computed in their own precision.
        x: [G, C, bins].
    """
    hidden = block(x)
    with torch.autocast(x.device.type, enabled=False):
        hidden = hidden.to(head.dtype)
        logits = F.linear(block.activation(hidden).transpose(1, 2), head.weight, head.bias)
    return HeadTrace(x, hidden, logits)


def propagate_head(
    block: Block,
    head: SelectedHead,
    trace: HeadTrace,
    change: Tensor,
    bins: slice,
    owner: Tensor,
    products: Products,
) -> Tensor:
    """Carry changes through the last block, the head and its softplus.

    Args:
        block: The block that left the trace.
        head: The head that left the trace.
        trace: Reference values.
        change: [B, C, m].
        bins: Those of the trace that `change` covers.
        owner: int64 [B].
        products: Arithmetic of the change; the head's is its own.

    Returns:
        [B, m, tracks], alternate minus reference prediction.
    """
    change = activation_difference(block, trace.x[:, :, bins][owner], change)
    change = products.convolve(change, block.conv.weight) * batch_norm_slope(block.norm)[:, None]
    change = activation_difference(block, trace.hidden[:, :, bins][owner], change.to(head.dtype))
    with torch.autocast(change.device.type, enabled=False):
        logit_change = F.linear(change.transpose(1, 2), head.weight)
        return softplus_difference(trace.logits[:, bins][owner], logit_change)


def _inside(tokens: slice, of: slice) -> slice:
    """Tokens of the window as indices of a stretch of it."""
    return slice(tokens.start - of.start, tokens.stop - of.start)


def _laid_out(values: Tensor, tokens: slice, wanted: slice, reach: int = 0) -> Tensor:
    """Values [..., n] of some tokens as those of the wanted ones and so many beside them; zero where there are none."""
    first, last = wanted.start - reach, wanted.stop + reach
    start, stop = max(tokens.start, first), min(tokens.stop, last)
    if start >= stop:
        return values.new_zeros(*values.shape[:-1], last - first)
    return F.pad(values[..., start - tokens.start : stop - tokens.start], (start - first, last - stop))
