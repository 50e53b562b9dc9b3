"""What every picture shares: a figure without a display, colours, plain axes, and a file named by its ending."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from enformer_vep.errors import DependencyError, UsageError
from enformer_vep.files.atomic import complete_or_absent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
REFERENCE = "#666666"
ALTERNATE = "#c8443c"
COLOURS = ("#3b6ea8", "#d98032", "#5b9a68", "#8a5fa8", "#c8443c", "#666666")
"""Told apart by readers with any colour vision; blue first."""
BASES = {"A": "#5b9a68", "C": "#3b6ea8", "G": "#d98032", "T": "#c8443c"}
DIVERGING = "RdBu_r"
SEQUENTIAL = "viridis"


def new_figure(width: float, height: float) -> "Figure":
    """Make an empty figure of a size in inches that needs no display; DependencyError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise DependencyError("figures need matplotlib; install it with: pip install 'enformer-vep[plots]'") from None
    return Figure(figsize=(width, height), layout="constrained")


def figure_format(path: Path) -> str:
    """The format that a file's name asks for; UsageError when figures are not written in it."""
    wanted = path.suffix.removeprefix(".").lower()
    if wanted not in FORMATS:
        raise UsageError(f"{path}: figures are written as {', '.join(FORMATS)}; end the name with one of these")
    return wanted


def save_figure(figure: "Figure", path: Path, resolution: int = 150) -> None:
    """Write a figure, in the format of its name, complete or not at all.

    Args:
        figure: What to write.
        path: Its file; png, svg or pdf by its ending.
        resolution: Dots per inch of a png.

    Raises:
        UsageError: The ending is none of these.
        OutputError: The file cannot be written.
    """
    wanted = figure_format(path)
    # Without a date, so that the same picture is the same file.
    metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(wanted, {})
    with complete_or_absent(path) as temporary:
        figure.savefig(temporary, format=wanted, dpi=resolution, metadata=metadata)


def tidy(panel: Any, grid: str = "both") -> None:
    """Leave only the left and lower line of a panel, and a faint grid (`x`, `y` or `both`) behind what is drawn."""
    panel.grid(axis=grid, color="0.92")
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
