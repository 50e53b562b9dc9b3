"""Examples: a window's base codes with the values of its bins, and their random variation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.encoding import Codes, reverse_complement
from enformer_vep.tracks.table import TrackTable
from enformer_vep.training.coverage import ContigReader
from enformer_vep.training.sequences import Tile
from enformer_vep.training.targets import Squash, Values


@dataclass(frozen=True, slots=True)
class Variation:
    """How one example differs from its plain form.

    Attributes:
        reverse: Whether the other strand is read, with the bins in reverse order.
        shift: bp by which the sequence moves under unchanged values; positive moves the window right.
        travel: Position in [0, 1) within the starts that the tile's row allows, near the tile; None to stay.
    """

    reverse: bool = False
    shift: int = 0
    travel: float | None = None


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What may be varied, and how far.

    Attributes:
        reverse_complement: Read either strand with equal probability.
        max_shift: Largest shift of the sequence in bp, either way.
        roam: Let windows start anywhere between their neighbours' starts, values moving along.
    """

    reverse_complement: bool = True
    max_shift: int = 3
    roam: bool = False

    def draw(self, generator: np.random.Generator) -> Variation:
        """Draws one variation; always takes as many numbers, whatever is switched on."""
        reverse, shift, travel = generator.random(3)
        return Variation(
            reverse=self.reverse_complement and reverse < 0.5,
            shift=int(shift * (2 * self.max_shift + 1)) - self.max_shift,
            travel=float(travel) if self.roam else None,
        )


@dataclass(frozen=True, slots=True)
class Example:
    """What the network learns from.

    Attributes:
        codes: uint8 [window] base codes.
        values: float32 [bins, tracks]; NaN where nothing is known.
    """

    codes: Codes
    values: Values


class ExampleSource(Protocol):
    """Numbered examples."""

    def __len__(self) -> int:
        """Number of examples."""
        ...

    def order(self, generator: np.random.Generator, batch_size: int) -> npt.NDArray[np.int64]:
        """Returns the numbers of all examples in a random order that is cheap to read."""
        ...

    def read(self, number: int, variation: Variation) -> Example:
        """Returns one example."""
        ...


class RegionSource:
    """Examples cut at tiles from contigs, their tracks squashed in an order that `Squash` knows."""

    def __init__(
        self,
        reader: ContigReader,
        tiles: Sequence[Tile],
        geometry: Geometry,
        targets: TrackTable,
        order: str,
    ) -> None:
        self._reader = reader
        self._tiles = tuple(tiles)
        self._geometry = geometry
        self._squash = Squash(targets, order)
        self._partners = targets.with_partners(range(len(targets)))[1]

    def __len__(self) -> int:
        """Number of tiles."""
        return len(self._tiles)

    def order(self, generator: np.random.Generator, batch_size: int) -> npt.NDArray[np.int64]:
        """Returns the numbers of all tiles, shuffled."""
        return generator.permutation(len(self._tiles))

    def read(self, number: int, variation: Variation) -> Example:
        """Returns the example of one tile."""
        tile, geometry = self._tiles[number], self._geometry
        start = self._start(tile, variation.travel)
        first = start - geometry.first + variation.shift
        codes = self._reader.codes(tile.contig, first, first + geometry.window)
        values = self._squash(self._reader.values(tile.contig, start, geometry.bins))
        return orient(Example(codes, values), variation.reverse, self._partners)

    def _start(self, tile: Tile, travel: float | None) -> int:
        if travel is None:
            return tile.start
        first = max(tile.first, tile.start - self._geometry.predicted // 2)
        last = min(tile.last, tile.start + self._geometry.predicted // 2)
        step = self._geometry.width if self._reader.grid else 1
        return first + int(travel * ((last - first) // step + 1)) * step


class JoinedSource:
    """One or several sources, one after the other."""

    def __init__(self, sources: Sequence[ExampleSource]) -> None:
        self._sources = tuple(sources)
        self._ends = np.cumsum([len(source) for source in sources])

    def __len__(self) -> int:
        """Number of examples of all sources."""
        return int(self._ends[-1])

    def order(self, generator: np.random.Generator, batch_size: int) -> npt.NDArray[np.int64]:
        """Returns all numbers, shuffled; one source alone decides for itself."""
        if len(self._sources) == 1:
            return self._sources[0].order(generator, batch_size)
        return generator.permutation(len(self))

    def read(self, number: int, variation: Variation) -> Example:
        """Returns one example."""
        index = int(np.searchsorted(self._ends, number, side="right"))
        before = int(self._ends[index - 1]) if index else 0
        return self._sources[index].read(number - before, variation)


def orient(example: Example, reverse: bool, partners: Sequence[int] | None) -> Example:
    """The example, or its reverse complement with the bins in reverse order and strands exchanged.

    `partners` is the track order on the other strand; None when no track is of one strand.
    """
    if not reverse:
        return example
    values = example.values[::-1]
    return Example(reverse_complement(example.codes), values if partners is None else values[:, list(partners)])
