"""Attention maps of windows: which bins (queries) look at which others (keys).

One layer of the full-size model has 75 MB of maps, all of them have 830 MB: they are computed, used and dropped one
layer at a time. Shapes: B windows, L bp, H heads, T tokens (bins of the whole window, those included that the model
does not predict), Q queries.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from enformer_vep.effects.effect import reverse_complement
from enformer_vep.effects.network import Network, one_hot
from enformer_vep.effects.precision import arithmetic
from enformer_vep.errors import UsageError
from enformer_vep.genome.bins import BinPlan, Geometry, plan_bins
from enformer_vep.settings import Precision


def attention_layers(network: Network, windows: Tensor, layers: Sequence[int] | None = None) -> Iterator[Tensor]:
    """Compute attention maps a layer at a time.

    Args:
        network: In evaluation mode; the computation is on its device and in its precision.
        windows: uint8 [B, L], base codes (see `one_hot`).
        layers: Which layers, ascending, from 0; all when None. No layer behind the last one is computed.

    Yields:
        [B, H, T, T] of each layer, rows are queries; a row sums to one. Each is an inference tensor, to be used before
        the next one is asked for.

    Raises:
        UsageError: The network has no attention, or no such layer.
    """
    device, dtype = _home(network)
    last = None if layers is None else max(layers, default=-1)
    with arithmetic(Precision.FLOAT32, device):
        maps = network.attention_layers(one_hot(windows.to(device), dtype))
    if maps is None:
        raise UsageError(
            f"models of the kind {type(network).__name__} have no attention: use one of the family enformer"
        )
    number = -1
    while last is None or number < last:
        # A generator must not stay in a context while its caller runs.
        with arithmetic(Precision.FLOAT32, device):
            layer = next(maps, None)
        if layer is None:
            break
        number += 1
        if layers is None or number in layers:
            yield layer
        del layer
    foreign = [layer for layer in layers or () if not 0 <= layer <= number]
    if foreign:
        raise UsageError(f"layer {foreign[0]} does not exist: the model has {number + 1}, numbered from 0")


def mean_attention(
    network: Network, windows: Tensor, layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
) -> Tensor:
    """Average attention maps over layers and heads.

    Args:
        network: In evaluation mode; the computation is on its device and in its precision.
        windows: uint8 [B, L], base codes; one is computed at a time.
        layers: Which layers, from 0; all when None.
        heads: Which heads of each, from 0; all when None.

    Returns:
        [B, T, T], rows are queries, each sums to one; in the network's precision, on its device.

    Raises:
        UsageError: The network has no attention, or no such layer or head.
    """
    return torch.stack([_mean_of_one(network, window[None], layers, heads) for window in windows])


def attention_rows(
    network: Network, windows: Tensor, queries: Sequence[int], layers: Sequence[int] | None = None
) -> Tensor:
    """Rows of given queries in every layer and head.

    Args:
        network: In evaluation mode; the computation is on its device and in its precision.
        windows: uint8 [B, L], base codes; one is computed at a time.
        queries: Tokens, from 0 to T - 1.
        layers: Which layers, ascending, from 0; all when None.

    Returns:
        [B, layers, H, Q, T]; in the network's precision, on its device.

    Raises:
        UsageError: The network has no attention, or no such layer.
    """
    rows = list(queries)
    return torch.stack(
        [
            torch.stack([layer[0, :, rows].clone() for layer in attention_layers(network, window[None], layers)])
            for window in windows
        ]
    )


def both_strands(compute: Callable[[Tensor], Tensor], windows: Tensor) -> Tensor:
    """Average whole maps over the strands: the reverse strand's are flipped in both axes.

    Args:
        compute: From uint8 [B, L] to maps [B, .., T, T], such as `mean_attention` of a network.
        windows: uint8 [B, L], base codes.

    Returns:
        [B, .., T, T].
    """
    return (compute(windows) + compute(reverse_complement(windows)).flip(-2, -1)) / 2


def averaged_attention(
    network: Network,
    windows: Sequence[Tensor],
    plan: BinPlan,
    reverse: bool = False,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
) -> Tensor:
    """Average maps over layers, heads, shifts and strands.

    Args:
        network: In evaluation mode; the computation is on its device and in its precision.
        windows: For each shift uint8 [B, L], base codes.
        plan: Of `plan_map_bins`, for the same shifts and strands.
        reverse: Also average over the reverse strand.
        layers: Which layers, from 0; all when None.
        heads: Which heads of each, from 0; all when None.

    Returns:
        [B, bins, bins] of `plan.in_use`. Rows sum to one where these are all tokens; shifts of half a bin and more
        leave out the outermost.

    Raises:
        UsageError: The network has no attention, or no such layer or head.
    """

    def compute(codes: Tensor) -> Tensor:
        return mean_attention(network, codes, layers, heads)

    total = None
    for codes, bins in zip(windows, plan.views, strict=True):
        maps = both_strands(compute, codes) if reverse else compute(codes)
        part = maps[:, plan.predicted, plan.predicted][:, bins, bins]
        total = part if total is None else total + part
    assert total is not None, "settings have a shift"
    return total / len(windows)


def plan_map_bins(network: Network, shifts: Sequence[int] = (0,), reverse: bool = False) -> BinPlan:
    """Which tokens every view of a window has; as for predictions, but of the whole window, nothing cropped.

    Raises:
        UsageError: The shifts are so large that there are none.
    """
    output = network.output
    tokens = Geometry(output.window, 0, output.width, output.window // output.width)
    return plan_bins(tokens, None, 0, shifts, reverse)


def choose_heads(layer: Tensor, heads: Sequence[int] | None) -> Tensor:
    """Some heads of a layer [B, H, ..], all when None; raises UsageError for one that it does not have."""
    if heads is None:
        return layer
    foreign = [head for head in heads if not 0 <= head < layer.shape[1]]
    if foreign:
        raise UsageError(f"head {foreign[0]} does not exist: a layer has {layer.shape[1]}, numbered from 0")
    return layer[:, list(heads)]


def _mean_of_one(network: Network, window: Tensor, layers: Sequence[int] | None, heads: Sequence[int] | None) -> Tensor:
    total, count = None, 0
    for layer in attention_layers(network, window, layers):
        mean = choose_heads(layer, heads)[0].mean(dim=0)
        total, count = mean if total is None else total.add_(mean), count + 1
    if total is None:
        raise UsageError("no layer is chosen, or the model has none: name layers that it has, numbered from 0")
    return total / count


def _home(network: Network) -> tuple[torch.device, torch.dtype]:
    parameter = next(network.parameters())
    return parameter.device, parameter.dtype
