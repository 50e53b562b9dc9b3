"""Contributions of bases to a prediction: recipes, and what a run of `enformer-vep contributions` is asked for."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

from enformer_vep.errors import UsageError
from enformer_vep.settings.choices import Precision
from enformer_vep.settings.selections import GeneSettings
from enformer_vep.settings.window_request import WindowRequest

_PRECISIONS = (Precision.FLOAT32, Precision.FLOAT64, Precision.TF32)
POOLED_WIDTH = 128
"""Bases of a stretch over which contributions are pooled, unless another number is asked for."""


class Recipe(StrEnum):
    """How gradients become one number for each base; named after the code that it follows.

    Attributes:
        description: What it is in one line, for help texts.
        pools_magnitudes: Whether absolute values are averaged over a stretch of bases, not values with their signs.
    """

    description: str
    pools_magnitudes: bool

    def __new__(cls, name: str, description: str = "", pools_magnitudes: bool = False) -> Self:
        """Takes what is known of the recipe."""
        recipe = str.__new__(cls, name)
        recipe._value_ = name
        recipe.description, recipe.pools_magnitudes = description, pools_magnitudes
        return recipe

    NOTEBOOK = "notebook", "gradient x input; a stretch has the mean magnitude", True
    CALICO = (
        "calico",
        "gradient of the base minus the mean of the four; a stretch has the mean magnitude under a Gaussian of 200 bp",
        True,
    )
    INPUT = "input", "gradient x input; a stretch has the mean, signs kept"
    INTEGRATED = "integrated", "gradient x input with the mean gradient on the way from no bases; signs kept"


@dataclass(frozen=True, slots=True)
class ContributionSettings:
    """Everything that, with the model and the input, fixes contributions.

    A target is the mean prediction over some bins, of a track, of a group of tracks or of all that are chosen.

    Attributes:
        recipe: How gradients become contributions.
        organism: Which head.
        tracks: Track specification (see `enformer_vep.tracks.selection`); None for all.
        groups: File, or name of a packaged table, that sorts tracks into groups; None for single tracks.
        average_tracks: One target for the mean of all tracks instead of one for each.
        centre_bins: Bins around the position that a window is on; None for all that are predicted.
        queries: Which bins: `center`, `tss`, or positions such as chr22:1000; None for genes' starts where there are
            genes, else the centre.
        genes: How genes are read out; None without an annotation.
        only_genes: Names or identifiers of the genes that count; empty for all.
        reverse_complement: Average over both strands.
        shifts: Window shifts in bp to average over.
        steps: Points on the way of `Recipe.INTEGRATED`.
        width: Bases that are pooled to one line of the table; 1 for each base.
        precision: Arithmetic of the network.
    """

    recipe: Recipe = Recipe.NOTEBOOK
    organism: str = "human"
    tracks: str | None = None
    groups: str | None = None
    average_tracks: bool = False
    centre_bins: int | None = 3
    queries: tuple[str, ...] | None = None
    genes: GeneSettings | None = None
    only_genes: tuple[str, ...] = ()
    reverse_complement: bool = False
    shifts: tuple[int, ...] = (0,)
    steps: int = 32
    width: int = POOLED_WIDTH
    precision: Precision = Precision.FLOAT32

    def __post_init__(self) -> None:
        """Refuse values that no run can have.

        Raises:
            UsageError: Naming the value and what is allowed.
        """
        if self.tracks is not None and not self.tracks.strip():
            raise UsageError("--tracks is empty: leave it out for all tracks")
        for name, values in (("shifts", self.shifts), ("target", self.queries)):
            if values is not None and not values:
                raise UsageError(f"--{name} is empty: leave it out for the default")
            if values is not None and len(set(values)) < len(values):
                raise UsageError(f"a value stands twice in --{name} {','.join(map(str, values))}: give each once")
        if self.genes is None and "tss" in (self.queries or ()):
            raise UsageError("--target tss needs an annotation: give one with --genes")
        if self.genes is None and self.only_genes:
            raise UsageError("--gene chooses from an annotation: give one with --genes")
        if self.groups and self.average_tracks:
            raise UsageError("--average-tracks makes one target of all tracks, --groups one of each group: give one")
        for name, value in (("steps", self.steps), ("width", self.width)):
            if value < 1:
                raise UsageError(f"--{name} {value}: give a positive number")
        if self.precision not in _PRECISIONS:
            words = ", ".join(one.value for one in _PRECISIONS)
            raise UsageError(f"--precision {self.precision}: gradients are computed in {words}; 16 bits are too few")

    @property
    def views(self) -> int:
        """How many gradients of a window are averaged: strands times shifts."""
        return len(self.shifts) * (2 if self.reverse_complement else 1)

    def describe(self) -> dict[str, str | int | bool]:
        """Say what was asked for, by the names of options: for journals, manifests and notes; tracks excepted."""
        genes = {} if self.genes is None else self.genes.describe()
        genes.pop("center", None)
        return {
            "recipe": self.recipe.value,
            **({"steps": self.steps} if self.recipe is Recipe.INTEGRATED else {}),
            "organism": self.organism,
            "bins": self.centre_bins or "all",
            "target": ",".join(self.queries or ("default",)),
            "average-tracks": self.average_tracks,
            **genes,
            **({"gene": ",".join(self.only_genes)} if self.only_genes else {}),
            "rc": self.reverse_complement,
            "shifts": ",".join(map(str, self.shifts)),
            "width": self.width,
            "precision": self.precision.value,
        }


@dataclass(frozen=True, slots=True)
class ContributionOutputs:
    """Files beside or instead of the table; None for those that are not wanted.

    Attributes:
        bigwig: A file for each target of each window; {window}, {target} and {track} stand for their names.
        npz: All arrays.
        figure: A picture for each target of each window; {window} and {target} stand for their names.
    """

    bigwig: str | None = None
    npz: Path | None = None
    figure: str | None = None

    @property
    def are_any(self) -> bool:
        """Whether any is wanted."""
        return any((self.bigwig, self.npz, self.figure))


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionRequest(WindowRequest):
    """A whole run of `enformer-vep contributions`.

    Attributes:
        settings: Which contributions.
        targets: Track table that takes precedence over the model's own.
        outputs: Other files than the table.
    """

    settings: ContributionSettings = field(default_factory=ContributionSettings)
    targets: Path | None = None
    outputs: ContributionOutputs = field(default_factory=ContributionOutputs)

    def __post_init__(self) -> None:
        """Raises UsageError when genes are to be read out of no annotation, or the other way round."""
        self.require_genes(self.settings.genes)
