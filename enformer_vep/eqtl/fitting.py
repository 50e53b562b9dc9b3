"""One classifier per tissue, trained on everything that is labelled."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from enformer_vep import __version__
from enformer_vep.eqtl.cross_validation import seed_for
from enformer_vep.eqtl.eqtl_settings import EqtlSettings
from enformer_vep.eqtl.folds import OK, why_not
from enformer_vep.eqtl.forest import Forest
from enformer_vep.eqtl.labelled_examples import Examples
from enformer_vep.eqtl.model_file import FittedModels
from enformer_vep.eqtl.sklearn_door import grow_forest, require_sklearn
from enformer_vep.errors import InputError

logger = logging.getLogger(__name__)

MINIMUM = 8
"""Positives, and negatives, below which a tissue gets no classifier."""


def fit(
    examples: Examples,
    settings: EqtlSettings,
    scoring: Mapping[str, Any] | None = None,
    advance: Callable[[int], object] = lambda tissues: None,
) -> FittedModels:
    """Trains on all examples; `scoring` is the summary of the scoring run, whose model is noted.

    Raises:
        InputError: There is no such tissue.
    """
    forests: dict[str, Forest] = {}
    counts: dict[str, dict[str, int]] = {}
    for one in examples.by_tissue():
        status = why_not(one.positive, None, MINIMUM)
        if status == OK:
            seed = seed_for(settings.folds, one.tissue)
            forests[one.tissue] = grow_forest(np.abs(one.features), one.positive, settings.forest, seed)
            positives = int(one.positive.sum())
            counts[one.tissue] = {"positives": positives, "negatives": len(one.positive) - positives}
        else:
            logger.warning("%s is left out: %s (fewer than %d)", one.tissue, status, MINIMUM)
        advance(1)
    if not forests:
        raise InputError(f"no tissue has {MINIMUM} positives and {MINIMUM} negatives; move the PIP thresholds")
    notes = _notes(settings, scoring or {}) | {"counts": counts}
    return FittedModels(settings.features, examples.tracks, examples.by_gene, forests, notes)


def _notes(settings: EqtlSettings, scoring: Mapping[str, Any]) -> dict[str, Any]:
    forest = settings.forest
    return {
        "positive_pip": settings.labels.positive_pip,
        "negative_pip": settings.labels.negative_pip,
        "trees": forest.trees,
        "max_features": forest.max_features,
        "max_depth": forest.max_depth,
        "min_samples_leaf": forest.min_samples_leaf,
        "seed": settings.folds.seed,
        "versions": {"enformer-vep": __version__, "scikit-learn": require_sklearn(), "numpy": np.__version__},
        "scoring": {key: scoring[key] for key in ("model", "model_sha256", "settings") if key in scoring},
    }
