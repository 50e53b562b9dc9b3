"""Symmetric maps along a genome as cooler files (extra `cool`), which tools for Hi-C open.

Format: cooler.readthedocs.io, schema version 3 (Abdennur and Mirny 2020, Bioinformatics 36:311); storage mode
symmetric-upper, so only pairs of bins with bin1 <= bin2 are stored. Values are float32.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.errors import DependencyError, UsageError
from enformer_vep.files.atomic import complete_or_absent, explained

SUFFIXES = (".cool", ".mcool")
ZOOMS = (1, 2, 4, 8, 16)
"""Bins that are averaged into one, in each direction, by the resolutions of an .mcool."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pixels:
    """Some pairs of bins of one contig, sorted by `first`, then by `second`.

    Attributes:
        contig: The contig.
        first: int64 [n], bins counted from the contig's start.
        second: int64 [n], not below `first`.
        values: float32 [n].
    """

    contig: str
    first: Integers
    second: Integers
    values: npt.NDArray[np.float32]

    def select(self, wanted: npt.NDArray[np.bool_]) -> "Pixels":
        """Some of them."""
        return Pixels(self.contig, self.first[wanted], self.second[wanted], self.values[wanted])

    def joined(self, later: "Pixels") -> "Pixels":
        """With those that follow on the same contig."""
        first, second = np.append(self.first, later.first), np.append(self.second, later.second)
        return Pixels(self.contig, first, second, np.append(self.values, later.values))


def require_cooler() -> Any:
    """Import cooler; DependencyError when it is not installed."""
    try:
        import cooler
    except ImportError:
        raise DependencyError("writing .cool needs cooler; install it with: pip install 'enformer-vep[cool]'") from None
    return cooler


def check_name(path: Path) -> None:
    """Raise UsageError for a name that does not end in .cool or .mcool."""
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: maps for Hi-C tools are written as .cool or .mcool; end the name with one of these")


class PixelStore:
    """Pixels on disk while they are computed; read as often as there are resolutions. Deleted when closed."""

    def __init__(self, folder: Path) -> None:
        """Opens a nameless file in a folder."""
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by `close`)
        self._contigs: list[str] = []

    def add(self, pixels: Pixels) -> None:
        """Takes the next pixels."""
        for array in (pixels.first, pixels.second, pixels.values):
            np.save(self._file, array)
        self._contigs.append(pixels.contig)

    def __iter__(self) -> Iterator[Pixels]:
        """All of them, in order."""
        self._file.seek(0)
        for contig in self._contigs:
            yield Pixels(contig, *(np.load(self._file) for _ in range(3)))

    @property
    def contigs(self) -> tuple[str, ...]:
        """Contigs that have pixels, each once, in order."""
        return tuple(dict.fromkeys(self._contigs))

    def close(self) -> None:
        """Deletes the file."""
        self._file.close()


def write_cool(
    path: Path, lengths: Mapping[str, int], width: int, store: PixelStore, notes: Mapping[str, object]
) -> None:
    """Write pixels as .cool, or as .mcool with coarser resolutions, complete or not at all.

    A coarser pixel is the mean of the map over the bins that it covers, as far as the map is known there: unlike
    counts of contacts, attention of one resolution is comparable to that of another.

    Args:
        path: The file; its ending says which.
        lengths: Contigs and their lengths in bp; those without pixels are left out.
        width: Base pairs per bin; bins begin at multiples of it.
        store: The pixels, contigs in the order of `lengths`.
        notes: What becomes the file's metadata: plain values.

    Raises:
        UsageError: The name has another ending, or there is no pixel.
        DependencyError: cooler is not installed.
        OutputError: The file cannot be written.
    """
    check_name(path)
    library = require_cooler()
    if not store.contigs:
        raise UsageError(f"{path}: no window has a map, so there is nothing to write; see the statuses")
    sizes = {contig: lengths[contig] for contig in store.contigs}
    is_multiple = path.suffix == ".mcool"
    with complete_or_absent(path) as temporary, explained(path):
        for zoom in ZOOMS if is_multiple else ZOOMS[:1]:
            group = f"::resolutions/{width * zoom}" if is_multiple else ""
            bins = _bins(sizes, width * zoom)
            library.create_cooler(
                f"{temporary}{group}", bins, _numbered(coarsened(store, zoom), bins),
                dtypes={"count": np.float32}, ordered=True, symmetric_upper=True, mode="w" if zoom == 1 else "a",
                metadata=dict(notes),
            )  # fmt: skip
        if is_multiple:
            _mark_as_multiple(temporary)


def coarsened(parts: Iterable[Pixels], zoom: int) -> Iterator[Pixels]:
    """Average the symmetric map over blocks of `zoom` x `zoom` bins.

    Blocks on the diagonal count both of their triangles.

    Args:
        parts: Pixels in order, contig by contig.
        zoom: Bins that become one.

    Yields:
        Pixels of the larger bins, in order.
    """
    if zoom == 1:
        yield from parts
        return
    held: Pixels | None = None
    for part in parts:
        if held is not None and held.contig == part.contig:
            part = held.joined(part)
        elif held is not None:
            yield _averaged(held, zoom)
        # Rows of the last block may have more to come.
        last = part.first // zoom == part.first[-1] // zoom
        held = part.select(last)
        if not last.all():
            yield _averaged(part.select(~last), zoom)
    if held is not None:
        yield _averaged(held, zoom)


def _averaged(pixels: Pixels, zoom: int) -> Pixels:
    first, second = pixels.first // zoom, pixels.second // zoom
    width = int(second.max()) + 1
    blocks, place = np.unique(first * width + second, return_inverse=True)
    weights = np.where(pixels.first == pixels.second, 1.0, 2.0)
    sums = np.bincount(place, weights * pixels.values)
    means = sums / np.bincount(place, weights)
    return Pixels(pixels.contig, blocks // width, blocks % width, means.astype(np.float32))


def _bins(lengths: Mapping[str, int], width: int) -> pd.DataFrame:
    """The table of bins: chrom, start, end."""
    starts = {contig: np.arange(0, length, width) for contig, length in lengths.items()}
    contigs = np.repeat(np.arange(len(lengths)), [len(some) for some in starts.values()])
    first = np.concatenate(list(starts.values()))
    ends = np.minimum(first + width, np.array(list(lengths.values()))[contigs])
    names = pd.Categorical.from_codes(contigs, categories=pd.Index(list(lengths)), ordered=True)
    return pd.DataFrame({"chrom": names, "start": first, "end": ends})


def _numbered(parts: Iterable[Pixels], bins: pd.DataFrame) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Pixels with bins counted from the genome's start, as cooler takes them."""
    contigs = bins["chrom"].cat
    counts = np.bincount(contigs.codes, minlength=len(contigs.categories))
    offsets = dict(zip(contigs.categories, np.cumsum(counts) - counts, strict=True))
    for part in parts:
        offset = offsets[part.contig]
        yield {"bin1_id": part.first + offset, "bin2_id": part.second + offset, "count": part.values}


def _mark_as_multiple(path: Path) -> None:
    import h5py

    with h5py.File(path, "r+") as file:
        file.attrs.update({"format": "HDF5::MCOOL", "format-version": 2})
