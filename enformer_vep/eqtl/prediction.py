"""Applies fitted classifiers to score tables, a chunk at a time."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.eqtl.features import signed_log2
from enformer_vep.eqtl.model_file import FittedModels
from enformer_vep.eqtl.outcomes import Outcome
from enformer_vep.eqtl.score_tables import OK, ScoreChunk, ScoreTables
from enformer_vep.errors import InputError

PREFIX = "P_"


def check_fit(models: FittedModels, tables: ScoreTables) -> None:
    """Makes sure that the scores are of the kind that the classifiers were fitted on.

    Raises:
        InputError: One is by gene, the other is not.
    """
    if models.by_gene != tables.by_gene:
        kinds = ("with", "without") if models.by_gene else ("without", "with")
        raise InputError(
            f"the classifiers were fitted on scores {kinds[0]} genes, these are {kinds[1]}; score them alike"
        )


def predict_lines(
    models: FittedModels, tables: ScoreTables, advance: Callable[[int], object] = lambda rows: None
) -> Iterator[str]:
    """Yields a table in pieces: the header, then one line per score row, in order, none lost.

    Columns are those that identify the row, as they stand in the input, and P_<tissue>, the probability of being
    causal. STATUS is the input's, or `not_finite` where a score was not a number; such rows have NA.
    """
    yield "\t".join((*tables.identity, *(PREFIX + tissue for tissue in models.forests))) + "\n"
    for chunk in tables.chunks():
        yield _lines(models, chunk)
        advance(len(chunk.identity))


def _lines(models: FittedModels, chunk: ScoreChunk) -> str:
    scored = chunk.scored
    numbers = iter(_probabilities(models, chunk.values[scored]).tolist())
    missing = ["NA"] * len(models.forests)
    cells = [[f"{value:.6g}" for value in next(numbers)] if one else missing for one in scored]
    identity = chunk.identity.copy()
    not_finite = (identity["STATUS"] == OK) & ~pd.Series(scored)
    identity.loc[not_finite, "STATUS"] = Outcome.NOT_FINITE.value
    names = identity.itertuples(index=False, name=None)
    return "".join("\t".join((*row, *values)) + "\n" for row, values in zip(names, cells, strict=True))


def _probabilities(models: FittedModels, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """float64 [rows, tissues]."""
    sizes = values.copy()
    signed_log2(sizes, models.features.pseudocount)
    np.abs(sizes, out=sizes)
    return np.stack([forest.predict(sizes) for forest in models.forests.values()], axis=1)
