"""What is tested, and how: frozen and validated."""

from dataclasses import dataclass, field
from enum import StrEnum

from enformer_vep.calibration.additions import column_score, is_effect
from enformer_vep.errors import UsageError


class Together(StrEnum):
    """What a fold must not split.

    `LINKED` is everything that shares a variant, a gene, a credible set (or another group) or a stretch of the genome,
    directly or through others. `NONE` is what basenji_bench_classify.py does.
    """

    LINKED = "linked"
    NONE = "none"
    GROUP = "group"
    GENE = "gene"
    VARIANT = "variant"
    CHROMOSOME = "chromosome"


@dataclass(frozen=True, slots=True)
class LabelSettings:
    """How label tables are read.

    Attributes:
        positive_pip: A posterior inclusion probability of at least this makes a positive.
        negative_pip: One of at most this makes a negative; what lies between is left out.
        tissue: Name of the one tissue of tables that have no such column.
        columns: Pairs of (role, column name) that take precedence over `label_columns.ALIASES`.
    """

    positive_pip: float = 0.9
    negative_pip: float = 0.01
    tissue: str = "all"
    columns: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse thresholds that cross.

        Raises:
            UsageError: They are not 0 <= negative < positive <= 1.
        """
        if not 0 <= self.negative_pip < self.positive_pip <= 1:
            raise UsageError(
                f"--negative-pip {self.negative_pip:g} and --positive-pip {self.positive_pip:g} leave no order: "
                "give 0 <= negative < positive <= 1"
            )


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """Which columns are features, and their scale.

    Attributes:
        score: Columns of this score are the features.
        pseudocount: c in sign(x) log2(1 + |x| / c), in units of the score; None leaves x as it is.
    """

    score: str = "SAD"
    pseudocount: float | None = 1e-6

    def __post_init__(self) -> None:
        """Refuse what is no effect.

        Raises:
            UsageError: The score is no effect, or the pseudocount is not positive.
        """
        if not is_effect(self.score):
            raise UsageError(
                f"--score {self.score} is a prediction, or says how far views differ, and is no effect: "
                "choose SAD or another"
            )
        if self.pseudocount is not None and not self.pseudocount > 0:
            raise UsageError("--pseudocount must be above 0; --transform none does without")

    @property
    def signed(self) -> bool:
        """Whether exchanging REF and ALT negates the score; one of another program's is taken to be signed."""
        known = column_score(self.score)
        return known is None or known.is_signed


@dataclass(frozen=True, slots=True)
class ForestSettings:
    """Hyperparameters of a random forest; defaults as in basenji_bench_classify.py.

    Attributes:
        trees: How many.
        max_features: Features that a split may choose from: "log2" or "sqrt" of all, or "all".
        max_depth: Splits from root to leaf.
        min_samples_leaf: Examples in a leaf.
        jobs: Threads that grow trees; does not change them.
    """

    trees: int = 100
    max_features: str = "log2"
    max_depth: int = 64
    min_samples_leaf: int = 1
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class FoldSettings:
    """Cross-validation.

    Attributes:
        folds: Parts, each held out once.
        repeats: Times that the parts are drawn anew (the paper: 100).
        together: What stays in one part.
        stretch: Bp; examples of one contig that lie at most so far apart count as linked.
        seed: Fixes folds and forests.
    """

    folds: int = 8
    repeats: int = 5
    together: Together = Together.LINKED
    stretch: int = 1_000_000
    seed: int = 44


class Repressive(StrEnum):
    """What becomes of H3K27me3, H3K9me2 and H3K9me3 among the tracks that tell the direction of effect.

    `SIGNED`: they count with the opposite sign. `LEFT_OUT`: they do not count.
    """

    SIGNED = "signed"
    LEFT_OUT = "left-out"


@dataclass(frozen=True, slots=True)
class DirectionSettings:
    """Whose mean tells the direction of effect without training; by default all tracks whose assay says expression.

    Attributes:
        tracks: These, for all tissues: labels of the features, or a specification as for `--tracks`.
        groups: Those of the group that is called like the tissue, as for `--groups`.
        repressive: What becomes of repressive marks.
    """

    tracks: str | None = None
    groups: str | None = None
    repressive: Repressive = Repressive.SIGNED

    def __post_init__(self) -> None:
        """Refuse two choices.

        Raises:
            UsageError: Tracks and groups are given.
        """
        if self.tracks is not None and self.groups is not None:
            raise UsageError("give --direction-tracks or --direction-groups, not both")


@dataclass(frozen=True, slots=True)
class EqtlSettings:
    """All of it.

    Attributes:
        labels: How labels are made.
        features: What the classifier sees.
        forest: The classifier.
        folds: How it is tested.
        direction: Which tracks tell the direction of effect.
    """

    labels: LabelSettings = field(default_factory=LabelSettings)
    features: FeatureSettings = field(default_factory=FeatureSettings)
    forest: ForestSettings = field(default_factory=ForestSettings)
    folds: FoldSettings = field(default_factory=FoldSettings)
    direction: DirectionSettings = field(default_factory=DirectionSettings)
