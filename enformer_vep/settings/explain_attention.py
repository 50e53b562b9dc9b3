"""What `enformer-vep attention` is asked for: windows, maps of them, rows of these, and files."""

from dataclasses import dataclass, field
from pathlib import Path

from enformer_vep.errors import UsageError
from enformer_vep.settings.selections import GeneSettings
from enformer_vep.settings.window_request import WindowRequest

CENTER = "center"
TSS = "tss"


@dataclass(frozen=True, slots=True)
class AttentionSettings:
    """Everything that, with the model and the input, fixes the maps and their rows.

    Attributes:
        layers: Layers that are averaged over, from 0; None for all.
        heads: Heads of each layer that are averaged over, from 0; None for all.
        reverse_complement: Average over both strands.
        shifts: Window shifts in bp to average over.
        window_grid: Windows begin at multiples of a bin's width, so that bins of different windows are the same.
        queries: Whose rows are wanted: `CENTER`, `TSS`, or positions such as chr22:1000; None for the window's
            centre (a gene's starts where windows are on genes), and genes' starts where there are genes.
        center_bins: Bins of the query `CENTER` and of positions, the one of the position among them.
        genes: How genes are read out; None without an annotation.
        only_genes: Names or identifiers of the genes that count; empty for all.
    """

    layers: tuple[int, ...] | None = None
    heads: tuple[int, ...] | None = None
    reverse_complement: bool = False
    shifts: tuple[int, ...] = (0,)
    window_grid: bool = False
    queries: tuple[str, ...] | None = None
    center_bins: int = 1
    genes: GeneSettings | None = None
    only_genes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values that no run can have.

        Raises:
            UsageError: Naming the value and what is allowed.
        """
        chosen = {"layers": self.layers, "heads": self.heads, "shifts": self.shifts, "query": self.queries}
        for name, values in chosen.items():
            if values is not None and not values:
                raise UsageError(f"--{name} is empty: leave it out for the default")
            if values is not None and len(set(values)) < len(values):
                raise UsageError(f"a value stands twice in --{name} {','.join(map(str, values))}: give each once")
        if self.genes is None and TSS in (self.queries or ()):
            raise UsageError("--query tss needs an annotation: give one with --genes")
        if self.genes is None and self.only_genes:
            raise UsageError("--gene chooses from an annotation: give one with --genes")
        if self.center_bins < 1:
            raise UsageError(f"--center-bins {self.center_bins}: give a positive number, such as 1")

    @property
    def views(self) -> int:
        """How many maps of a window are averaged: strands times shifts."""
        return len(self.shifts) * (2 if self.reverse_complement else 1)

    def describe(self) -> dict[str, str | int | bool]:
        """Say what was asked for, by the names of options: for journals, manifests and notes."""
        genes = {} if self.genes is None else self.genes.describe()
        genes.pop("center", None)
        return {
            "layers": _listed(self.layers),
            "heads": _listed(self.heads),
            "rc": self.reverse_complement,
            "shifts": ",".join(map(str, self.shifts)),
            "window-grid": self.window_grid,
            "query": ",".join(self.queries or ("default",)),
            "center-bins": self.center_bins,
            **genes,
            **({"gene": ",".join(self.only_genes)} if self.only_genes else {}),
        }


def _listed(numbers: tuple[int, ...] | None) -> str:
    return "all" if numbers is None else ",".join(map(str, numbers))


@dataclass(frozen=True, slots=True)
class AttentionOutputs:
    """Files of maps beside or instead of the table of rows; None for those that are not wanted.

    Attributes:
        bigwig: A file for each row; {window} and {query} stand for their names.
        npz: All maps.
        cool: The symmetric part of all maps in one .cool or .mcool.
        figure: A picture for each window; {window} stands for its name.
    """

    bigwig: str | None = None
    npz: Path | None = None
    cool: Path | None = None
    figure: str | None = None

    @property
    def are_any(self) -> bool:
        """Whether any is wanted."""
        return any((self.bigwig, self.npz, self.cool, self.figure))


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionRequest(WindowRequest):
    """A whole run of `enformer-vep attention`.

    Attributes:
        settings: Which maps and rows.
        outputs: Other files than the table.
    """

    settings: AttentionSettings
    outputs: AttentionOutputs = field(default_factory=AttentionOutputs)

    def __post_init__(self) -> None:
        """Raises UsageError when genes are to be read out of no annotation, or the other way round."""
        self.require_genes(self.settings.genes)
