"""What a scoring run is asked to do: frozen and validated."""

import math
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

from enformer_vep.errors import UsageError

# Records per piece of work. Batches of 2, 4, 8 and 16 fill it evenly; small enough that a thousand shards of a
# million records differ by an eighth, large enough for BGZF blocks that compress.
PIECE_SIZE = 128

# What float32 can divide any prediction by.
LEAST_PSEUDOCOUNT = 1e-6


class Score(StrEnum):
    """Names of the scores, as they appear in column names; what is known of each stands here once.

    Attributes:
        description: The formula in one line, for help texts.
        is_signed: Its sign says the direction of an effect: exchanging REF and ALT negates it.
        is_prediction: A prediction, which says nothing of an effect.
        in_track_units: In the units of the track; the others are logarithms of ratios, or divergences.
        is_log_ratio: Made of logarithms of ratios of predictions, with a pseudocount.
    """

    description: str
    is_signed: bool
    is_prediction: bool
    in_track_units: bool
    is_log_ratio: bool

    def __new__(cls, name: str, description: str = "", kinds: str = "") -> Self:
        """Reads the kinds, separated by blanks."""
        score = str.__new__(cls, name)
        score._value_ = name
        score.description = description
        score.is_signed = "signed" in kinds.split()
        score.is_prediction = "prediction" in kinds.split()
        score.in_track_units = "units" in kinds.split()
        score.is_log_ratio = "ratio" in kinds.split()
        return score

    SAD = "SAD", "sum over bins of alternate - reference", "signed units"
    MEAN = "MEAN", "mean over bins of alternate - reference", "signed units"
    SADR = "SADR", "log2(sum alternate + 1) - log2(sum reference + 1)", "signed ratio"
    SAR = "SAR", "sum over bins of log2(alternate + 1) - log2(reference + 1)", "signed ratio"
    SAX = "SAX", "alternate - reference at the bin where it is largest in size, sign kept", "signed units"
    D1 = "D1", "sum over bins of |alternate - reference|", "units"
    D2 = "D2", "square root of the sum over bins of (alternate - reference)^2", "units"
    LOGD2 = (
        "LOGD2",
        "square root of the sum over bins of (log2(alternate + 1) - log2(reference + 1))^2",
        "ratio",
    )
    JS = "JS", "symmetrised Kullback-Leibler divergence of the two profiles", ""
    REF = "REF", "sum over bins of the reference prediction", "prediction units"
    ALT = "ALT", "sum over bins of the alternate prediction", "prediction units"


class Engine(StrEnum):
    """How an effect is computed."""

    DELTA = "delta"
    PAIR = "pair"
    ADJOINT = "adjoint"


class Precision(StrEnum):
    """Arithmetic of convolutions and matrix products; reductions and scores are float32 or better.

    `float64` is everything in float64. `mixed` keeps the reference in float32 and carries changes in 16 bits:
    float16 on a GPU, bfloat16 on a CPU, where indels are as in float32 (delta engine only; with the pair engine
    it is float32).
    """

    FLOAT64 = "float64"
    FLOAT32 = "float32"
    TF32 = "tf32"
    FLOAT16 = "fp16"
    BFLOAT16 = "bf16"
    MIXED = "mixed"


class Indels(StrEnum):
    """Where an insertion or deletion leaves the flanks of the alternate window."""

    LOCAL = "local"
    LEFT = "left"
    STITCH = "stitch"


class Centre(StrEnum):
    """What stands in the middle of a window."""

    VARIANT = "variant"
    TSS = "tss"


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


AUTOMATIC_REFINEMENT = Refinement(margin=2.0)


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
    refinement: Refinement = Refinement()

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
        self._check_views()

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


@dataclass(frozen=True, slots=True)
class ComputeSettings:
    """Where and in what portions to compute; does not change the numbers beyond rounding.

    Attributes:
        device: "auto", "cpu", "cuda" or "cuda:N".
        batch_size: Alternates per batch; None to pick what fits.
        window: Window length in bp; None for the model's own.
        devices: Devices to share the work among, each with a process of its own; empty for `device` alone,
            in this process.
        threads: Threads that compute on a CPU, those of all `devices` together; changes last digits. None to choose
            (the command takes the CPUs that it may use; in Python the process keeps the number that it has).
        piece_size: Records per piece of work; batches never reach over the end of a piece.
    """

    device: str = "auto"
    batch_size: int | None = None
    window: int | None = None
    devices: tuple[str, ...] = ()
    threads: int | None = None
    piece_size: int = PIECE_SIZE

    def __post_init__(self) -> None:
        """Raises UsageError when nothing could compute."""
        if self.threads is not None and self.threads < 1:
            raise UsageError(f"--threads {self.threads}: give at least 1")


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """Where results go.

    Attributes:
        destination: File name, or "-" for standard output.
        tabix: Also index the table.
        summary: JSON file for counts, settings and speed; None for none.
        overwrite: Forget an unfinished or finished file of the same name.
        format: Name of the format, such as "vcf.gz"; None to go by the destination's name.
    """

    destination: str = "-"
    tabix: bool = False
    summary: Path | None = None
    overwrite: bool = False
    format: str | None = None


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """A whole run of `enformer-vep score`.

    Attributes:
        variants: Path of a VCF or BCF; "-" for standard input.
        genome: Path of the reference FASTA.
        model: What `--model` takes.
        settings: What to score.
        compute: Where and in what portions.
        output: Where results go.
        regions: Regions as given by the user; empty for everything.
        regions_file: BED or region list; None for none.
        targets: Track table that takes precedence over the model's own.
        dry_run: Check and count only.
        shard: Which contiguous block of the input, such as "3/8"; None for all of it.
        genes: Annotation for `settings.genes`; None for whole windows.
        calibration: File of background distributions; None for plain scores.
        additions: What the calibration adds, by name; None for all that it can.
    """

    variants: str
    genome: Path
    model: str = "enformer"
    settings: ScoreSettings = field(default_factory=ScoreSettings)
    compute: ComputeSettings = field(default_factory=ComputeSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    regions: tuple[str, ...] = ()
    regions_file: Path | None = None
    targets: Path | None = None
    dry_run: bool = False
    shard: str | None = None
    genes: Path | None = None
    calibration: Path | None = None
    additions: tuple[str, ...] | None = None
