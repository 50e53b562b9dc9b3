"""Gradient x input of a gene's prediction, summed up over elements, in the window that the gene's elements share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from enformer_vep.explain.contributions import around, contributions
from enformer_vep.explain.contributor import Contributor
from enformer_vep.explain.elements import Element
from enformer_vep.explain.gene_windows import GeneWindow, WindowView
from enformer_vep.settings.contribution_settings import Recipe


@dataclass(frozen=True, slots=True)
class ElementGradients:
    """Contributions of elements to the sum of a gene's bins, averaged over strands and shifts.

    Attributes:
        values: float64 [outputs], the sums themselves.
        summed: float64 [elements, recipes, outputs].
    """

    values: Tensor
    summed: Tensor


def element_gradients(
    contributors: Mapping[Recipe, Contributor],
    window: GeneWindow,
    view: WindowView,
    elements: Sequence[Element],
) -> ElementGradients:
    """Differentiate the window once for each contributor, and sum up over every element.

    Args:
        contributors: For each recipe what computes its gradients, the same one where these are the same; at least one.
        window: Of the gene.
        view: The window that is not shifted, with as many bases beside it as the shifts of the contributors need.
        elements: Elements that lie in it, at least one.
    """
    gradients: dict[int, Tensor] = {}
    values, columns = torch.empty(0), list[Tensor]()
    codes = torch.from_numpy(view.window.copy())
    spans = [view.span(element) for element in elements]
    for recipe, contributor in contributors.items():
        if id(contributor) not in gradients:
            before, behind = contributor.flanks
            stretch = view.codes[view.beside - before : len(view.codes) - view.beside + behind].copy()
            explained = contributor.explain(torch.from_numpy(stretch), contributor.targets([window.bins]))
            # Its targets are means over the bins.
            values = torch.from_numpy(explained.values).double() * len(window.bins)
            gradients[id(contributor)] = torch.from_numpy(explained.gradients).double() * len(window.bins)
        of_bases = contributions(gradients[id(contributor)], codes, recipe)
        columns.append(torch.stack([of_element(of_bases, start, end, recipe) for start, end in spans]))
    return ElementGradients(values, torch.stack(columns, dim=1))


def of_element(of_bases: Tensor, start: int, end: int, recipe: Recipe) -> Tensor:
    """Sum the contributions of bases, [..., L], up over window indices [start, end).

    The sum, of magnitudes where the recipe pools magnitudes. Of `calico` it is the mean magnitude around the middle
    under a Gaussian, as in Calico's code, whatever the length.
    """
    if recipe is Recipe.CALICO:
        return around(of_bases, [(start + end) // 2])[..., 0]
    inside = of_bases[..., start:end]
    return (inside.abs() if recipe.pools_magnitudes else inside).sum(dim=-1)
