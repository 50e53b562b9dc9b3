"""What every run has that explains windows on variants, regions or genes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from enformer_vep.errors import UsageError
from enformer_vep.settings.request import ComputeSettings, OutputSettings
from enformer_vep.settings.selections import GeneSettings


class WindowSettings(Protocol):
    """What the runs have in common of what they explain."""

    @property
    def queries(self) -> tuple[str, ...] | None:
        """Which bins: words or positions; None for the usual ones."""

    @property
    def genes(self) -> GeneSettings | None:
        """How genes are read out; None without an annotation."""

    @property
    def only_genes(self) -> tuple[str, ...]:
        """Names or identifiers of the genes that are wanted; empty for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRequest:
    """Where windows come from, and where the table of them goes.

    Attributes:
        genome: Path of the reference FASTA.
        model: What `--model` takes.
        variants: VCF or BCF whose records windows are centred on; None for none.
        regions: Regions and positions, as the user wrote them, whose middles windows are centred on.
        regions_file: BED or list of such; None for none.
        genes: Annotation; None for none.
        compute: Where to compute.
        output: Where the table goes.
        table: Whether there is one.
        dry_run: Check and count only.
        shard: Which block of the windows, such as "3/8"; None for all of them.
    """

    genome: Path
    model: str = "enformer"
    variants: str | None = None
    regions: tuple[str, ...] = ()
    regions_file: Path | None = None
    genes: Path | None = None
    compute: ComputeSettings = field(default_factory=ComputeSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    table: bool = True
    dry_run: bool = False
    shard: str | None = None

    @property
    def on_genes(self) -> bool:
        """Whether windows are on genes: they are where nothing else says where to put them."""
        return self.genes is not None and not (self.variants or self.regions or self.regions_file)

    @property
    def inputs(self) -> tuple[str | Path | None, ...]:
        """Files that are read."""
        return (self.variants, self.genome, self.model, self.genes, self.regions_file)

    def require_genes(self, settings: GeneSettings | None) -> None:
        """Raise UsageError when genes are to be read out of no annotation, or the other way round."""
        if (self.genes is None) is not (settings is None):
            raise UsageError("an annotation goes with settings of genes: give both or neither")
