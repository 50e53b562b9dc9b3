"""What becomes of contributions: lines of a table, bigWig, npz, pictures."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from enformer_vep.explain.contributions import pooled
from enformer_vep.explain.contributor import Explained
from enformer_vep.explain.output_names import fill_name, require_distinct
from enformer_vep.explain.window_plan import MapWindow
from enformer_vep.figures.contribution_map import DrawnContributions, draw_contributions
from enformer_vep.figures.drawing import figure_format, new_figure, save_figure
from enformer_vep.files.bgzf import ByteSink
from enformer_vep.files.writing import require_writable
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.encoding import Codes
from enformer_vep.genome.genes import GeneIndex
from enformer_vep.genome.variants import Status
from enformer_vep.settings.contribution_settings import POOLED_WIDTH, ContributionOutputs, Recipe
from enformer_vep.settings.explain_attention import CENTER
from enformer_vep.tables.bigwig import Interval, write_bigwig
from enformer_vep.tables.line_writer import LineWriter
from enformer_vep.tables.npz import several_growing

Floats = npt.NDArray[np.float32]
Take = Callable[[MapWindow, Codes, Explained], None]
"""Takes a window, its base codes uint8 [L] and what explains its targets: of every query all labels."""

COLUMNS = ("#CHROM", "START", "END", "WINDOW", "STATUS", "TARGET")
VALUE = "CONTRIBUTION"
WINDOW, TARGET, TRACK = "{window}", "{target}", "{track}"


@dataclass(frozen=True, slots=True)
class Layout:
    """What is known of all contributions of a run before the first.

    Attributes:
        labels: Tracks, groups or means that are explained.
        recipe: How gradients become contributions.
        width: Bases of a line of the table.
        geometry: Window, and the bins in use.
        lengths: Length in bp of every contig.
        notes: Model and settings, as plain values.
    """

    labels: tuple[str, ...]
    recipe: Recipe
    width: int
    geometry: Geometry
    lengths: Mapping[str, int]
    notes: Mapping[str, object]

    def stretches(self, window: MapWindow, width: int) -> Iterator[tuple[int, int, int]]:
        """Number, start and end of the stretches of a window that have a base of its contig, cut to the contig."""
        length = self.lengths[window.contig]
        for number in range(self.geometry.window // width):
            start = window.start + number * width
            end = min(start + width, length)
            if max(start, 0) < end:
                yield number, max(start, 0), end

    def pool(self, contributions: Floats, width: int) -> Floats:
        """Contributions [..., L] by stretches; with their signs where a stretch is one base."""
        if width == 1:
            return contributions
        result: Floats = pooled(torch.from_numpy(contributions), width, self.recipe).numpy()
        return result


@dataclass(frozen=True, slots=True)
class ContributionRow:
    """What becomes a line for each stretch of the table, or one line that says why there are none.

    Attributes:
        window: The window.
        target: Name of the query; empty without contributions.
        values: float32 [labels, stretches]; None without contributions.
    """

    window: MapWindow
    target: str = ""
    values: Floats | None = None


class ContributionWriter(LineWriter[ContributionRow]):
    """Writes the table, tab-separated; NA stands where there is nothing to say.

    Args:
        sink: Takes the file's bytes.
        layout: Columns and stretches.
        compressed: Write BGZF.
    """

    def __init__(self, sink: ByteSink, layout: Layout, *, compressed: bool = False) -> None:
        super().__init__(sink, compressed=compressed)
        self._layout = layout
        columns = (*COLUMNS, *(f"{VALUE}_{label}" for label in layout.labels))
        self._header = "\t".join(columns).encode() + b"\n"

    def _line(self, row: ContributionRow) -> bytes:
        window, labels = row.window, self._layout.labels
        if row.values is None:
            place = (window.contig, window.position, window.position + 1, window.name, window.status.value, "NA")
            return "\t".join([*map(str, place), *("NA" for _ in labels)]).encode() + b"\n"
        cells = f"{window.name}\t{Status.OK}\t{row.target}"
        form = "\t%.9g" * len(labels)
        values = row.values.T.tolist()
        lines = (
            f"{window.contig}\t{start}\t{end}\t{cells}" + form % tuple(values[number])
            for number, start, end in self._layout.stretches(window, self._layout.width)
        )
        return "".join(f"{line}\n" for line in lines).encode()


def rows_of(window: MapWindow, explained: Explained, layout: Layout) -> Iterator[ContributionRow]:
    """The rows of a window's targets."""
    for query, values in zip(window.queries, by_query(explained.contributions, layout.labels), strict=True):
        yield ContributionRow(window, query.name, layout.pool(values, layout.width))


def by_query(values: Floats, labels: Sequence[str]) -> Iterator[Floats]:
    """[queries x labels, ...] into [labels, ...] of one query after the other."""
    for first in range(0, len(values), len(labels)):
        yield values[first : first + len(labels)]


def check_outputs(outputs: ContributionOutputs, windows: Sequence[MapWindow], labels: Sequence[str]) -> None:
    """Find out that files cannot be written before anything is computed.

    Raises:
        UsageError: A name has a wrong ending, or stands for several files.
        DependencyError: A package is missing.
        OutputError: A file cannot be made.
    """
    targets = [(window, query.name) for window in windows if window.status is Status.OK for query in window.queries]
    if outputs.bigwig:
        names = [named(outputs.bigwig, window, target, label) for window, target in targets for label in labels]
        require_distinct("-o", "target", names, (WINDOW, TARGET, TRACK))
    if outputs.figure:
        figure_format(Path(outputs.figure))
        new_figure(1, 1)
        names = [named(outputs.figure, window, target) for window, target in targets]
        require_distinct("--figure", "picture", names, (WINDOW, TARGET))
    if outputs.npz is not None:
        require_writable(str(outputs.npz))


def named(template: str, window: MapWindow, target: str, track: str = "") -> str:
    """The name of one file."""
    return fill_name(template, {WINDOW: window.name, TARGET: target, TRACK: track})


@contextmanager
def opened_outputs(
    outputs: ContributionOutputs, windows: Sequence[MapWindow], layout: Layout, genes: GeneIndex | None
) -> Iterator[Sequence[Take]]:
    """Open the files that are wanted, beside the table, for one block of code.

    Args:
        outputs: Which.
        windows: Those that are explained, in order.
        layout: What is known of all.
        genes: Whose starts pictures show; None for none.

    Yields:
        What takes every window, in order. Files that hold all are complete when the block ends, and absent when it
        fails.
    """
    with ExitStack() as stack:
        takers: list[Take] = []
        if outputs.npz:
            takers.append(stack.enter_context(_npz(outputs.npz, windows, layout)))
        if outputs.bigwig:
            takers.append(_bigwig(outputs.bigwig, layout))
        if outputs.figure:
            takers.append(_figure(outputs.figure, layout, genes))
        yield takers


@contextmanager
def _npz(path: Path, windows: Sequence[MapWindow], layout: Layout) -> Iterator[Take]:
    rows = [(window, query) for window in windows for query in window.queries]
    length, labels = layout.geometry.window, len(layout.labels)
    others = {
        "windows": np.array([window.name for window, _ in rows], dtype=str),
        "targets": np.array([query.name for _, query in rows], dtype=str),
        "tracks": np.array(layout.labels, dtype=str),
        "contigs": np.array([window.contig for window, _ in rows], dtype=str),
        "starts": np.array([window.start for window, _ in rows], dtype=np.int64),
        "recipe": np.array(layout.recipe.value),
        "notes": np.array(json.dumps(layout.notes)),
    }
    shapes = {
        "codes": ((len(rows), length), np.uint8),
        "values": ((len(rows), labels), np.float32),
        "contributions": ((len(rows), labels, length), np.float32),
        "pooled": ((len(rows), labels, length // POOLED_WIDTH), np.float32),
        "gradients": ((len(rows), labels, length, 4), np.float32),
    }
    with several_growing(path, shapes, others) as arrays:

        def take(window: MapWindow, codes: Codes, explained: Explained) -> None:
            for first in range(0, len(explained.values), labels):
                some = slice(first, first + labels)
                arrays["codes"].add(codes)
                arrays["values"].add(explained.values[some])
                arrays["contributions"].add(explained.contributions[some])
                arrays["pooled"].add(layout.pool(explained.contributions[some], POOLED_WIDTH))
                arrays["gradients"].add(explained.gradients[some])

        yield take


def _bigwig(template: str, layout: Layout) -> Take:
    def take(window: MapWindow, codes: Codes, explained: Explained) -> None:
        length = layout.lengths[window.contig]
        for query, some in zip(window.queries, by_query(explained.contributions, layout.labels), strict=True):
            for label, values in zip(layout.labels, some, strict=True):
                intervals: Iterator[Interval] = (
                    (window.contig, start, end, float(values[number]))
                    for number, start, end in layout.stretches(window, 1)
                )
                write_bigwig(Path(named(template, window, query.name, label)), {window.contig: length}, intervals)

    return take


def _figure(template: str, layout: Layout, genes: GeneIndex | None) -> Take:
    def take(window: MapWindow, codes: Codes, explained: Explained) -> None:
        geometry, first = layout.geometry, window.start + layout.geometry.first
        near = genes.within(window.contig, window.start, window.start + geometry.window) if genes else ()
        for query, some in zip(window.queries, by_query(explained.contributions, layout.labels), strict=True):
            place = f"{window.contig}:{window.position + 1}"
            title = window.name if window.name == place else f"{window.name} ({place})"
            words = "the prediction in the middle" if query.name == CENTER else query.name
            drawn = DrawnContributions(
                title=f"Contributions to {words}, window on {title}",
                start=window.start,
                position=window.position,
                sequence="".join("ACGTN"[code] for code in codes),
                labels=layout.labels,
                contributions=some,
                pooled=layout.pool(some, POOLED_WIDTH),
                targets=[(first + one * geometry.width, first + (one + 1) * geometry.width) for one in query.bins],
                genes=[(gene.name, gene.representative, gene.forward) for gene in near],
                signed=not layout.recipe.pools_magnitudes,
            )
            save_figure(draw_contributions(drawn), Path(named(template, window, query.name)))

    return take
