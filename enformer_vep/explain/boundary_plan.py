"""What a comparison of attention with boundaries will read: windows on boundaries, windows elsewhere, tiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError, UsageError
from enformer_vep.explain.binding_motifs import Pattern, find_matches
from enformer_vep.explain.domains import Boundary, BoundaryStatus, place, positions_by_contig
from enformer_vep.explain.insulation import Reading
from enformer_vep.explain.matched_windows import (
    Caliper,
    Composition,
    Quantity,
    Tiling,
    candidates,
    choose,
    count_around,
    tile,
)
from enformer_vep.genome.encoding import UNKNOWN, encode
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import GeneIndex
from enformer_vep.settings.explain_boundaries import BoundarySettings, Likeness

Integers = npt.NDArray[np.int64]

_CHUNK = 1 << 20


class Kind(StrEnum):
    """What a window is centred on."""

    BOUNDARY = "boundary"
    MATCHED = "matched"


@dataclass(frozen=True, slots=True)
class Place:
    """One window.

    Attributes:
        kind: What it is centred on.
        boundary: The boundary, or the one that it was chosen for.
        position: 0-based first base of its right half.
        quantities: What was compared; empty where the window has no sequence.
    """

    kind: Kind
    boundary: Boundary
    position: int
    quantities: Mapping[Likeness, float]

    @property
    def is_read(self) -> bool:
        """Whether a model sees it."""
        return self.boundary.status is BoundaryStatus.OK


@dataclass(frozen=True, slots=True)
class ContigPoints:
    """One contig's tiles, and how many boundaries lie at each of their points."""

    contig: str
    tiling: Tiling
    labels: Integers


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is read.

    Attributes:
        places: All boundaries in order, none left out; each that takes part is followed by its window elsewhere.
        points: Contigs with boundaries, in the genome's order; empty where the labels are not to be turned.
        reading: Which part of a map is read.
        window: Window length in bp.
        width: Base pairs per token.
    """

    places: tuple[Place, ...]
    points: tuple[ContigPoints, ...]
    reading: Reading
    window: int
    width: int

    @property
    def tiles(self) -> int:
        """How many windows follow each other along the contigs."""
        return sum(len(one.tiling.starts) for one in self.points)

    def values_of(self, kind: Kind, likeness: Likeness) -> npt.NDArray[np.float64]:
        """One quantity of all windows of a kind that are read."""
        return np.array([one.quantities[likeness] for one in self.places if one.kind is kind and one.is_read])


def reading_of(settings: BoundarySettings, window: int, width: int) -> Reading:
    """Lengths in bp as tokens, at least one each.

    Raises:
        UsageError: The window is too short for them.
    """
    arm, keys = settings.arm or window // 8, settings.keys or window // 96
    reading = Reading(max(arm // width, 1), settings.margin // width, max(keys // width, 1))
    tokens = window // width
    if reading.arm < 2:
        raise UsageError(f"--arm {arm}: at least two tokens of {width} bp are compared; give {2 * width} or more")
    # Points of a tile lie in the inner half of its window.
    largest = tokens // 4 if settings.tiles else tokens // 2
    if reading.reach > largest:
        raise UsageError(
            f"--arm {arm} and --margin {settings.margin} (or --keys) leave the window of {window} bp: together at most "
            f"{largest * width} bp{' (twice that with --no-tiles)' if settings.tiles else ''}"
        )
    return reading


def make_plan(
    boundaries: Sequence[Boundary],
    genome: Genome,
    settings: BoundarySettings,
    window: int,
    width: int,
    motif: Pattern | None = None,
    genes: GeneIndex | None = None,
) -> Plan:
    """Place boundaries, choose windows elsewhere, and cover the contigs; no model is needed.

    Args:
        boundaries: As read.
        genome: Read once per contig with a boundary.
        settings: What is asked for.
        window: The model's window in bp.
        width: Base pairs per token.
        motif: For `Likeness.MOTIF`.
        genes: For `Likeness.TSS`.

    Raises:
        UsageError: What has to be alike cannot be counted, or the window is too short.
        InputError: No boundary is on a contig of the genome.
    """
    for kind, source, option in ((Likeness.MOTIF, motif, "--motif or --meme"), (Likeness.TSS, genes, "--genes")):
        if kind in settings.match and source is None:
            raise UsageError(f"--match {kind} counts what it is not given: add {option}")
    reading = reading_of(settings, window, width)
    placed = place(boundaries, genome, window, settings.merge)
    if all(one.status is BoundaryStatus.UNKNOWN_CONTIG for one in placed):
        raise InputError(
            f"no boundary lies on a contig of {genome.path} (the first is on {placed[0].contig!r}); "
            "give the genome of these boundaries"
        )
    random = np.random.default_rng(settings.seed)
    places: list[Place] = []
    points: list[ContigPoints] = []
    every = positions_by_contig(placed)
    for contig in dict.fromkeys(one.contig for one in placed):
        own = [one for one in placed if one.contig == contig]
        if not any(one.status is BoundaryStatus.OK for one in own):
            places += [Place(Kind.BOUNDARY, one, one.position, {}) for one in own]
            continue
        composition = Composition.of(genome, contig)
        quantities = _quantities(composition, genome, contig, window, motif, genes)
        chosen = _choose(own, composition, every[contig], quantities, settings, window, random)
        places += chosen
        if settings.tiles:
            points.append(_points(contig, composition, chosen, window, width, settings.every))
    return Plan(tuple(places), tuple(points), reading, window, width)


def _quantities(
    composition: Composition, genome: Genome, contig: str, window: int, motif: Pattern | None, genes: GeneIndex | None
) -> dict[Likeness, Quantity]:
    found: dict[Likeness, Quantity] = {
        Likeness.GC: lambda centres: composition.share_gc(centres - window // 2, window),
    }
    if motif is not None:
        found[Likeness.MOTIF] = count_around(motif_sites(genome, contig, motif), window)
    if genes is not None:
        starts = {start for gene in genes if gene.contig == contig for start in gene.starts}
        found[Likeness.TSS] = count_around(np.array(sorted(starts), dtype=np.int64), window)
    return found


def motif_sites(genome: Genome, contig: str, motif: Pattern) -> Integers:
    """First positions of all matches on a contig, read in pieces; int64, sorted."""
    length = genome.contigs[contig]
    parts = []
    for start in range(0, length, _CHUNK):
        codes = encode(genome.fetch(contig, start, min(start + _CHUNK + motif.width - 1, length)))
        if (codes != UNKNOWN).any():
            parts.append(find_matches(codes, motif) + start)
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _choose(
    own: Sequence[Boundary],
    composition: Composition,
    every: Integers,
    quantities: Mapping[Likeness, Quantity],
    settings: BoundarySettings,
    window: int,
    random: np.random.Generator,
) -> list[Place]:
    """The boundaries of a contig, each that has one followed by its window elsewhere."""
    usable = [index for index, one in enumerate(own) if one.status is BoundaryStatus.OK]
    gaps = composition.has_gap(np.array([own[index].position for index in usable]) - window // 2, window)
    usable = [index for index, gap in zip(usable, gaps, strict=True) if not gap]
    positions = np.array([own[index].position for index in usable], dtype=np.int64)
    wanted = {kind: quantities[kind] for kind in settings.match}
    centres = candidates(composition, every, window, settings.apart)
    partners = choose(positions, centres, wanted, _calipers(settings), settings.merge, random)
    partner_of = dict(zip(usable, partners.tolist(), strict=True))
    places: list[Place] = []
    for index, one in enumerate(own):
        partner = partner_of.get(index)
        if partner is None:
            status = BoundaryStatus.GAP if one.status is BoundaryStatus.OK else one.status
            places.append(Place(Kind.BOUNDARY, replace(one, status=status), one.position, {}))
            continue
        matched = replace(one, status=BoundaryStatus.NO_MATCH if partner < 0 else BoundaryStatus.OK)
        places.append(Place(Kind.BOUNDARY, matched, one.position, _values(quantities, one.position)))
        if partner >= 0:
            places.append(Place(Kind.MATCHED, matched, partner, _values(quantities, partner)))
    return places


def _calipers(settings: BoundarySettings) -> dict[Likeness, Caliper]:
    count = Caliper(1.0, settings.count_caliper)
    return {Likeness.GC: Caliper(settings.gc_caliper), Likeness.MOTIF: count, Likeness.TSS: count}


def _values(quantities: Mapping[Likeness, Quantity], position: int) -> dict[Likeness, float]:
    centre = np.array([position], dtype=np.int64)
    return {kind: float(quantity(centre)[0]) for kind, quantity in quantities.items()}


def _points(
    contig: str, composition: Composition, places: Sequence[Place], window: int, width: int, every: int
) -> ContigPoints:
    """Tiles, and at each of their points the boundaries that it is the nearest point of."""
    tiling = tile(composition, window, width, every)
    positions = tiling.positions.ravel()
    labels = np.zeros(len(positions), dtype=np.int64)
    standing = (BoundaryStatus.OK, BoundaryStatus.NO_MATCH)
    for one in places:
        if one.kind is Kind.BOUNDARY and one.boundary.status in standing and len(positions):
            nearest = int(np.argmin(np.abs(positions - one.position)))
            labels[nearest] += abs(int(positions[nearest]) - one.position) <= every
    return ContigPoints(contig, tiling, labels)
