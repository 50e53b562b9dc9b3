"""What `enformer-vep enhancers` is asked for: candidate elements, genes, and the scores of their pairs."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from enformer_vep.errors import UsageError
from enformer_vep.settings.choices import Centre, Score
from enformer_vep.settings.contribution_settings import Recipe
from enformer_vep.settings.request import ComputeSettings, OutputSettings
from enformer_vep.settings.score_settings import ScoreSettings
from enformer_vep.settings.selections import GeneSettings


class KnockOut(StrEnum):
    """What becomes of an element that is knocked out: N, a shuffle that keeps dinucleotide counts, or nothing."""

    UNKNOWN = "n"
    SHUFFLED = "shuffle"
    DELETED = "deletion"


class Method(StrEnum):
    """How a pair of an element and a gene is scored; the value is the word of the command line."""

    GRADIENT = "gradient"
    ATTENTION = "attention"
    KNOCK_OUT = "knockout"
    DISTANCE = "distance"


RECIPES = (Recipe.NOTEBOOK, Recipe.CALICO, Recipe.INPUT)
"""Of gradient x input, unless others are asked for: `integrated` takes as many passes as the path has steps."""

ENHANCER_SCORES = (Score.SADR, Score.SAD)
"""What the loss of a prediction may be measured in: log2 fold change, or the units of the track."""


@dataclass(frozen=True, slots=True)
class EnhancerSettings:
    """Everything that, with the model and the input, fixes the output.

    Attributes:
        score: Tracks, groups, strands, shifts, precision, engine, pseudocount, genes (with windows on their
            representative starts), and one of `ENHANCER_SCORES`.
        methods: How pairs are scored, in column order; none for all that the model has.
        recipes: Recipes of gradient x input, in column order.
        knock_outs: What elements are replaced by, in column order.
        steps: Points on the way of `Recipe.INTEGRATED`.
        shuffles: Shuffles of each element that are averaged over.
        seed: Fixes the shuffles.
        within: Pairs are made of elements and genes at most so many bp apart, from the element's centre to the
            gene's representative start.
    """

    score: ScoreSettings
    methods: tuple[Method, ...] = ()
    recipes: tuple[Recipe, ...] = RECIPES
    knock_outs: tuple[KnockOut, ...] = tuple(KnockOut)
    steps: int = 32
    shuffles: int = 5
    seed: int = 44
    within: int = 100_000

    def __post_init__(self) -> None:
        """Refuse values that no run can have.

        Raises:
            UsageError: Naming the value and what is allowed.
        """
        if len(self.score.scores) != 1 or self.score.scores[0] not in ENHANCER_SCORES:
            raise UsageError(f"--score takes one of {', '.join(ENHANCER_SCORES)}")
        if self.score.genes is None or self.score.genes.centre is not Centre.TSS:
            raise UsageError("elements are scored in windows on the transcription starts of genes: give --genes")
        for name, value in (("shuffles", self.shuffles), ("steps", self.steps)):
            if value < 1:
                raise UsageError(f"--{name} {value}: give a positive number")
        for name, values in (("methods", self.methods), ("recipes", self.recipes), ("knock-outs", self.knock_outs)):
            if len(set(values)) != len(values):
                raise UsageError(f"a value stands twice in --{name} {','.join(values)}: give each once")

    @property
    def genes(self) -> GeneSettings:
        """How predictions are read out for genes."""
        assert self.score.genes is not None
        return self.score.genes

    def describe(self) -> dict[str, str | int | bool]:
        """Say what was asked for, by the names of options: for journals, manifests and notes."""
        methods = self.methods
        integrated = Method.GRADIENT in methods and Recipe.INTEGRATED in self.recipes
        shuffled = Method.KNOCK_OUT in methods and KnockOut.SHUFFLED in self.knock_outs
        return {
            **self.score.describe(),
            "methods": ",".join(methods) or "default",
            **({"recipes": ",".join(self.recipes)} if Method.GRADIENT in methods else {}),
            **({"steps": self.steps} if integrated else {}),
            **({"knock-outs": ",".join(self.knock_outs)} if Method.KNOCK_OUT in methods else {}),
            **({"shuffles": self.shuffles, "seed": self.seed} if shuffled else {}),
            "within": self.within,
        }


@dataclass(frozen=True, slots=True)
class EnhancerRequest:
    """A whole run of `enformer-vep enhancers`.

    Attributes:
        elements: BED of candidate elements, or a table of pairs of elements and genes.
        genome: Path of the reference FASTA.
        genes: Annotation.
        settings: What to score.
        model: What `--model` takes.
        compute: Where to compute.
        output: Where results go.
        targets: Track table that takes precedence over the model's own.
        dry_run: Check and count only.
        shard: Which block of the genes, such as "3/8"; None for all of them.
    """

    elements: Path
    genome: Path
    genes: Path
    settings: EnhancerSettings
    model: str = "enformer"
    compute: ComputeSettings = field(default_factory=ComputeSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    targets: Path | None = None
    dry_run: bool = False
    shard: str | None = None
