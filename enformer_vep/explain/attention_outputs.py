"""What becomes of attention maps: a table of rows, bigWig, npz, cooler files, pictures."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enformer_vep.explain.output_names import fill_name, require_distinct
from enformer_vep.explain.overlapping_maps import OverlappingMaps, symmetrised
from enformer_vep.explain.window_plan import MapWindow, Query
from enformer_vep.figures.attention_map import DrawnRow, draw_attention
from enformer_vep.figures.drawing import figure_format, new_figure, save_figure
from enformer_vep.files.bgzf import ByteSink
from enformer_vep.files.writing import require_writable
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.variants import Status
from enformer_vep.settings.explain_attention import AttentionOutputs
from enformer_vep.tables.bigwig import write_bigwig
from enformer_vep.tables.cool import PixelStore, check_name, require_cooler, write_cool
from enformer_vep.tables.line_writer import LineWriter
from enformer_vep.tables.npz import growing_npz

Floats = npt.NDArray[np.float32]
Take = Callable[[MapWindow, Floats], None]
"""Takes a window with its map, float32 [bins, bins], rows are queries."""

COLUMNS = ("#CHROM", "START", "END", "WINDOW", "STATUS", "QUERY", "DISTANCE", "ATTENTION")
WINDOW, QUERY = "{window}", "{query}"


@dataclass(frozen=True, slots=True)
class AttentionRow:
    """What becomes a line for each key bin of the table, or one line that says why there are none.

    Attributes:
        window: The window.
        query: Whose row it is; None without a map.
        values: float32 [bins]; None without a map.
    """

    window: MapWindow
    query: Query | None = None
    values: Floats | None = None


class AttentionWriter(LineWriter[AttentionRow]):
    """Writes the table, tab-separated; NA stands where there is nothing to say.

    Args:
        sink: Takes the file's bytes.
        geometry: Window, and the bins in use.
        lengths: Length of every contig in bp.
        compressed: Write BGZF.
    """

    _header = "\t".join(COLUMNS).encode() + b"\n"

    def __init__(
        self, sink: ByteSink, geometry: Geometry, lengths: Mapping[str, int], *, compressed: bool = False
    ) -> None:
        super().__init__(sink, compressed=compressed)
        self._geometry, self._lengths = geometry, lengths

    def _line(self, row: AttentionRow) -> bytes:
        window = row.window
        if row.query is None or row.values is None:
            place = (window.contig, window.position, window.position + 1, window.name, window.status.value)
            return ("\t".join(map(str, place)) + "\tNA\tNA\tNA\n").encode()
        cells = f"{window.name}\t{Status.OK}\t{row.query.name}"
        apart = distances(row.query.bins, self._geometry)
        lines = (
            f"{window.contig}\t{start}\t{end}\t{cells}\t{apart[number]}\t{row.values[number]:.9g}\n"
            for number, start, end in window.edges(self._geometry, self._lengths[window.contig])
        )
        return "".join(lines).encode()


def distances(bins: Sequence[int], geometry: Geometry) -> list[int]:
    """Distance in bp of every bin in use from the nearest of some, signed: positive to their right."""
    apart = np.arange(geometry.bins)[:, None] - np.array(bins)
    nearest = np.abs(apart).argmin(axis=1)
    return [int(one) * geometry.width for one in apart[np.arange(geometry.bins), nearest]]


def rows_of(window: MapWindow, attention: Floats) -> Iterator[AttentionRow]:
    """The rows of a window's queries: the mean over each one's bins."""
    for query in window.queries:
        yield AttentionRow(window, query, attention[list(query.bins)].mean(axis=0))


@dataclass(frozen=True, slots=True)
class Maps:
    """What is known of all maps of a run before the first.

    Attributes:
        windows: Those that have a map, in order.
        geometry: Window, and the bins in use.
        lengths: Length in bp of every contig, in the genome's order.
        notes: Model and settings, as plain values.
    """

    windows: Sequence[MapWindow]
    geometry: Geometry
    lengths: Mapping[str, int]
    notes: Mapping[str, object]


def check_outputs(outputs: AttentionOutputs, windows: Sequence[MapWindow]) -> None:
    """Find out that files cannot be written before anything is computed.

    Raises:
        UsageError: A name has a wrong ending, or stands for several files.
        DependencyError: A package is missing.
        OutputError: A file cannot be made.
    """
    mapped = [window for window in windows if window.status is Status.OK]
    if outputs.bigwig:
        rows = [named(outputs.bigwig, window.name, query.name) for window in mapped for query in window.queries]
        require_distinct("--bigwig", "row", rows, (WINDOW, QUERY))
    if outputs.figure:
        figure_format(Path(outputs.figure))
        new_figure(1, 1)
        require_distinct("--figure", "window", [named(outputs.figure, one.name) for one in mapped], (WINDOW,))
    if outputs.cool:
        check_name(outputs.cool)
        require_cooler()
    for path in (outputs.cool, outputs.npz):
        if path is not None:
            require_writable(str(path))


def named(template: str, window: str, query: str = "") -> str:
    """The name of one file."""
    return fill_name(template, {WINDOW: window, QUERY: query})


@contextmanager
def opened_outputs(outputs: AttentionOutputs, maps: Maps) -> Iterator[Sequence[Take]]:
    """Open the files that are wanted, beside the table, for one block of code.

    Yields:
        What takes every map, in the order of `maps.windows`. Files that hold all maps are complete when the block
        ends, and absent when it fails.
    """
    with ExitStack() as stack:
        takers: list[Take] = []
        if outputs.npz:
            takers.append(stack.enter_context(_npz(outputs.npz, maps)))
        if outputs.cool:
            takers.append(stack.enter_context(_cool(outputs.cool, maps)))
        if outputs.bigwig:
            takers.append(_bigwig(outputs.bigwig, maps))
        if outputs.figure:
            takers.append(_figure(outputs.figure, maps))
        yield takers


@contextmanager
def _npz(path: Path, maps: Maps) -> Iterator[Take]:
    windows, geometry = maps.windows, maps.geometry
    others = {
        "windows": np.array([window.name for window in windows], dtype=str),
        "contigs": np.array([window.contig for window in windows], dtype=str),
        "positions": np.array([window.position for window in windows], dtype=np.int64),
        "starts": np.array([window.start + geometry.first for window in windows], dtype=np.int64),
        "width": np.array(geometry.width),
        "notes": np.array(json.dumps(maps.notes)),
    }
    shape = (len(windows), geometry.bins, geometry.bins)
    with growing_npz(path, "maps", shape, np.float32, others) as array:
        yield lambda window, attention: array.add(attention)


@contextmanager
def _cool(path: Path, maps: Maps) -> Iterator[Take]:
    width = maps.geometry.width
    overlapping = OverlappingMaps(maps.geometry.bins)
    with closing(PixelStore(path.parent)) as store:

        def take(window: MapWindow, attention: Floats) -> None:
            edges = list(window.edges(maps.geometry, maps.lengths[window.contig]))
            inside = slice(edges[0][0], edges[-1][0] + 1)
            first, offset = divmod(edges[0][1], width)
            assert not offset, "windows lie on a grid"
            for pixels in overlapping.add(window.contig, first, symmetrised(attention)[inside, inside]):
                store.add(pixels)

        yield take
        for pixels in overlapping.finish():
            store.add(pixels)
        what = "symmetric part of the attention, (A + A^T) / 2; mean over windows that overlap; not balanced"
        write_cool(path, maps.lengths, width, store, {"values": what, **maps.notes})


def _bigwig(template: str, maps: Maps) -> Take:
    def take(window: MapWindow, attention: Floats) -> None:
        length = maps.lengths[window.contig]
        for row in rows_of(window, attention):
            assert row.query is not None
            assert row.values is not None
            values = row.values
            intervals = (
                (window.contig, start, end, float(values[number]))
                for number, start, end in window.edges(maps.geometry, length)
            )
            write_bigwig(Path(named(template, window.name, row.query.name)), {window.contig: length}, intervals)

    return take


def _figure(template: str, maps: Maps) -> Take:
    def take(window: MapWindow, attention: Floats) -> None:
        start = window.start + maps.geometry.first
        rows = [DrawnRow(query.name, query.bins, attention[list(query.bins)].mean(axis=0)) for query in window.queries]
        place = f"{window.contig}:{window.position + 1}"
        title = window.name if window.name == place else f"{window.name} ({place})"
        figure = draw_attention(attention, start, maps.geometry.width, rows, f"Attention around {title}")
        save_figure(figure, Path(named(template, window.name)))

    return take
