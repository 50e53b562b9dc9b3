"""How much of the attention of a gene's transcription starts falls on elements."""

from collections.abc import Sequence

import torch
from torch import Tensor

from enformer_vep.effects.effect import reverse_complement
from enformer_vep.effects.network import Network
from enformer_vep.explain.attention_maps import attention_rows
from enformer_vep.explain.elements import Element
from enformer_vep.explain.gene_windows import GeneWindow, WindowView


def element_attention(
    network: Network,
    window: GeneWindow,
    views: Sequence[WindowView],
    elements: Sequence[Element],
    both_strands: bool = False,
) -> Tensor:
    """The share of attention that elements get, averaged over the gene's bins, layers, heads and views.

    A token that lies in an element in part counts by the share of its bases.

    Args:
        network: In evaluation mode, with attention.
        window: Of the gene; its bins are the queries.
        views: The window under each shift.
        elements: E elements that lie in every view.
        both_strands: Also look at the reverse strand.

    Returns:
        [E], from 0 to 1, on the network's device.
    """
    output = network.output
    shares = list[Tensor]()
    for view in views:
        codes = torch.from_numpy(view.window.copy())[None]
        tokens = [output.first // output.width + one for one in window.network_bins(output, view.shift)]
        last = output.window // output.width - 1
        row = _mean_row(network, codes, tokens)
        if both_strands:
            reverse = _mean_row(network, reverse_complement(codes), [last - token for token in tokens])
            row = (row + reverse.flip(0)) / 2
        spans = [view.span(element) for element in elements]
        shares.append(coverage(spans, len(row), output.width).to(row) @ row)
    return torch.stack(shares).mean(dim=0)


def coverage(spans: Sequence[tuple[int, int]], tokens: int, width: int) -> Tensor:
    """Share of the bases of each token that each stretch [start, end) of a window has: float64 [stretches, tokens]."""
    edges = torch.arange(tokens, dtype=torch.float64) * width
    starts, ends = torch.tensor(spans, dtype=torch.float64).reshape(-1, 2, 1).unbind(1)
    inside = torch.minimum(ends, edges + width) - torch.maximum(starts, edges)
    return inside.clamp(min=0) / width


def _mean_row(network: Network, codes: Tensor, queries: Sequence[int]) -> Tensor:
    """[T], of one window, averaged over layers, heads and queries."""
    with torch.inference_mode():
        return attention_rows(network, codes, queries)[0].mean(dim=(0, 1, 2))
