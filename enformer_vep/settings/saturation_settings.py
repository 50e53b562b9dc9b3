"""What a saturation changes, and where its effects are read."""

from dataclasses import dataclass

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
