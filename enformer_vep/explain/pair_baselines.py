"""Scores of pairs that need no model: what a model's scores have to be better than."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from enformer_vep.explain.elements import Element
from enformer_vep.genome.genes import Gene
from enformer_vep.scoring.scorer import Floats
from enformer_vep.tables.row import ValueBlock


class PairBaseline(Protocol):
    """Scores all elements of a gene together, in reach of a model or not; larger means likelier to be an enhancer."""

    @property
    def block(self) -> ValueBlock:
        """Its columns; one without a label is named by the block's score alone."""

    def score(self, gene: Gene, elements: Sequence[Element]) -> Floats:
        """float32 [elements, columns]; the elements are those of the gene that lie on its contig."""


class InverseDistance:
    """1 / distance, from the element's centre to the gene's representative start, of 1 bp at least."""

    block = ValueBlock("INVERSE_DISTANCE", ("",), "1 / distance from the gene's main start to the element's centre")

    def score(self, gene: Gene, elements: Sequence[Element]) -> Floats:
        """See `PairBaseline`."""
        away = [abs(element.centre - gene.representative) for element in elements]
        inverse: Floats = (1 / np.maximum(np.array(away, dtype=np.float64), 1)).astype(np.float32)[:, None]
        return inverse
