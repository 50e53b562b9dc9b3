"""From variants to rows: checks, windows, batches, scores. One chain of generators, flat in memory.

Invariant: ALT alleles read = rows written, in the same order.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from enformer_vep.effects.averaging import predict_averaged
from enformer_vep.effects.base import Effect, EffectEngine, make_batch
from enformer_vep.effects.devices import MemoryGuard, automatic_batch_size
from enformer_vep.effects.pair import PairEngine
from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.checks import check_variant
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.genome.windows import AllelePair, allele_pair
from enformer_vep.model.checkpoints import LoadedModel
from enformer_vep.output.base import ScoreWriter
from enformer_vep.results import ScoredVariant
from enformer_vep.scores import centred_bins, compute_scores
from enformer_vep.settings import ComputeSettings, ScoreSettings
from enformer_vep.tracks.selection import select_tracks
from enformer_vep.tracks.table import TrackTable

logger = logging.getLogger(__name__)

# Rows that wait for a batch to fill; a long run of alleles that are not scored must not pile up.
LARGEST_BACKLOG = 4096


@dataclass(frozen=True, slots=True)
class Scorer:
    """A model made ready for one run.

    Attributes:
        columns: Names of the value columns, one per score and track: "SAD_ENCFF136DBS".
        tracks: Rows of the head, in column order.
        window: Window length in bp.
        batch_size: Alternates per batch.
        device: Where the engine computes.
        engine: Predicts effects.
        settings: What was asked for.
    """

    columns: tuple[str, ...]
    tracks: tuple[int, ...]
    window: int
    batch_size: int
    device: torch.device
    engine: EffectEngine
    settings: ScoreSettings

    def effect(self, views: Sequence[Sequence[AllelePair]]) -> Effect:
        """Predict, averaged over strands and shifts.

        Args:
            views: For each shift, the windows of all variants of the batch.

        Returns:
            Reference prediction and delta [B, bins, tracks], on the scorer's device.
        """
        batches = [make_batch(pairs).to(self.device) for pairs in views]
        return predict_averaged(self.engine, batches, self.settings.reverse_complement)

    def score(self, views: Sequence[Sequence[AllelePair]]) -> npt.NDArray[np.float32]:
        """Score a batch: float32 [B, columns]. See `effect` for `views`."""
        effect = self.effect(views)
        with torch.inference_mode():
            scores = compute_scores(effect.reference, effect.delta, self.settings.scores)
            return scores.flatten(1).cpu().numpy()


@dataclass
class RunSummary:
    """What happened in a run.

    Attributes:
        counts: Number of ALT alleles by status.
        seconds: Wall-clock time.
    """

    counts: Counter[Status] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def alleles(self) -> int:
        """ALT alleles read, which is rows written."""
        return self.counts.total()

    @property
    def rate(self) -> float:
        """Alleles per second."""
        return self.alleles / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, object]:
        """Plain values for `--summary`."""
        return {
            "alleles": self.alleles,
            "scored": self.counts[Status.OK],
            "by_status": {status.value: self.counts[status] for status in Status if self.counts[status]},
            "seconds": round(self.seconds, 3),
            "alleles_per_second": round(self.rate, 3),
        }


def make_scorer(
    model: LoadedModel,
    table: TrackTable | None,
    settings: ScoreSettings,
    compute: ComputeSettings,
    device: torch.device,
) -> Scorer:
    """Fix tracks, bins and engine.

    Args:
        model: The network and its configuration.
        table: Track table of the organism; None when there is none.
        settings: What to score.
        compute: In what portions.
        device: Where.

    Returns:
        The scorer, with the network moved to the device.

    Raises:
        UsageError: When organism, tracks or bins do not exist in this model.
    """
    organism, config = settings.organism, model.config
    if organism not in model.network.heads:
        raise UsageError(
            f"model {model.name} has no {organism} head: choose from {', '.join(model.network.heads)}"
        )
    track_count = config.output_tracks[organism]
    tracks = (
        select_tracks(settings.tracks, table, track_count) if settings.tracks else tuple(range(track_count))
    )
    try:
        bins = centred_bins(config.target_length, settings.centre_bins)
    except ValueError as error:
        raise UsageError(f"--bins center:{settings.centre_bins}: {error}") from None
    network = model.network.to(device)
    engine = PairEngine(network, organism, tracks, bins, settings.precision)
    return Scorer(
        columns=column_names(settings.scores, tracks, table),
        tracks=tracks,
        window=config.window,
        batch_size=compute.batch_size or automatic_batch_size(config, device),
        device=device,
        engine=MemoryGuard(engine),
        settings=settings,
    )


def column_names(scores: Sequence[str], tracks: Sequence[int], table: TrackTable | None) -> tuple[str, ...]:
    """Names like "SAD_ENCFF136DBS", or "SAD_5110" without a track table; scores outermost."""
    labels = [table[track].identifier if table is not None else str(track) for track in tracks]
    return tuple(f"{score}_{label}" for score in scores for label in labels)


def check_variants(
    variants: Iterable[Variant], genome: Genome, window: int, strict: bool
) -> Iterator[tuple[Variant, Status]]:
    """Say of every allele whether it can be scored.

    Args:
        variants: ALT alleles.
        genome: The reference.
        window: Window length in bp.
        strict: Refuse a REF that differs from the genome.

    Yields:
        Each allele with its status.

    Raises:
        InputError: On a REF mismatch, when strict.
    """
    for variant in variants:
        status = check_variant(variant, genome, window)
        if strict and status is Status.REF_MISMATCH:
            raise InputError(
                f"REF {variant.reference} at {variant.contig}:{variant.position} is not what the genome has: "
                "use the assembly that the VCF was called on, or leave out --strict"
            )
        yield variant, status


def score_variants(
    checked: Iterable[tuple[Variant, Status]], genome: Genome, scorer: Scorer
) -> Iterator[list[ScoredVariant]]:
    """Score alleles in batches and give every one back, in order.

    Args:
        checked: Alleles with their status.
        genome: The reference.
        scorer: The model, made ready.

    Yields:
        Batches of rows, one row per allele.
    """
    for backlog in _batches(checked, scorer.batch_size):
        scored = [variant for variant, status in backlog if status is Status.OK]
        values = iter(scorer.score(_views(scored, genome, scorer)) if scored else ())
        yield [
            ScoredVariant(variant, status, next(values) if status is Status.OK else None)
            for variant, status in backlog
        ]


def run(
    batches: Iterable[Sequence[ScoredVariant]], writer: ScoreWriter, progress: Callable[[ScoredVariant], None]
) -> RunSummary:
    """Write every row as it comes.

    Args:
        batches: Scored alleles.
        writer: Where they go; flushed after each batch.
        progress: Called after each row.

    Returns:
        Counts and speed.
    """
    summary, began = RunSummary(), time.perf_counter()
    for rows in batches:
        for row in rows:
            writer.write(row)
            summary.counts[row.status] += 1
            progress(row)
        writer.flush()
    summary.seconds = time.perf_counter() - began
    return summary


def describe_run(model: LoadedModel, scorer: Scorer) -> Mapping[str, object]:
    """The part of the provenance that the scorer knows, for the log and `--summary`."""
    settings = scorer.settings
    return {
        "model": {"name": model.name, "sha256": model.sha256, "window": scorer.window},
        "settings": {
            "scores": [score.value for score in settings.scores],
            "bins": settings.centre_bins or "all",
            "organism": settings.organism,
            "tracks": len(scorer.tracks),
            "reverse_complement": settings.reverse_complement,
            "shifts": list(settings.shifts),
            "precision": settings.precision.value,
            "engine": "pair",
            "batch_size": scorer.batch_size,
        },
        "device": _device_name(scorer.device),
    }


def _batches(
    checked: Iterable[tuple[Variant, Status]], batch_size: int
) -> Iterator[list[tuple[Variant, Status]]]:
    """Cut the stream after every `batch_size` alleles to score."""
    backlog: list[tuple[Variant, Status]] = []
    to_score = 0
    for variant, status in checked:
        backlog.append((variant, status))
        to_score += status is Status.OK
        if to_score == batch_size or len(backlog) == LARGEST_BACKLOG:
            yield backlog
            backlog, to_score = [], 0
    if backlog:
        yield backlog


def _views(variants: Sequence[Variant], genome: Genome, scorer: Scorer) -> list[list[AllelePair]]:
    return [
        [allele_pair(genome, variant, _contig(genome, variant), scorer.window, shift) for variant in variants]
        for shift in scorer.settings.shifts
    ]


def _contig(genome: Genome, variant: Variant) -> str:
    contig = genome.resolve(variant.contig)
    assert contig is not None, "check_variant lets no unknown contig through"
    return contig


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
