"""A whole comparison of attention with boundaries: files in, tables and a picture out."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enformer_vep import __version__
from enformer_vep.effects.devices import resolve_device
from enformer_vep.effects.network import placed_on
from enformer_vep.explain.attention_mapper import require_attention
from enformer_vep.explain.binding_motifs import Pattern
from enformer_vep.explain.boundary_comparison import Between, Comparison, compare, of_mean
from enformer_vep.explain.boundary_plan import Kind, Plan, make_plan
from enformer_vep.explain.boundary_run import (
    AttentionSource,
    BoundaryRun,
    Readings,
    load_readings,
    save_readings,
)
from enformer_vep.explain.boundary_tables import comparisons_text, describe, notes_of, values_text
from enformer_vep.explain.domains import Boundary, BoundaryStatus, read_boundaries
from enformer_vep.explain.insulation import INSULATION, STRIPE
from enformer_vep.figures.boundary_map import Distribution, HeadEffects, draw_boundaries
from enformer_vep.figures.drawing import figure_format, new_figure, save_figure
from enformer_vep.files.atomic import complete_or_absent
from enformer_vep.files.bgzf import BgzfEncoder
from enformer_vep.files.writing import is_stream, open_stream, require_destinations
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import GeneIndex, read_genes
from enformer_vep.jobs.identity import digest, genome_digest
from enformer_vep.models.checkpoints import LoadedModel, load_model
from enformer_vep.settings import ComputeSettings
from enformer_vep.settings.explain_boundaries import BoundarySettings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

logger = logging.getLogger(__name__)

Progress = Callable[..., AbstractContextManager[Callable[[], object]]]
"""Called with the number of windows, and `first`, those that are read already; gives what to call after each."""

_BGZF_SUFFIXES = (".gz", ".bgz")
_UNITS = {STRIPE: "stripe, log2 over expectation", INSULATION: "insulation, log2 (within / across)"}


@dataclass(frozen=True, slots=True)
class BoundaryOutput:
    """Where results go.

    Attributes:
        tests: Table of tests; "-" for standard output.
        values: Table of windows; None for none.
        maps: NumPy archive of mean maps; None for none.
        figure: Picture; None for none.
        overwrite: Forget what an interrupted run left.
    """

    tests: str = "-"
    values: Path | None = None
    maps: Path | None = None
    figure: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class BoundaryRequest:
    """A whole run of `enformer-vep boundaries`.

    Attributes:
        boundaries: BED file.
        genome: Path of the reference FASTA.
        model: What `--model` takes.
        settings: What is compared.
        compute: Window and device.
        output: Where results go.
        motif: What is counted, or disrupted; None for nothing.
        disrupts: Whether it is disrupted.
        genes: Annotation, to count transcription starts; None for none.
        dry_run: Check and count only.
    """

    boundaries: Path
    genome: Path
    model: str = "enformer"
    settings: BoundarySettings = field(default_factory=BoundarySettings)
    compute: ComputeSettings = field(default_factory=ComputeSettings)
    output: BoundaryOutput = field(default_factory=BoundaryOutput)
    motif: Pattern | None = None
    disrupts: bool = False
    genes: Path | None = None
    dry_run: bool = False


def compare_boundaries(request: BoundaryRequest, progress: Progress) -> list[Comparison]:
    """Carry out a run.

    Raises:
        EnformerVepError: On bad options, input, model or destination, before anything is computed where possible.
    """
    output = request.output
    _check_destinations(request)
    boundaries = read_boundaries(request.boundaries, request.settings.domains)
    genome = Genome(request.genome)
    genes = None if request.genes is None else read_genes(request.genes, genome.resolve)
    model = load_model(request.model, organisms=(), window=request.compute.window)
    require_attention(model)
    device = resolve_device(request.compute.device)
    source = AttentionSource(placed_on(model.network, device), request.settings)
    geometry = model.network.output
    plan = make_plan(boundaries, genome, request.settings, geometry.window, geometry.width, request.motif, genes)
    motif = request.motif if request.disrupts else None
    run = BoundaryRun(plan, genome, source, request.settings, motif)
    _report(plan, run.windows)
    if request.dry_run:
        return []
    checkpoint = None if is_stream(output.tests) else Path(f"{output.tests}.checkpoint.npz")
    identity = _identity(request, boundaries, model, genome, genes)
    if output.overwrite and checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    readings = Readings() if checkpoint is None else load_readings(checkpoint, identity)

    def save(so_far: Readings) -> None:
        if checkpoint is not None:
            save_readings(checkpoint, identity, so_far)

    with progress(run.windows, first=readings.done) as advance:
        run.run(readings, advance, save)
    results = compare(plan, readings, request.settings)
    notes = notes_of(plan, _asked(request), model.sha256, geometry.window)
    _write(request, plan, readings, results, notes)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    logger.info("%s", describe(results))
    return results


def _check_destinations(request: BoundaryRequest) -> None:
    output = request.output
    inputs = (request.boundaries, request.genome, request.model, request.genes)
    require_destinations((output.tests, output.values, output.maps, output.figure), inputs)
    if output.figure is not None:
        figure_format(output.figure)
        new_figure(1, 1)  # says what is missing before hours of work


def _asked(request: BoundaryRequest) -> dict[str, object]:
    """Settings in the words of the command line, the motif among them."""
    motif = "none" if request.motif is None else request.motif.name
    return {**request.settings.describe(), "motif": motif, "disrupt": request.disrupts}


def _identity(
    request: BoundaryRequest,
    boundaries: Sequence[Boundary],
    model: LoadedModel,
    genome: Genome,
    genes: GeneIndex | None,
) -> dict[str, object]:
    """Everything that fixes what is read: flat JSON values, without paths and times."""
    motif = request.motif
    scores = [] if motif is None else [*map(repr, motif.scores.ravel().tolist()), repr(float(motif.threshold))]
    return {
        "version": __version__,
        "input": digest(map(repr, boundaries)),
        "genome": genome_digest(genome),
        "genes": genes.fingerprint if genes else "none",
        "model": model.sha256,
        "window": model.network.output.window,
        **_asked(request),
        "motif": digest(scores),
    }


def _report(plan: Plan, windows: int) -> None:
    counts = Counter(one.boundary.status for one in plan.places if one.kind is Kind.BOUNDARY)
    listed = ", ".join(f"{counts[status]} {status}" for status in BoundaryStatus if counts[status])
    logger.info(
        "%d boundaries: %s; %d windows to read, %d of them along contigs", counts.total(), listed, windows, plan.tiles
    )


def _write(
    request: BoundaryRequest,
    plan: Plan,
    readings: Readings,
    results: Sequence[Comparison],
    notes: Mapping[str, object],
) -> None:
    output = request.output
    texts = [(output.tests, comparisons_text(results, notes))]
    if output.values is not None:
        texts.append((str(output.values), values_text(plan, readings, notes)))
    for destination, text in texts:
        _write_text(destination, text)
    if len(readings.sums) < len(Kind):
        if output.maps is not None or output.figure is not None:
            logger.warning("no window was compared, so there is no mean map to write or draw")
        return
    if output.maps is not None:
        save_maps(output.maps, plan, readings)
    if output.figure is not None:
        save_figure(figure_of(plan, readings, results, request.model), output.figure)


def _write_text(destination: str, text: str) -> None:
    """As BGZF where the name says so."""
    with open_stream(destination) as stream:
        if not destination.endswith(_BGZF_SUFFIXES):
            stream.write(text.encode())
            return
        encoder = BgzfEncoder(stream)
        encoder.write(text.encode())
        encoder.finish()


def mean_maps(plan: Plan, readings: Readings) -> dict[str, npt.NDArray[np.float64]]:
    """Mean maps by name: attention and attention over expectation, on boundaries and elsewhere; float64 [T, T]."""
    counts = Counter(one.kind for one in plan.places if one.is_read)
    parts = (("attention", readings.sums), ("relative", readings.relative_sums))
    return {f"{name}_{kind}": sums[kind] / counts[kind] for name, sums in parts for kind in Kind}


def save_maps(path: Path, plan: Plan, readings: Readings) -> None:
    """Write the mean maps, and the bp per token, as a NumPy archive (npz), complete or not at all."""
    arrays: dict[str, Any] = {name: values.astype(np.float32) for name, values in mean_maps(plan, readings).items()}
    with complete_or_absent(path) as temporary, temporary.open("wb") as handle:
        np.savez_compressed(handle, bin_width=np.array(plan.width), **arrays)


def figure_of(plan: Plan, readings: Readings, results: Sequence[Comparison], model: str) -> "Figure":
    """Draw a run in which windows were compared; raises DependencyError without matplotlib."""
    maps = mean_maps(plan, readings)
    difference = maps[f"relative_{Kind.BOUNDARY}"] - maps[f"relative_{Kind.MATCHED}"]
    shown = [one for measure in (INSULATION, STRIPE) if (one := of_mean(results, Between.PLACES, measure)) is not None]
    distributions = [Distribution(_UNITS[one.measure], one.first, one.second, _words(one)) for one in shown]
    return draw_boundaries(difference, plan.width, distributions, _heads(results), f"model {Path(model).name}")


def _words(one: Comparison) -> str:
    turned = "" if np.isnan(one.shift_p) else f"\nlabels turned: P {one.shift_p:.2g}"
    return f"rank-biserial {one.rank_biserial:+.2f}, P {one.p:.2g}{turned}"


def _heads(results: Sequence[Comparison]) -> HeadEffects:
    heads = [one for one in results if one.between is Between.PLACES and one.measure == INSULATION and one.is_head]
    shape = (max(int(one.layer) for one in heads) + 1, max(int(one.head) for one in heads) + 1)
    effects, significant = np.full(shape, np.nan), np.zeros(shape, dtype=np.bool_)
    for one in heads:
        at = int(one.layer), int(one.head)
        effects[at] = one.rank_biserial
        # The stricter of both tests, where both were made.
        significant[at] = one.q < 0.05 and not one.shift_q >= 0.05
    return HeadEffects("insulation, rank-biserial\n(dot: Q < 0.05 in both tests)", effects, significant)
