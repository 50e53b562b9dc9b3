"""How attention is compared with boundaries of chromatin domains."""

from dataclasses import dataclass
from enum import StrEnum

from enformer_vep.errors import UsageError


class Likeness(StrEnum):
    """What windows elsewhere have to share with those on boundaries."""

    GC = "gc"
    """Share of G and C in the window."""
    MOTIF = "motif"
    """Matches of the motif in the window, both strands."""
    TSS = "tss"
    """Transcription start sites in the window."""


@dataclass(frozen=True, slots=True)
class BoundarySettings:
    """Everything that, with model and input, fixes what comes out.

    Attributes:
        domains: Intervals are domains, and both their ends are boundaries; else each interval's middle is one.
        merge: Of boundaries so close, in bp, the first stands for all.
        apart: Windows elsewhere are centred at least so far, in bp, from every boundary.
        match: What these windows share with those on boundaries.
        gc_caliper: Largest difference of the share of G and C.
        count_caliper: Largest difference of a count, as a share of the boundary's; 1 is always allowed.
        arm: How far, in bp, insulation looks to either side; None for an eighth of the window.
        margin: What insulation leaves out on either side of the boundary, in bp.
        keys: Half the width, in bp, of the boundary's stripe; None for 1/96 of the window.
        reverse_complement: Average maps over both strands.
        shifts: Average maps over these shifts of the window in bp.
        tiles: Also read maps along whole contigs, to turn the labels around them.
        every: Distance of points along the contigs, in bp.
        turns: How many turns of the labels are compared.
        span: How far from a boundary, in bp, motifs are disrupted.
        seed: Fixes windows elsewhere, turns and control edits.
    """

    domains: bool = False
    merge: int = 20_000
    apart: int = 40_000
    match: tuple[Likeness, ...] = (Likeness.GC,)
    gc_caliper: float = 0.02
    count_caliper: float = 0.25
    arm: int | None = None
    margin: int = 0
    keys: int | None = None
    reverse_complement: bool = False
    shifts: tuple[int, ...] = (0,)
    tiles: bool = True
    every: int = 2_048
    turns: int = 10_000
    span: int = 10_000
    seed: int = 44

    def __post_init__(self) -> None:
        """Raises UsageError on values that no run can have."""
        for name, value in (("merge", self.merge), ("apart", self.apart), ("margin", self.margin)):
            if value < 0:
                raise UsageError(f"--{name} {value}: give 0 or more bp")
        for name, size in (("arm", self.arm), ("keys", self.keys), ("every", self.every), ("span", self.span)):
            if size is not None and size < 1:
                raise UsageError(f"--{name} {size}: give at least 1 bp")
        if self.turns < 1:
            raise UsageError(f"--turns {self.turns}: give a positive number, such as 10000")
        if not self.gc_caliper > 0 or self.count_caliper < 0:
            raise UsageError(
                "--gc-caliper has to be above 0, --count-caliper at least 0: leave them out for 0.02, 0.25"
            )
        if not self.shifts or len(set(self.shifts)) != len(self.shifts):
            raise UsageError("--shifts: give each shift once, such as -1,0,1")

    def describe(self) -> dict[str, str | int | bool]:
        """Say what was asked for, by the name of each option; see `ScoreSettings.describe`."""
        return {
            "domains": self.domains,
            "merge": self.merge,
            "apart": self.apart,
            "match": ",".join(self.match) or "none",
            "gc-caliper": str(self.gc_caliper),
            "count-caliper": str(self.count_caliper),
            "arm": self.arm or "window/8",
            "margin": self.margin,
            "keys": self.keys or "window/96",
            "rc": self.reverse_complement,
            "shifts": ",".join(map(str, self.shifts)),
            "tiles": self.tiles,
            "every": self.every,
            "turns": self.turns,
            "span": self.span,
            "seed": self.seed,
        }
