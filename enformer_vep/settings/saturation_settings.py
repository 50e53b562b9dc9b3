"""What a saturation changes, and where its effects are read."""

from dataclasses import dataclass
from pathlib import Path

from enformer_vep.errors import UsageError


@dataclass(frozen=True, slots=True)
class SaturationSettings:
    """Which changes are made, beside all substitutions, and where their effects are read.

    Attributes:
        deletions: Also delete so many bases at every position; 0 for none.
        flank: Of variants: bases on each side of the alleles that are changed, too.
        readout: Region over whose bins scores are summed, such as chr22:19000-19100, wherever the changes are; None
            to go by the bins of the window's middle.
    """

    deletions: int = 0
    flank: int = 50
    readout: str | None = None

    def __post_init__(self) -> None:
        """Raises UsageError on lengths below 0."""
        for name, value in (("deletions", self.deletions), ("flank", self.flank)):
            if value < 0:
                raise UsageError(f"--{name} {value}: give a number of bases, 0 or more")

    def describe(self) -> dict[str, str | int | bool]:
        """Say what was asked for by the name of each option; see `ScoreSettings.describe`."""
        return {"deletions": self.deletions, "flank": self.flank, "readout": self.readout or "none"}


@dataclass(frozen=True, slots=True)
class SaturationOutputs:
    """What is made of a table of a saturation.

    Attributes:
        arrays: File of arrays (.npz).
        bigwig: Beginning of the names of bigWig files.
        figure: Picture; `{name}` in it stands for the stretch or the variant.
        column: The column that is drawn, and that motif matches are compared with; None for the first.
        motifs: MEME file.
        threshold: Largest p-value of a motif match.
        matches: Table of motif matches.
    """

    arrays: Path | None = None
    bigwig: str | None = None
    figure: Path | None = None
    column: str | None = None
    motifs: Path | None = None
    threshold: float = 1e-4
    matches: Path | None = None

    def __post_init__(self) -> None:
        """Raises UsageError when motifs are not asked for consistently."""
        if not 0 < self.threshold <= 1:
            raise UsageError(f"--motif-p {self.threshold:g}: give a p-value above 0 and at most 1, such as 1e-4")
        if self.matches is not None and self.motifs is None:
            raise UsageError("--motif-table is a table of motif matches: give a MEME file with --motifs")
        if self.motifs is not None and self.matches is None and self.figure is None:
            raise UsageError("--motifs are shown in --figure and listed in --motif-table: ask for one of them")

    @property
    def are_any(self) -> bool:
        """Whether there is anything to make."""
        return any((self.arrays, self.bigwig, self.figure, self.matches))
