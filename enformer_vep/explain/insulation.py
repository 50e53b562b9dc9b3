"""How much attention respects a boundary: the arithmetic on maps, with nothing of models in it.

A map is [..., T, T]: rows are queries, columns are keys, both tokens of one window. An edge e is the border between
tokens e - 1 and e. Maps are first divided by their mean at equal distance, as Hi-C contacts are ("observed over
expected"), by the signed distance: a head may look upstream only.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Maps = npt.NDArray[np.floating]

STRIPE = "stripe"
INSULATION = "insulation"
MEASURES = (STRIPE, INSULATION)
"""Names of what is measured, in the order in which it stands."""
_ALL = slice(None)
MEAN = "mean"
"""In place of a layer or a head: the mean over them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Which part of a map is read around an edge, in tokens.

    Attributes:
        arm: Tokens on either side that are compared: within either side, and across.
        margin: Tokens on either side that are left out first, for boundaries are known to a bin of Hi-C at best.
        keys: Key tokens on either side of the edge that make its stripe.
    """

    arm: int
    margin: int = 0
    keys: int = 4

    @property
    def reach(self) -> int:
        """How many tokens an edge needs on either side."""
        return max(self.arm + self.margin, self.keys)


def distance_means(maps: Maps) -> Floats:
    """Mean over all queries at each distance.

    Args:
        maps: [..., T, T].

    Returns:
        float64 [..., 2 T - 1]; column d + T - 1 for the distance d = key - query.
    """
    tokens = maps.shape[-1]
    # Turned around and padded, rows of 2 T read as rows of 2 T - 1 move one to the right each: distances line up.
    padded = np.zeros((*maps.shape[:-1], 2 * tokens), dtype=maps.dtype)
    padded[..., :tokens] = maps[..., ::-1]
    flat = padded.reshape(*maps.shape[:-2], -1)[..., : tokens * (2 * tokens - 1)]
    sums = flat.reshape(*maps.shape[:-2], tokens, 2 * tokens - 1).sum(axis=-2, dtype=np.float64)[..., ::-1]
    distances = np.arange(1 - tokens, tokens)
    means: Floats = sums / (tokens - np.abs(distances))
    return means


def over_expected(maps: Maps, means: Floats | None = None, rows: slice = _ALL, columns: slice = _ALL) -> Floats:
    """Divide a map, or a rectangle of it, by the map's mean at equal distance.

    Args:
        maps: [..., T, T], not negative.
        means: From `distance_means`, if at hand.
        rows: Queries that are wanted.
        columns: Keys that are wanted.

    Returns:
        float64 [..., rows, columns]; 1 where there is no attention at a distance at all.
    """
    means = distance_means(maps) if means is None else means
    # Row q of the expected map begins at the distance -q.
    expected = np.lib.stride_tricks.sliding_window_view(means, maps.shape[-1], axis=-1)[..., ::-1, :]
    wanted, expected = maps[..., rows, columns], expected[..., rows, columns]
    return np.divide(wanted, expected, out=np.ones(wanted.shape), where=expected > 0)


def measure(maps: Maps, edges: npt.ArrayLike, reading: Reading) -> Floats:
    """Read stripe and insulation at edges; only the parts of a map that these need are divided.

    Args:
        maps: [..., T, T], not negative.
        edges: int [E], at least one, each at least `reading.reach` tokens from either end.
        reading: Which part is read.

    Returns:
        float64 [..., 2, E], `MEASURES`: log2 of the mean over the edge's key columns (1 is what is expected), and
        log2(within / across), the mean within either side divided by the mean between the sides. A token's attention
        to itself counts for neither. Infinite or NaN where a mean is zero.
    """
    places = np.asarray(edges, dtype=np.int64)
    first, last, tokens = int(places.min()), int(places.max()), maps.shape[-1]
    if not reading.reach <= first <= last <= tokens - reading.reach:
        raise ValueError(f"edges need {reading.reach} tokens on either side")
    means = distance_means(maps)
    keys = slice(first - reading.keys, last + reading.keys)
    near = slice(first - reading.reach, last + reading.reach)
    stripes = _stripe(over_expected(maps, means, columns=keys), places, keys.start, reading.keys)
    ratios = _insulation(over_expected(maps, means, near, near), places - near.start, reading)
    with np.errstate(divide="ignore"):
        values: Floats = np.log2(np.stack([stripes, ratios], axis=-2))
    return values


def _stripe(columns: Floats, edges: npt.NDArray[np.int64], first: int, half: int) -> Floats:
    """Mean over all queries but the keys themselves, and over the key columns, of which `first` is the leftmost."""
    tokens, width = columns.shape[-2], 2 * half
    means = np.empty((*columns.shape[:-2], len(edges)))
    for index, edge in enumerate(edges):
        own = columns[..., edge - half - first : edge + half - first]
        inside = own[..., edge - half : edge + half, :].sum(axis=(-2, -1))
        means[..., index] = (own.sum(axis=(-2, -1)) - inside) / ((tokens - width) * width)
    return means


def _insulation(relative: Floats, edges: npt.NDArray[np.int64], reading: Reading) -> Floats:
    arm, margin = reading.arm, reading.margin
    others = ~np.eye(arm, dtype=np.bool_)
    ratios = np.empty((*relative.shape[:-2], len(edges)))
    for index, edge in enumerate(edges):
        left = slice(edge - margin - arm, edge - margin)
        right = slice(edge + margin, edge + margin + arm)
        within = sum(relative[..., side, side][..., others].mean(axis=-1) for side in (left, right))
        across = sum(relative[..., a, b].mean(axis=(-2, -1)) for a, b in ((left, right), (right, left)))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios[..., index] = within / across
    return ratios


@dataclass(frozen=True, slots=True)
class WindowReading:
    """What was read from all maps of one window.

    Attributes:
        values: float64 [maps, 2, E], see `measure`; maps as `map_names` has them.
        mean: float64 [T, T], the mean map over layers and heads.
        relative: float64 [T, T], that divided by its mean at equal distance.
        heads: How many there are in each layer.
    """

    values: Floats
    mean: Floats
    relative: Floats
    heads: tuple[int, ...]


def map_names(heads: Iterable[int]) -> tuple[tuple[str, str], ...]:
    """Layer and head of every map that is read: each head of a layer, then the mean of these; last the mean of all.

    Args:
        heads: How many there are in each layer.
    """
    names = [(str(layer), head) for layer, count in enumerate(heads) for head in (*map(str, range(count)), MEAN)]
    return (*names, (MEAN, MEAN))


def read_window(layers: Iterable[Maps], edges: npt.ArrayLike, reading: Reading) -> WindowReading:
    """Read every head, every layer's mean and the mean of all; one head's arrays are held at a time.

    Args:
        layers: The maps of one window, [heads, T, T] for each layer.
        edges: int [E].
        reading: Which part is read.
    """
    values: list[Floats] = []
    total: Floats = np.zeros(())
    heads: list[int] = []
    for maps in layers:
        layer = np.zeros(maps.shape[1:])
        for one in maps:
            values.append(measure(one, edges, reading))
            layer += one
        values.append(measure(layer / len(maps), edges, reading))
        total = total + layer
        heads.append(len(maps))
    mean = total / sum(heads)
    values.append(measure(mean, edges, reading))
    return WindowReading(np.stack(values), mean, over_expected(mean), tuple(heads))
