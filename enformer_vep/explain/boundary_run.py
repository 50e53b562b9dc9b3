"""Reads a model's attention maps as a plan says, and goes on where an interrupted run stopped."""

import json
import logging
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from enformer_vep.effects.effect import reverse_complement
from enformer_vep.effects.network import Network
from enformer_vep.errors import OutputError, UsageError
from enformer_vep.explain.attention_maps import attention_layers
from enformer_vep.explain.binding_motifs import Pattern, find_matches
from enformer_vep.explain.boundary_plan import Kind, Place, Plan
from enformer_vep.explain.insulation import Maps, map_names, read_window
from enformer_vep.explain.motif_disruption import disrupt, edit_elsewhere
from enformer_vep.files.atomic import complete_or_absent
from enformer_vep.genome.encoding import Codes, encode
from enformer_vep.genome.fasta import Genome
from enformer_vep.settings.explain_boundaries import BoundarySettings

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Advance = Callable[[], object]

NO_SITE, NOT_DESTROYED, NO_CONTROL, DISRUPTED = "no_site", "not_destroyed", "no_control", "ok"
SAVED_EVERY = 300.0
"""Seconds between two checkpoints."""


@dataclass(slots=True)
class Readings:
    """What has been read so far; the order of work is fixed, so a number says how far that is.

    Attributes:
        done: Windows of the plan that are read.
        heads: Heads of each layer.
        places: float64 [maps, 2] for each place that is read, in order; maps and measures as in
            `enformer_vep.explain.insulation.read_window`.
        tiles: float32 [maps, 2, points of a tile] for each tile, in order.
        edits: For each boundary that is read, float64 [2, maps, 2]: motif disrupted, control edits; None without.
        outcomes: For each boundary that is read: what became of its motifs, how many matches, how many substitutions.
        sums: float64 [T, T] mean maps of each kind, summed over windows.
        relative_sums: The same of maps divided by their mean at equal distance.
    """

    done: int = 0
    heads: tuple[int, ...] = ()
    places: list[Floats] = field(default_factory=list)
    tiles: list[npt.NDArray[np.float32]] = field(default_factory=list)
    edits: list[Floats | None] = field(default_factory=list)
    outcomes: list[tuple[str, int, int]] = field(default_factory=list)
    sums: dict[Kind, Floats] = field(default_factory=dict)
    relative_sums: dict[Kind, Floats] = field(default_factory=dict)

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """Layer and head of every map."""
        return map_names(self.heads)


class AttentionSource:
    """The maps of a window, averaged over strands and shifts, a layer at a time.

    Args:
        network: On the device that is to be used, in evaluation mode.
        settings: Strands and shifts.

    Raises:
        UsageError: A shift is half a token or more.
    """

    def __init__(self, network: Network, settings: BoundarySettings) -> None:
        self._network = network
        self._both = settings.reverse_complement
        self._shifts = settings.shifts
        self.window = network.output.window
        self.margin = max(map(abs, self._shifts))
        if 2 * self.margin >= network.output.width:
            half = network.output.width // 2
            raise UsageError(f"--shifts: maps are averaged token by token; shift by less than {half} bp")

    def layers(self, codes: Codes) -> Iterator[Maps]:
        """Read a window.

        Args:
            codes: uint8 [L + 2 margin], the window with `margin` bp on either side.

        Yields:
            float32 [heads, T, T] for each layer.

        Raises:
            UsageError: The model has no attention.
        """
        starts = [self.margin + shift for shift in self._shifts]
        views = [torch.from_numpy(codes[None, start : start + self.window].copy()) for start in starts]
        strands = [(view, False) for view in views]
        if self._both:
            strands += [(reverse_complement(view), True) for view in views]
        # All views move on together, so that one layer of each is held at a time.
        passes = [self._forward(view, is_reverse) for view, is_reverse in strands]
        for layers in zip(*passes, strict=True):
            yield (sum(layers[1:], layers[0]) / len(layers)).float().cpu().numpy()

    def _forward(self, view: Tensor, is_reverse: bool) -> Iterator[Tensor]:
        """The layers of a view [1, L], each [heads, T, T], as the forward strand has them."""
        for layer in attention_layers(self._network, view):
            yield layer[0].flip(-2, -1) if is_reverse else layer[0]


class BoundaryRun:
    """One run over a plan.

    Args:
        plan: What is read.
        genome: The sequence.
        source: The maps.
        settings: Where motifs are disrupted.
        motif: What is disrupted; None for nothing.
    """

    def __init__(
        self,
        plan: Plan,
        genome: Genome,
        source: AttentionSource,
        settings: BoundarySettings,
        motif: Pattern | None = None,
    ) -> None:
        self._plan, self._genome, self._source = plan, genome, source
        self._settings, self._motif = settings, motif
        self._read = [one for one in plan.places if one.is_read]
        self._tiles = [(one.contig, int(start), one.tiling.edges) for one in plan.points for start in one.tiling.starts]

    @property
    def windows(self) -> int:
        """How many windows are read, those with edits not counted."""
        return len(self._read) + len(self._tiles)

    def run(self, readings: Readings, advance: Advance, save: Callable[[Readings], object]) -> Readings:
        """Go on from `readings` to the end; `save` is called now and then, and when the run is interrupted."""
        saved, before = time.monotonic(), readings.done
        try:
            while readings.done < self.windows:
                self._step(readings)
                advance()
                if time.monotonic() - saved > SAVED_EVERY:
                    save(readings)
                    saved, before = time.monotonic(), readings.done
        except BaseException:
            # Unless the interruption came between the parts of one window.
            if readings.done == len(readings.places) + len(readings.tiles) > before:
                save(readings)
            raise
        return readings

    def _step(self, readings: Readings) -> None:
        """Read one window."""
        number = readings.done
        if number < len(self._read):
            self._read_place(self._read[number], number, readings)
        else:
            contig, start, edges = self._tiles[number - len(self._read)]
            seen = read_window(self._source.layers(self._codes(contig, start)), edges, self._plan.reading)
            readings.tiles.append(seen.values.astype(np.float32))
            readings.heads = seen.heads
        readings.done = number + 1

    def _read_place(self, place: Place, number: int, readings: Readings) -> None:
        codes = self._codes(place.boundary.contig, place.position - self._plan.window // 2)
        edge = self._plan.window // self._plan.width // 2
        seen = read_window(self._source.layers(codes), [edge], self._plan.reading)
        if self._motif is not None and place.kind is Kind.BOUNDARY:
            outcome, edits = self._edit(codes, self._motif, edge, number)
            readings.outcomes.append(outcome)
            readings.edits.append(edits)
        for sums, values in ((readings.sums, seen.mean), (readings.relative_sums, seen.relative)):
            sums[place.kind] = sums[place.kind] + values if place.kind in sums else values
        readings.heads = seen.heads
        readings.places.append(seen.values[..., 0])

    def _edit(self, codes: Codes, motif: Pattern, edge: int, number: int) -> tuple[tuple[str, int, int], Floats | None]:
        """Disrupt the motif around a boundary and, as a control, as many bases elsewhere; read both."""
        middle = len(codes) // 2
        start, end = max(middle - self._settings.span, 0), min(middle + self._settings.span, len(codes))
        sites = len(find_matches(codes[start:end], motif))
        if not sites:
            return (NO_SITE, 0, 0), None
        disrupted = disrupt(codes, motif, start, end)
        if disrupted is None:
            return (NOT_DESTROYED, sites, 0), None
        random = np.random.default_rng([self._settings.seed, number])
        control = edit_elsewhere(codes, disrupted, motif, start, end, random)
        if control is None:
            return (NO_CONTROL, sites, len(disrupted.places)), None
        values = [
            read_window(self._source.layers(edits.codes), [edge], self._plan.reading).values[..., 0]
            for edits in (disrupted, control)
        ]
        return (DISRUPTED, sites, len(disrupted.places)), np.stack(values)

    def _codes(self, contig: str, start: int) -> Codes:
        margin = self._source.margin
        return encode(self._genome.fetch(contig, start - margin, start + self._plan.window + margin))


def save_readings(path: Path, identity: Mapping[str, object], readings: Readings) -> None:
    """Write a checkpoint, complete or not at all; raises OutputError when it cannot be written."""
    arrays: dict[str, Any] = {f"sum_{kind}": values for kind, values in readings.sums.items()}
    arrays |= {f"relative_{kind}": values for kind, values in readings.relative_sums.items()}
    head = {
        "identity": dict(identity),
        "done": readings.done,
        "heads": readings.heads,
        "outcomes": readings.outcomes,
        "edited": [one is not None for one in readings.edits],
    }
    edits = [one for one in readings.edits if one is not None]
    stacks: dict[str, list[Any]] = {"places": readings.places, "tiles": readings.tiles, "edits": edits}
    arrays |= {name: np.stack(values) for name, values in stacks.items() if values}
    with complete_or_absent(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, head=np.array(json.dumps(head)), **arrays)


def load_readings(path: Path, identity: Mapping[str, object]) -> Readings:
    """Read a checkpoint; nothing is read yet where there is none.

    Raises:
        OutputError: It belongs to another run, or is damaged.
    """
    if not path.exists():
        return Readings()
    try:
        with np.load(path, allow_pickle=False) as file:
            head = json.loads(str(file["head"]))
            arrays = {name: file[name] for name in file.files}
        found = head["identity"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        raise OutputError(f"{path} is damaged; delete it, or give --overwrite to start anew") from None
    differing = [
        f"{name} was {found.get(name)}" for name in {**found, **identity} if found.get(name) != identity.get(name)
    ]
    if differing:
        raise OutputError(
            f"{path} belongs to another run ({'; '.join(differing)[:200]}); repeat that run's command, choose another "
            "-o, or give --overwrite to start anew"
        )
    edits = iter(arrays.get("edits", ()))
    logger.info("%s: going on after window %d", path, head["done"])
    return Readings(
        done=head["done"],
        heads=tuple(head["heads"]),
        places=list(arrays.get("places", ())),
        tiles=list(arrays.get("tiles", ())),
        edits=[next(edits) if edited else None for edited in head["edited"]],
        outcomes=[(status, sites, count) for status, sites, count in head["outcomes"]],
        sums={kind: arrays[f"sum_{kind}"] for kind in Kind if f"sum_{kind}" in arrays},
        relative_sums={kind: arrays[f"relative_{kind}"] for kind in Kind if f"relative_{kind}" in arrays},
    )
