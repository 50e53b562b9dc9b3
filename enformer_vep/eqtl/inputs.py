"""From file names to examples."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from enformer_vep.eqtl.eqtl_settings import EqtlSettings, LabelSettings
from enformer_vep.eqtl.examples import Examples, make_examples
from enformer_vep.eqtl.labels import read_labels, read_lists
from enformer_vep.eqtl.score_tables import open_tables
from enformer_vep.errors import UsageError


@dataclass(frozen=True, slots=True)
class EqtlInputs:
    """Where everything is.

    Attributes:
        scores: Tables of `enformer-vep score`.
        labels: Tables with labels or PIPs; or else the two lists.
        positives: Causal variants.
        negatives: Others.
    """

    scores: tuple[Path, ...]
    labels: tuple[Path, ...] = ()
    positives: Path | None = None
    negatives: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what is not one form or the other.

        Raises:
            UsageError: Naming both forms.
        """
        lists = self.positives is not None, self.negatives is not None
        if not self.scores or any(lists) == bool(self.labels) or any(lists) != all(lists):
            raise UsageError("give SCORES, and --labels or both --positives and --negatives")


def load_examples(
    inputs: EqtlInputs, settings: EqtlSettings, advance: Callable[[int], object] = lambda rows: None
) -> Examples:
    """Reads and joins.

    Args:
        inputs: The files.
        settings: Thresholds, score and transform.
        advance: Told how many score rows were read.

    Raises:
        InputError: A table cannot be read, or they have nothing in common.
    """
    tables = open_tables(inputs.scores, settings.features.score)
    return make_examples(_labels(inputs, settings.labels), tables, settings.features, advance)


def _labels(inputs: EqtlInputs, settings: LabelSettings) -> pd.DataFrame:
    if inputs.positives is not None and inputs.negatives is not None:
        return read_lists(inputs.positives, inputs.negatives, settings)
    return read_labels(inputs.labels, settings)
