"""A whole run: what to score, where to compute, where results go."""

from dataclasses import dataclass, field
from pathlib import Path

from enformer_vep.errors import UsageError
from enformer_vep.settings.score_settings import ScoreSettings

# Records per piece of work. Batches of 2, 4, 8 and 16 fill it evenly; small enough that a thousand shards of a
# million records differ by an eighth, large enough for BGZF blocks that compress.
PIECE_SIZE = 128


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
        variants: Path of a VCF or BCF; "-" for standard input; empty where regions are saturated.
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
