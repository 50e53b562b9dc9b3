"""Gradient x input of a gene's prediction, summed over elements, in the window that the gene's elements share."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from enformer_vep.effects.effect import reverse_complement
from enformer_vep.effects.network import Network
from enformer_vep.explain.contributions import contributions
from enformer_vep.explain.elements import Element
from enformer_vep.explain.gene_windows import GeneWindow, WindowView
from enformer_vep.explain.gradients import Target, input_gradients
from enformer_vep.settings.explain_contributions import Recipe


@dataclass(frozen=True, slots=True)
class OutputWeights:
    """What a prediction is summed up to: groups of tracks, or single tracks.

    Attributes:
        forward: [tracks of the head, outputs], weights of tracks in each output.
        reverse: The same for the reverse strand, where a track of one strand has its partner's place.
    """

    forward: Tensor
    reverse: Tensor


def element_gradients(
    network: Network,
    organism: str,
    window: GeneWindow,
    views: Sequence[WindowView],
    elements: Sequence[Element],
    weights: OutputWeights,
    recipes: Sequence[Recipe],
    both_strands: bool = False,
) -> Tensor:
    """Contributions of elements to the sum of a gene's bins, averaged over views.

    Args:
        network: In evaluation mode.
        organism: Which head.
        window: Of the gene.
        views: The window under each shift.
        elements: E elements that lie in every view.
        weights: Of O outputs.
        recipes: R recipes.
        both_strands: Also read the reverse strand.

    Returns:
        [E, R, O].
    """
