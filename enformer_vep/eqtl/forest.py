"""A trained random forest as plain arrays.

scikit-learn grows the trees (`sklearn_door`); this keeps and applies them. A file of arrays has no code in it, reads
the same under every version of scikit-learn, and, unlike scikit-learn's own trees, is checked before it is followed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError

_ROWS = 512


@dataclass(frozen=True, slots=True)
class Forest:
    """Nodes of all trees, one tree after the other; a leaf is its own child.

    Attributes:
        roots: int32 [trees], index of each root.
        left: int32 [nodes], where to go when the feature is at most the threshold.
        right: int32 [nodes], where to go otherwise.
        feature: int32 [nodes], index of the feature; 0 in leaves.
        threshold: float64 [nodes]; 0 in leaves.
        share: float64 [nodes], share of positives among the training examples there.
    """

    roots: npt.NDArray[np.int32]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float64]
    share: npt.NDArray[np.float64]

    @classmethod
    def from_trees(cls, trees: Sequence[tuple[npt.NDArray[Any], ...]]) -> Self:
        """Joins trees.

        Args:
            trees: Per tree: left and right children (-1 in leaves), feature, threshold, share, each [nodes].
        """
        sizes = [len(tree[0]) for tree in trees]
        roots = np.cumsum([0, *sizes[:-1]])
        parts = [_joinable(tree, root) for tree, root in zip(trees, roots, strict=True)]
        left, right, feature, threshold, share = (np.concatenate(column) for column in zip(*parts, strict=True))
        roots, left, right, feature = (column.astype(np.int32) for column in (roots, left, right, feature))
        return cls(roots, left, right, feature, threshold, share)

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Mean over trees of the share of positives in the leaf that a row falls into.

        Args:
            features: float32 [rows, features].

        Returns:
            float64 [rows], from 0 to 1.
        """
        strips = [self._predict(features[start : start + _ROWS]) for start in range(0, len(features), _ROWS)]
        return np.concatenate(strips) if strips else np.zeros(0)

    def _predict(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        node = np.broadcast_to(self.roots, (len(rows), len(self.roots)))
        index = np.arange(len(rows))[:, None]
        while True:
            # float32 against float64, as scikit-learn compares them.
            at_most = rows[index, self.feature[node]] <= self.threshold[node]
            following = np.where(at_most, self.left[node], self.right[node])
            if np.array_equal(following, node):
                return self.share[node].sum(axis=1) / len(self.roots)
            node = following

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """By attribute name."""
        return {name: getattr(self, name) for name in _KINDS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], features: int) -> Self:
        """The forest of these arrays, once it is sure that following it ends and stays within bounds.

        Args:
            arrays: As from `arrays`.
            features: How many features there are.

        Raises:
            InputError: They are no forest.
        """
        if not _is_sound(arrays, features):
            raise InputError("a forest in it is damaged; fit it again")
        return cls(**{name: arrays[name] for name in _KINDS})


_KINDS = {
    "roots": np.int32, "left": np.int32, "right": np.int32, "feature": np.int32, "threshold": np.float64,
    "share": np.float64,
}  # fmt: skip


def _joinable(tree: tuple[npt.NDArray[Any], ...], root: int) -> tuple[npt.NDArray[Any], ...]:
    left, right, feature, threshold, share = tree
    leaf = left < 0
    itself = np.arange(len(left))
    return (
        np.where(leaf, itself, left) + root,
        np.where(leaf, itself, right) + root,
        np.where(leaf, 0, feature),
        np.where(leaf, 0.0, threshold),
        share,
    )


def _is_sound(arrays: Mapping[str, npt.NDArray[Any]], features: int) -> bool:
    if any(name not in arrays or arrays[name].dtype != kind for name, kind in _KINDS.items()):
        return False
    roots, left, right = arrays["roots"], arrays["left"], arrays["right"]
    nodes = len(left)
    if not len(roots) or any(arrays[name].shape != (nodes,) for name in _KINDS if name != "roots"):
        return False
    itself = np.arange(nodes)
    leaf = (left == itself) & (right == itself)
    # Children come after their parents, so every path ends.
    forward = (left > itself) & (right > itself)
    within = (left < nodes) & (right < nodes) & (arrays["feature"] >= 0) & (arrays["feature"] < features)
    values = np.isfinite(arrays["threshold"]) & (arrays["share"] >= 0) & (arrays["share"] <= 1)
    starts = (roots >= 0) & (roots < nodes)
    return bool(((leaf | forward) & within & values).all() and starts.all())
