"""A model made ready for one run: from windows to the values of rows."""

import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from enformer_vep.calibration import Confidence, Extension
from enformer_vep.calibration.additions import is_effect
from enformer_vep.effects.effect import Effect, EffectBatch, make_batch
from enformer_vep.effects.guards import is_finite
from enformer_vep.effects.network import Front, Operations
from enformer_vep.effects.predictor import Observer, Predictor
from enformer_vep.effects.sites import Place, Sites, make_sites
from enformer_vep.effects.stitching import Stitches, plan_stitches
from enformer_vep.effects.tokens import bases_beside
from enformer_vep.genome.alleles import VariantClass, variant_class
from enformer_vep.genome.bins import Geometry, whole_bins
from enformer_vep.genome.compensation import compensated, is_compensated
from enformer_vep.genome.encoding import encode
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.grid import WindowGrid
from enformer_vep.genome.normalisation import locate
from enformer_vep.genome.placing import Placed, Readout
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.genome.windows import AllelePair, allele_pair, right_anchored, window_start
from enformer_vep.scoring.layout import agreement_blocks
from enformer_vep.scoring.readout import RowReader
from enformer_vep.scoring.screening import Screen
from enformer_vep.scoring.spread import ViewObserver, with_spread
from enformer_vep.settings import Indels, ScoreSettings
from enformer_vep.tables.row import Layout

logger = logging.getLogger(__name__)

_OVERFLOW = "float16 overflowed in a batch of %d %s: repeated in float32"

Floats = npt.NDArray[np.float32]

Suitability = Callable[[Variant, Genome], Status]
"""Says of an allele that fits its window and the genome whether a model can score it, or why not."""


@dataclass(frozen=True, slots=True)
class Alternates:
    """What a variant is predicted with, in one view.

    Attributes:
        pairs: Its window; of an indel two, to be averaged or stitched.
        averaged: Whether two are averaged.
    """

    pairs: tuple[AllelePair, ...]
    averaged: bool = False


def grid_of(settings: ScoreSettings, geometry: Geometry) -> WindowGrid | None:
    """Where windows may begin; None for anywhere."""
    return WindowGrid(geometry.window, geometry.width, settings.phases) if settings.window_grid else None


@dataclass(frozen=True, slots=True)
class Work:
    """Windows that are computed at once, ready for the device.

    Attributes:
        batches: For each shift, the windows of all alternates.
        stitches: For each shift, how alternates go together; None when there is one for each variant.
        readouts: For each variant, its rows.
        classes: Of each row.
    """

    batches: Sequence[EffectBatch]
    stitches: Sequence[Stitches] | None
    readouts: Sequence[Sequence[Readout]]
    classes: Sequence[VariantClass] = ()

    def select(self, rows: Sequence[int]) -> "Work":
        """The same of some variants (ascending), where each has one alternate."""
        assert self.stitches is None, "alternates are variants"
        batches = [batch.select(torch.tensor(rows)) for batch in self.batches]
        return Work(batches, None, [self.readouts[row] for row in rows])


@dataclass(frozen=True, slots=True)
class Submitted:
    """Values that the device computes, or has computed.

    Attributes:
        work: What they are computed of.
        values: float32 [rows, columns], on the CPU once the event has come; what only confidence is judged by
            stands after the value columns.
        finite: Whether every number on the way is one, likewise; None where that cannot fail.
        done: The event; None when the device was not waited for because there is nothing to wait for.
    """

    work: Work
    values: Tensor
    finite: Tensor | None = None
    done: torch.cuda.Event | None = None


@dataclass(frozen=True, slots=True)
class Scorer:
    """A model made ready for one run.

    Attributes:
        model: Name of the model.
        sha256: Identity of its weights.
        layout: Columns of the rows: a block of all tracks per score.
        tracks: Rows of the head that the columns are made of.
        geometry: Window, and the bins in use.
        predictor: Predicts effects, averaged over strands and shifts.
        batch_size: Windows per batch.
        settings: What was asked for.
        weights: float64 [tracks, groups], on the device, to average predictions over groups of tracks; None
            for single tracks.
        extension: Computes further columns from the scores; None for none.
        fallback: Makes the predictor that repeats a batch whose arithmetic overflowed; None where it cannot.
        front: What of the network can be computed once per contig; None where nothing can.
        operations: How much there is to compute; None where nobody has counted.
        suited: What the model asks of an allele beside a window; None for nothing.
    """

    model: str
    sha256: str
    layout: Layout
    tracks: tuple[int, ...]
    geometry: Geometry
    predictor: Predictor
    batch_size: int
    settings: ScoreSettings
    weights: Tensor | None = None
    extension: Extension | None = None
    fallback: Callable[[], Predictor] | None = None
    front: Front | None = None
    operations: Operations | None = None
    suited: Suitability | None = None

    @property
    def shares_tokens(self) -> bool:
        """Whether what the network computes of each base is kept from window to window.

        Where windows lie on a grid, and where all changes of a stretch have one window.
        """
        return self.front is not None and (self.grid is not None or self.settings.saturation is not None)

    @property
    def grid(self) -> WindowGrid | None:
        """Where windows may begin; None for anywhere."""
        return grid_of(self.settings, self.geometry)

    @property
    def shifts(self) -> tuple[int, ...]:
        """Shifts of a variant's window that are averaged over: those asked for, in every phase of the grid."""
        return self.settings.shifts if self.grid is None else self.grid.views(self.settings.shifts)

    @property
    def effect_columns(self) -> list[int]:
        """Which value columns are scores of an effect: all but predictions."""
        wanted = [is_effect(block.score) for block in self.layout.blocks for _ in block.labels]
        return [number for number, is_one in enumerate(wanted) if is_one]

    @property
    def is_asynchronous(self) -> bool:
        """Whether the device computes while this process goes on."""
        return self.predictor.device.type == "cuda"

    def prepare(self, placed: Sequence[Placed], genome: Genome) -> Work:
        """Cut the windows of variants, on contigs that the genome has; the device has no part in it."""
        shifts = self.shifts
        views = [[self._alternates(one, genome, shift) for one in placed] for shift in shifts]
        stitches = None
        if any(len(one.pairs) > 1 for one in views[0]):
            stitches = [self._stitches(view, shift) for view, shift in zip(views, shifts, strict=True)]
        batches = [self._batch(placed, view, genome, shift) for view, shift in zip(views, shifts, strict=True)]
        classes = [class_of(one.variant) for one in placed for _ in one.readouts]
        return Work(batches, stitches, [one.readouts for one in placed], classes)

    def effect(self, work: Work) -> Effect:
        """Predict, averaged over strands and shifts.

        Returns:
            Reference prediction and delta [B, bins, tracks or groups], on the scorer's device.
        """
        effect = self._effect(self.predictor, work)
        if self.fallback is not None and not bool(is_finite(effect.delta, effect.reference)):
            return self._repeated(self.fallback(), work)
        return effect

    def predict(self, codes: Tensor) -> Tensor:
        """Predict windows alone: uint8 [W, L] to [W, bins, tracks or groups], on the scorer's device."""
        predicted = self.predictor.predict([codes])
        if self.fallback is not None and not bool(is_finite(predicted)):
            logger.warning(_OVERFLOW, len(codes), "windows")
            predicted = self.fallback().predict([codes])
        return self._grouped(predicted)

    def screen(self, work: Work) -> Floats:
        """Compute rows to first order: float32 [rows, value columns]; variants are substitutions."""
        settings = self.settings
        screen = Screen(self.predictor, self._grouped, settings.scores, self.geometry.bins, settings.pseudocount)
        rows: Floats = screen(work.batches, work.readouts).cpu().numpy()
        return rows

    def submit(self, work: Work) -> Submitted:
        """Have work computed, without waiting for a GPU; `collect` waits."""
        values, effect = self._scores(self.predictor, work)
        finite = None if self.fallback is None else is_finite(effect.delta, effect.reference)
        if not self.is_asynchronous:
            return Submitted(work, values, finite)
        values, finite = _to_host(values), None if finite is None else _to_host(finite)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record(torch.cuda.current_stream(self.predictor.device))
        return Submitted(work, values, finite, done)

    def collect(self, submitted: Submitted) -> Floats:
        """Wait for values: float32 [rows, value columns], a row per readout."""
        if submitted.done is not None:
            submitted.done.synchronize()
        scores = submitted.values
        if self.fallback is not None and submitted.finite is not None and not bool(submitted.finite):
            _warn_of_overflow(submitted.work)
            scores = self._scores(self.fallback(), submitted.work)[0].cpu()
        computed: Floats = scores.numpy()
        if self.settings.confident is None and self.extension is None:
            return computed
        return self._finished(computed, submitted.work.classes)

    def class_cells(self, variant: Variant) -> tuple[str, ...]:
        """The class of a variant as it stands in a row: a cell when there is a calibration."""
        return () if self.extension is None else (class_of(variant).value,)

    def _finished(self, computed: Floats, classes: Sequence[VariantClass]) -> Floats:
        """The value columns of rows, from what the device computed."""
        settings, labels = self.settings, self.layout.blocks[0].labels
        agreement = agreement_blocks(settings, labels)
        width = len(agreement) * len(labels)
        shown = computed if settings.spread or settings.confident is None else computed[:, :-width]
        values = shown if self.extension is None else np.hstack([shown, self.extension(computed, classes)])
        if settings.confident is None:
            return values
        confidence = Confidence.of(settings.confident, self.layout.blocks, agreement)
        return confidence(values, computed[:, -width:])

    def _effect(self, predictor: Predictor, work: Work, observe: Observer | None = None) -> Effect:
        return predictor.effect(work.batches, work.stitches, observe).map(self._grouped)

    def _grouped(self, values: Tensor) -> Tensor:
        """[..., tracks] averaged over groups of tracks, if there are any."""
        return values if self.weights is None else values @ self.weights.to(values.dtype)

    def _repeated(self, predictor: Predictor, work: Work) -> Effect:
        _warn_of_overflow(work)
        return self._effect(predictor, work)

    def _scores(self, predictor: Predictor, work: Work) -> tuple[Tensor, Effect]:
        """float32 [rows, columns], and the effect that they are of, on the device."""
        rows = RowReader.of(work.readouts, predictor.device)
        observer, settings = None, self.settings
        if settings.compares_views:
            observer = ViewObserver(rows, settings.scores, self._grouped, settings.pseudocount)
        effect = self._effect(predictor, work, observer)
        with torch.inference_mode():
            scores = rows.read(effect, self.settings.scores, self.settings.pseudocount)
            if observer is not None:
                scores = with_spread(scores, observer.spread, self.settings)
            return scores.flatten(1), effect

    def _alternates(self, placed: Placed, genome: Genome, shift: int) -> Alternates:
        variant, window = placed.variant, self.geometry.window
        contig = genome.resolve(variant.contig)
        assert contig is not None, "check_variant lets no unknown contig through"
        shift += placed.shift
        pair = allele_pair(genome, variant, contig, window, shift)
        if self.settings.indels is Indels.LEFT or pair.reference_length == pair.alternate_length:
            return Alternates((pair,))
        site = locate(variant, genome, contig)
        if self.settings.indels is Indels.LOCAL and is_compensated(site):
            start = window_start(variant.start, window, shift)
            return Alternates(compensated(pair, start, genome, site, contig), averaged=True)
        return Alternates((pair, right_anchored(pair, genome, variant, contig, shift)))

    def _batch(self, placed: Sequence[Placed], view: Sequence[Alternates], genome: Genome, shift: int) -> EffectBatch:
        pairs = [pair for alternates in view for pair in alternates.pairs]
        if self.front is None or not self.shares_tokens:
            return make_batch(pairs)
        places = [
            Place(genome.resolve(one.variant.contig) or "", one.window_start(self.geometry.window) + shift)
            for one, alternates in zip(placed, view, strict=True)
            for _ in alternates.pairs
        ]
        beside = bases_beside(self.front, self.geometry.window)
        return make_batch(pairs, self._sites(pairs, places, genome, beside))

    def _sites(self, pairs: Sequence[AllelePair], places: Sequence[Place], genome: Genome, beside: int) -> Sites:
        window = self.geometry.window
        codes = [
            encode(genome.fetch(place.contig, place.start - beside, place.start + window + beside))
            for place, _ in itertools.groupby(places)
        ]
        return make_sites(pairs, places, codes, beside)

    def _stitches(self, view: Sequence[Alternates], shift: int) -> Stitches:
        """Seams lie where REF ends in this view."""
        move = whole_bins(shift, self.geometry.width)
        seams = [None if one.averaged else self._last_bin(one.pairs[0]) + move for one in view]
        return plan_stitches([len(one.pairs) for one in view], seams)

    def _last_bin(self, pair: AllelePair) -> int:
        return self.geometry.bin_of(pair.edit_start + pair.reference_length - 1)


def _warn_of_overflow(work: Work) -> None:
    logger.warning(_OVERFLOW, len(work.batches[0]), "alleles")


def class_of(variant: Variant) -> VariantClass:
    """What kind of change an allele is."""
    return variant_class(variant.reference, variant.alternate)


def _to_host(values: Tensor) -> Tensor:
    """A copy in pinned memory, into which a GPU copies by itself."""
    host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    return host.copy_(values, non_blocking=True)
