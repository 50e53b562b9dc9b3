"""Parts of what is scored: genes, and what screening hands on."""

import math
from dataclasses import dataclass

from enformer_vep.errors import UsageError
from enformer_vep.settings.choices import Centre


@dataclass(frozen=True, slots=True)
class GeneSettings:
    """How predictions are read out for genes.

    Attributes:
        tss_bins: Bins per transcription start, the one it lies in among them.
        centre: Windows centred on the variant, or on the gene's representative start.
        types: Gene types to keep, such as protein_coding; empty for all.
        transcripts: Whose starts count (see `enformer_vep.genome.transcripts`).
    """

    tss_bins: int = 3
    centre: Centre = Centre.VARIANT
    types: tuple[str, ...] = ()
    transcripts: str = "filtered"

    def __post_init__(self) -> None:
        """Raises UsageError when there is nothing to read out."""
        if self.tss_bins < 1:
            raise UsageError(f"--tss-bins {self.tss_bins}: give a positive number, such as 3")
        if not self.transcripts.strip(" ,"):
            raise UsageError("--transcripts is empty: leave it out for the default, filtered")

    def describe(self) -> dict[str, str | int | bool]:
        """Say what was asked for by the name of each option, types excepted; see `ScoreSettings.describe`.

        Of a file of transcripts its name is left out: the genes that a run has say what was in it.
        """
        words = [word.strip() for word in self.transcripts.split(",") if word.strip()]
        transcripts = ",".join("@" if word.startswith("@") else word for word in words)
        return {"tss-bins": self.tss_bins, "center": self.centre.value, "transcripts": transcripts}


def require_share(share: float) -> None:
    """Raises UsageError for what is no share of views."""
    if not 0 < share <= 1:
        raise UsageError(f"--confident {share:g}: a share of views lies above 0 and is at most 1, such as 0.9")


@dataclass(frozen=True, slots=True)
class Refinement:
    """Which alternates that were screened are scored exactly, chosen within each piece of records.

    Attributes:
        share: Share of the alternates, those of the largest magnitude by each output; None when a number is given.
        count: Number of them instead; None when a share is given.
        margin: Also those whose magnitude is this many times smaller than that of the last one so chosen.
        sample: Share that is chosen at random whatever its magnitude, to measure what screening misses.
    """

    share: float | None = 0.01
    count: int | None = None
    margin: float = 1.0
    sample: float = 0.01

    def __post_init__(self) -> None:
        """Raises UsageError on a share that is none."""
        if self.share is not None and not 0 <= self.share <= 1:
            raise UsageError(f"--refine {self.share:.0%}: give a share between 0% and 100%")
        if not 0 <= self.sample <= 1:
            raise UsageError(f"--refine-sample {self.sample:.0%}: give a share between 0% and 100%")

    def number_of(self, alternates: int) -> int:
        """How many of so many alternates are chosen by each output."""
        return self.count if self.count is not None else math.ceil((self.share or 0) * alternates)

    def __str__(self) -> str:
        """As it is given on the command line."""
        if self.margin > 1:
            return "auto"
        return str(self.count) if self.count is not None else f"{100 * (self.share or 0):g}%"


REFINEMENT = Refinement()
AUTOMATIC_REFINEMENT = Refinement(margin=2.0)
