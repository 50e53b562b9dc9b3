"""What to score: everything that, with the model and the input, fixes the output."""

import math
from dataclasses import asdict, dataclass

from enformer_vep.errors import UsageError
from enformer_vep.settings.choices import Engine, Indels, Precision, Score
from enformer_vep.settings.saturation_settings import SaturationSettings
from enformer_vep.settings.selections import REFINEMENT, GeneSettings, Refinement, require_share

# What float32 can divide any prediction by.
LEAST_PSEUDOCOUNT = 1e-6


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """Everything that, with the model and the input, fixes the output.

    Attributes:
        scores: What to compute, in column order.
        centre_bins: Number of output bins around the variant; None for all.
        organism: Which head.
        tracks: Track specification (see `enformer_vep.tracks.selection`); None for all.
        reverse_complement: Average over both strands.
        shifts: Window shifts in bp to average over.
        precision: Arithmetic of the network.
        engine: How effects are computed; None for what the model's family does best.
        share_windows: Alleles within so many bp are scored in one reference window; 0 for a window each.
        window_grid: Windows begin on a grid of their contig, so that convolutions are computed once per base.
        phases: Offsets in bp of the grids that are averaged over.
        strict: A REF that differs from the genome is an error, not a row.
        indels: Where insertions and deletions leave the flanks.
        genes: Read out genes instead of whole windows; None for whole windows.
        groups: File, or name of a packaged table, that sorts tracks into groups; None for single tracks.
        spread: Also say how far the views that are averaged differ.
        confident: Values of which a smaller share of views has the sign are missing; None for no limit.
        shrink: Move every signed score toward 0 by what the spread over views makes of it.
        pseudocount: What scores of log ratios (SADR, SAR, LOGD2) add to both predictions, in the units of the track.
        refinement: What the engine `adjoint` hands on to be scored exactly; other engines have no use for it.
        saturation: Make the alleles of a stretch instead of reading them; None to read them.
    """

    scores: tuple[Score, ...] = (Score.SAD,)
    centre_bins: int | None = None
    organism: str = "human"
    tracks: str | None = None
    reverse_complement: bool = False
    shifts: tuple[int, ...] = (0,)
    precision: Precision = Precision.FLOAT32
    engine: Engine | None = None
    share_windows: int = 0
    window_grid: bool = False
    phases: tuple[int, ...] = (0,)
    strict: bool = False
    indels: Indels = Indels.LOCAL
    genes: GeneSettings | None = None
    groups: str | None = None
    spread: bool = False
    confident: float | None = None
    shrink: bool = False
    pseudocount: float = 1.0
    refinement: Refinement = REFINEMENT
    saturation: SaturationSettings | None = None

    def __post_init__(self) -> None:
        """Refuse values that no run can have.

        Raises:
            UsageError: Naming the value and what is allowed.
        """
        if self.tracks is not None and not self.tracks.strip():
            raise UsageError("--tracks is empty: leave it out for all tracks")
        if not LEAST_PSEUDOCOUNT <= self.pseudocount < math.inf:
            raise UsageError(
                f"--pseudocount {self.pseudocount:g}: without one a prediction of 0 has no log ratio: "
                f"give {LEAST_PSEUDOCOUNT:g} or more, such as 0.01"
            )
        if self.pseudocount != 1 and not any(score.is_log_ratio for score in self.scores):
            raise UsageError("--pseudocount changes SADR, SAR and LOGD2 only: ask for one of them with --scores")
        for name, values in (("scores", self.scores), ("shifts", self.shifts), ("phases", self.phases)):
            if not values:
                raise UsageError(f"--{name} is empty: leave it out for the default")
            if len(set(values)) != len(values):
                raise UsageError(f"a value stands twice in --{name} {','.join(map(str, values))}: give each once")
        if self.phases != (0,) and not self.window_grid:
            raise UsageError("--phases are offsets of a grid of windows: give --window-grid, too")
        if self.genes and self.centre_bins:
            raise UsageError("--bins and --genes exclude each other: --tss-bins says which bins of a gene count")
        if self.genes and self.share_windows:
            raise UsageError("--share-windows and --genes exclude each other: --center tss shares windows by itself")
        self._check_saturation()
        self._check_views()

    def _check_saturation(self) -> None:
        if self.saturation is None:
            return
        if self.genes or self.share_windows or self.window_grid:
            raise UsageError("a saturated stretch has one window: leave out --genes, --share-windows and --window-grid")
        if self.saturation.readout is not None and self.centre_bins:
            raise UsageError("--bins and --readout exclude each other: both say which bins are summed over")

    def _check_views(self) -> None:
        asked = (("--spread", self.spread), ("--confident", self.confident is not None), ("--shrink", self.shrink))
        for option in (name for name, is_asked in asked if is_asked):
            if self.views < 2:
                raise UsageError(
                    f"{option} compares views, and there is only one: add --rc, or --shifts -1,0,1 "
                    "(with --window-grid also --phases 0,64)"
                )
            if option != "--spread" and not any(score.is_signed for score in self.scores):
                raise UsageError(f"{option} goes by the sign of scores, and none here has one: add -s SAD or SADR")
        if self.confident is not None:
            require_share(self.confident)

    @property
    def views(self) -> int:
        """How many predictions of a variant are averaged: strands times shifts times phases."""
        return len(self.shifts) * len(self.phases) * (2 if self.reverse_complement else 1)

    @property
    def compares_views(self) -> bool:
        """Whether views have to be looked at one by one."""
        return self.spread or self.shrink or self.confident is not None

    @property
    def without_effect(self) -> tuple[str, ...]:
        """Options, by their names in `describe`, that change none of these scores whatever they are set to."""
        pseudocount = () if any(score.is_log_ratio for score in self.scores) else ("pseudocount",)
        return pseudocount if any(score.is_signed for score in self.scores) else (*pseudocount, "shrink")

    def describe(self) -> dict[str, str | int | bool]:
        """Say what was asked for: the one list that notes, journals, manifests and calibrations are made of.

        Returns:
            Plain values by the name of their option, tracks and groups excepted: these follow from the columns.
        """
        # Said only where asked for, so that what was written before these existed still matches.
        of_views = (("spread", self.spread), ("confident", str(self.confident or "")), ("shrink", self.shrink))
        return {
            "organism": self.organism,
            "bins": self.centre_bins or "all",
            "rc": self.reverse_complement,
            "shifts": ",".join(map(str, self.shifts)),
            "indels": self.indels.value,
            **({"pseudocount": str(self.pseudocount)} if self.pseudocount != 1 else {}),
            **(self.genes.describe() if self.genes else {}),
            **(self.saturation.describe() if self.saturation else {}),
            "engine": self.engine.value if self.engine else "default",
            **self._describe_refinement(),
            "precision": self.precision.value,
            "share-windows": self.share_windows,
            **({"window-grid": True, "phases": ",".join(map(str, self.phases))} if self.window_grid else {}),
            "strict": self.strict,
            "scores": ",".join(self.scores),
            **{name: value for name, value in of_views if value},
        }

    def _describe_refinement(self) -> dict[str, str]:
        if self.engine is not Engine.ADJOINT:
            return {}
        return {"refine": str(self.refinement), "refine-sample": f"{100 * self.refinement.sample:g}%"}

    def to_dict(self) -> dict[str, object]:
        """All fields as plain values, ready for JSON."""
        return {**asdict(self), "centre_bins": self.centre_bins or "all"}

    def describe_score(self, score: Score) -> str:
        """The formula of a score, with this pseudocount."""
        return score.description.replace(" + 1)", f" + {self.pseudocount:g})")
