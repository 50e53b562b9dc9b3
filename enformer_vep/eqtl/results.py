"""What an evaluation gives back."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from enformer_vep.statistics.bootstrap import Advantage
from enformer_vep.statistics.metrics import Bools, Floats


class Ranking(StrEnum):
    """What examples are ranked by: the random forest on scores, or what needs no scores.

    `DISTANCE`: the nearer the TSS, the likelier, untrained. `FREQUENCY`: logistic regression on the log minor allele
    frequency, trained in the same folds as the forest, since labels decide whether frequent variants are likelier.
    `BOTH`: logistic regression on the logs of both.
    """

    FOREST = "forest"
    DISTANCE = "distance"
    FREQUENCY = "frequency"
    BOTH = "both"


BASELINES = (Ranking.DISTANCE, Ranking.FREQUENCY, Ranking.BOTH)


@dataclass(frozen=True, slots=True)
class FoldScore:
    """One held-out fold.

    Attributes:
        repeat: From 1.
        fold: From 1.
        positives: In the fold.
        negatives: In the fold.
        auroc: By ranking; NaN where the fold has not both kinds, or where what it ranks by is not known.
        auprc: Average precision, likewise.
    """

    repeat: int
    fold: int
    positives: int
    negatives: int
    auroc: Mapping[Ranking, float]
    auprc: Mapping[Ranking, float]


@dataclass(frozen=True, slots=True)
class DirectionResult:
    """How well the direction of effect is told, among positives whose effect is known.

    Attributes:
        status: "ok", or why the forest was not tested.
        variants: Positives with an effect that is not 0.
        up: Those whose ALT raises expression.
        tracks: Which tracks the single score is of, in words; empty where there is none.
        accuracy: Sign accuracy of the single score.
        auroc: Its AUROC for up against down.
        forest_accuracy: Per repeat, over all held-out variants.
        forest_auroc: Per repeat.
    """

    status: str
    variants: int = 0
    up: int = 0
    tracks: str = ""
    accuracy: float = math.nan
    auroc: float = math.nan
    forest_accuracy: tuple[float, ...] = ()
    forest_auroc: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class TissueResult:
    """What came out for one tissue.

    Attributes:
        tissue: Its name.
        status: "ok", or why it was not tested.
        positive: bool [examples].
        groups: How many groups of examples folds keep together; None if every example is by itself.
        positive_groups: Those with a positive.
        direction: The other test.
        folds: One per repeat and fold; empty unless the status is ok.
        held_out: float64 [examples] by ranking, for those that are known: what it gives an example when held out,
            mean over repeats; empty unless ok.
        advantages: By baseline that is known: the forest, held out, over it, fitted to the same examples; all folds
            together.
    """

    tissue: str
    status: str
    positive: Bools
    groups: int | None
    positive_groups: int | None
    direction: DirectionResult
    folds: tuple[FoldScore, ...] = ()
    held_out: Mapping[Ranking, Floats] = field(default_factory=dict)
    advantages: Mapping[Ranking, Advantage] = field(default_factory=dict)
