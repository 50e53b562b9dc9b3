"""The only user of scikit-learn: grows forests, fits lines, draws folds. Loads it on the first call."""

from typing import Any

import numpy as np
import numpy.typing as npt

from enformer_vep.eqtl.eqtl_settings import ForestSettings
from enformer_vep.eqtl.forest import Forest
from enformer_vep.errors import DependencyError


def require_sklearn() -> str:
    """Its version.

    Raises:
        DependencyError: It is not installed.
    """
    try:
        import sklearn
    except ImportError:
        raise DependencyError("eqtl needs scikit-learn; install it with: pip install 'enformer-vep[eqtl]'") from None
    return str(sklearn.__version__)


def grow_forest(
    features: npt.NDArray[np.float32], positive: npt.NDArray[np.bool_], settings: ForestSettings, seed: int
) -> Forest:
    """Trains a random forest.

    Args:
        features: float32 [examples, features], finite.
        positive: bool [examples], both kinds present.
        settings: Hyperparameters; the number of jobs does not change the trees.
        seed: Fixes the trees.

    Returns:
        Its trees as plain arrays.
    """
    require_sklearn()
    from sklearn.ensemble import RandomForestClassifier

    classifier = RandomForestClassifier(
        n_estimators=settings.trees,
        max_features=None if settings.max_features == "all" else settings.max_features,
        max_depth=settings.max_depth,
        min_samples_leaf=settings.min_samples_leaf,
        random_state=seed,
        n_jobs=settings.jobs,
    )
    classifier.fit(features, positive)
    return Forest.from_trees([_plain(tree.tree_) for tree in classifier.estimators_])


def _plain(tree: Any) -> tuple[npt.NDArray[Any], ...]:
    """Children, feature, threshold, and the share of positives of every node."""
    counts = tree.value[:, 0, :]
    share = counts[:, 1] / counts.sum(axis=1)
    return tree.children_left, tree.children_right, tree.feature, tree.threshold, share


def fit_logistic(
    features: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], float]:
    """Fits a logistic regression with scikit-learn's default penalty (L2, C = 1), which also ends where kinds part.

    Args:
        features: float64 [examples, features], standardised.
        positive: bool [examples], both kinds present.

    Returns:
        Weights [features] and offset, of the log odds.
    """
    require_sklearn()
    from sklearn.linear_model import LogisticRegression

    line = LogisticRegression().fit(features, positive)
    return line.coef_[0].astype(np.float64), float(line.intercept_[0])


def draw_folds(
    positive: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64] | None, folds: int, seed: int
) -> npt.NDArray[np.int64]:
    """Divides examples into folds with like shares of positives.

    Args:
        positive: bool [examples]; at least `folds` of either kind.
        groups: int64 [examples]: examples of one group come into one fold; None for no groups.
        folds: How many; at most the number of groups.
        seed: Fixes the draw.

    Returns:
        int64 [examples]: the fold of each.
    """
    require_sklearn()
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    splitter = kind(n_splits=folds, shuffle=True, random_state=seed)
    fold_of = np.full(len(positive), -1, dtype=np.int64)
    for fold, (_, held_out) in enumerate(splitter.split(np.zeros((len(positive), 1)), positive, groups)):
        fold_of[held_out] = fold
    return fold_of
