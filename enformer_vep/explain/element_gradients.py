"""Gradient x input of a gene's prediction, summed over elements, in the window that the gene's elements share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from enformer_vep.effects.effect import reverse_complement
from enformer_vep.effects.network import Network, one_hot
from enformer_vep.explain.contributions import contributions
from enformer_vep.explain.elements import Element
from enformer_vep.explain.gene_windows import GeneWindow, WindowView
from enformer_vep.explain.gradients import Gradients, Target, differentiate
from enformer_vep.settings.contribution_settings import Recipe


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a prediction is summed up to: groups of tracks, or single tracks.

    Attributes:
        organism: Which head.
        weights: [tracks of the head, outputs], what a track counts in each.
        partners: For each track of the head the one that has its place on the other strand; None where no track is of
            one strand.
    """

    organism: str
    weights: Tensor
    partners: tuple[int, ...] | None = None

    def targets(self, bins: Sequence[int]) -> list[Target]:
        """Each output, summed over some bins of the network."""
        return [Target(one, bins) for one in self.weights.unbind(1)]


@dataclass(frozen=True, slots=True)
class ElementGradients:
    """Contributions of elements to the sum of a gene's bins, averaged over views.

    Attributes:
        values: [outputs], the sums themselves.
        summed: [elements, recipes, outputs].
    """

    values: Tensor
    summed: Tensor


def element_gradients(
    network: Network,
    outputs: Outputs,
    window: GeneWindow,
    views: Sequence[WindowView],
    elements: Sequence[Element],
    recipes: Sequence[Recipe],
    both_strands: bool = False,
) -> ElementGradients:
    """Differentiate once for each view and output, and sum up over every element.

    Gradients are averaged over views first, then a recipe makes contributions of them. Where it pools magnitudes it is
    these that are summed.

    Args:
        network: In evaluation mode.
        outputs: What is differentiated.
        window: Of the gene.
        views: The window under each shift.
        elements: Elements that lie in every view, at least one.
        recipes: At least one.
        both_strands: Also read the reverse strand.
    """
    values, slices = list[Tensor](), [list[Tensor]() for _ in elements]
    for view, seen in _seen(network, outputs, window, views, both_strands):
        values.append(seen.values[0])
        for element, some in zip(elements, slices, strict=True):
            some.append(seen.inputs[0, :, slice(*view.span(element))].clone())
    spans = (views[0].span(element) for element in elements)
    codes = [torch.from_numpy(views[0].window[start:end].copy()) for start, end in spans]
    means = [torch.stack(some).mean(dim=0) for some in slices]
    summed = [
        torch.stack([_sum(mean, some, recipe) for recipe in recipes]) for mean, some in zip(means, codes, strict=True)
    ]
    return ElementGradients(torch.stack(values).mean(dim=0), torch.stack(summed))


def _sum(gradients: Tensor, codes: Tensor, recipe: Recipe) -> Tensor:
    """[outputs, bases, 4] to [outputs]."""
    values = contributions(gradients, codes[None], recipe)
    return (values.abs() if recipe.pools_magnitudes else values).sum(dim=-1)


def _seen(
    network: Network, outputs: Outputs, window: GeneWindow, views: Sequence[WindowView], both_strands: bool
) -> Iterator[tuple[WindowView, Gradients]]:
    """What every strand of every view gives, in the orientation of the forward strand."""
    weight = network.head(outputs.organism).weight
    for view in views:
        codes = torch.from_numpy(view.window.copy())[None].to(weight.device)
        targets = outputs.targets(window.network_bins(network.output, view.shift))
        yield view, differentiate(network, outputs.organism, one_hot(codes, weight.dtype), targets)
        if both_strands:
            other = [one.reverse_complement(network.output.bins, outputs.partners) for one in targets]
            x = one_hot(reverse_complement(codes), weight.dtype)
            reverse = differentiate(network, outputs.organism, x, other)
            yield view, Gradients(reverse.values, reverse.inputs.flip(-2, -1))
