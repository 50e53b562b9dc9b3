"""The Python interface: the same steps as the command line, for notebooks and scripts."""

import itertools
import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.effects.devices import resolve_device
from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.checks import check_variant
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import GeneIndex, read_genes
from enformer_vep.genome.placing import OwnWindow
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.genome.vcf import read_variants
from enformer_vep.model import hub
from enformer_vep.model.checkpoints import LoadedModel, load_model, wanted_heads
from enformer_vep.model.sources import Checkpoint, Geometry, open_checkpoint
from enformer_vep.pipeline import Scorer, make_scorer
from enformer_vep.results import VARIANT_COLUMNS, Layout, ScoredVariant
from enformer_vep.rows import Reference, make_views, score_piece
from enformer_vep.settings import ComputeSettings, ScoreSettings
from enformer_vep.tracks.table import TrackTable, require_same_tracks

logger = logging.getLogger(__name__)

_NAMES = tuple(name.lstrip("#") for name in VARIANT_COLUMNS)


def track_table(
    model: LoadedModel | Checkpoint, organism: str, targets: Path | None = None
) -> TrackTable | None:
    """Find out what the tracks of a head are.

    Args:
        model: A model; its metadata may carry the table.
        organism: Which head.
        targets: A targets.txt: the names of a model's tracks that carries no table, or other descriptions of
            the same tracks. Of a model with a table it has to have the identifiers, in the same order.

    Returns:
        The table, or None (with a warning) when there is none: columns are then named by index.

    Raises:
        InputError: When the table has another number of tracks than the head, or others than the model's own.
    """
    source = str(targets) if targets else f"model {model.name}"
    table = TrackTable.read(targets) if targets else own_table(model, organism)
    if table is None:
        logger.warning(
            "model %s carries no table of its %s tracks: columns are named by index; give one with --targets",
            model.name,
            organism,
        )
        return None
    tracks = model.config.output_tracks.get(organism)
    if tracks is not None and len(table) != tracks:
        raise InputError(
            f"{source}: {len(table)} tracks listed, but the {organism} head has {tracks}: "
            "give the table of this model with --targets"
        )
    if targets:
        _require_own_tracks(table, model, organism, source)
    return table


def _require_own_tracks(
    table: TrackTable, model: LoadedModel | Checkpoint, organism: str, source: str
) -> None:
    try:
        own = own_table(model, organism)
    except InputError as error:
        logger.warning("%s; taking %s instead", error, source)
        return
    # A table of another length than the head says nothing about it either: the one that was given is its cure.
    if own is not None and len(own) == len(table):
        require_same_tracks(table.identifiers, own.identifiers, source, f"model {model.name}")


def own_table(model: LoadedModel | Checkpoint, organism: str) -> TrackTable | None:
    """The track table that a model carries; None when it carries none."""
    text = model.metadata.get(f"targets_{organism}")
    return None if text is None else TrackTable.from_text(text, source=f"model {model.name}")


def load_track_table(model: str, targets: Path | None, organism: str) -> TrackTable | None:
    """The track table of a model whose weights are not needed: they are not read, nor fetched.

    Args:
        model: What `--model` takes.
        targets: A targets.txt, see `track_table`.
        organism: Which head.

    Returns:
        The table, or None when there is none.

    Raises:
        InputError: See `track_table`.
        ModelError: There is no such model, or it has no such head.
    """
    if model == hub.OFFICIAL_NAME:
        return _official_table(targets, organism)
    checkpoint = open_checkpoint(model, Geometry())
    wanted_heads(checkpoint, (organism,))
    return track_table(checkpoint, organism, targets)


def _official_table(targets: Path | None, organism: str) -> TrackTable | None:
    """The published table fits the official weights; a given one is compared with it where it is at hand."""
    text = hub.cached_targets(organism) if targets else hub.fetch_targets(organism)
    own = None if text is None else TrackTable.from_text(text, source=f"model {hub.OFFICIAL_NAME}")
    if targets is None:
        return own
    table = TrackTable.read(targets)
    if own is not None:
        require_same_tracks(table.identifiers, own.identifiers, str(targets), f"model {hub.OFFICIAL_NAME}")
    return table


def open_scorer(
    model: str | LoadedModel = "enformer",
    settings: ScoreSettings | None = None,
    compute: ComputeSettings | None = None,
    targets: Path | None = None,
) -> Scorer:
    """Make a model ready to score.

    Args:
        model: What `--model` takes, or a model already loaded.
        settings: What to score; default SAD on all human tracks.
        compute: Device, batch size, window; default automatic.
        targets: Track table of a model that carries none, see `track_table`.

    Returns:
        A scorer for `score` and `predict_effect`.
    """
    settings, compute = settings or ScoreSettings(), compute or ComputeSettings()
    device = resolve_device(compute.device)
    loaded = open_model(model, settings, compute) if isinstance(model, str) else model
    return make_scorer(loaded, track_table(loaded, settings.organism, targets), settings, compute, device)


def open_model(source: str, settings: ScoreSettings, compute: ComputeSettings) -> LoadedModel:
    """Load only the head that a run needs.

    Args:
        source: What `--model` takes.
        settings: Says which organism.
        compute: Says which window.

    Returns:
        The model, on the CPU.
    """
    return load_model(source, organisms=(settings.organism,), window=compute.window)


def score(
    variants: str | Path | Iterable[Variant],
    genome: str | Path | Genome,
    scorer: Scorer,
    genes: str | Path | GeneIndex | None = None,
) -> pd.DataFrame:
    """Score variants into a table.

    Args:
        variants: Path of a VCF or BCF, or variants.
        genome: Path of the FASTA, or an open genome.
        scorer: From `open_scorer`.
        genes: Annotation, a path or read already; needed when the scorer's settings ask for genes.

    Returns:
        One row per ALT allele (and gene), in order: CHROM, POS (1-based), ID, REF, ALT, STATUS, then float32
        score columns; NaN where STATUS is not "ok".

    Raises:
        UsageError: When genes are wanted and missing, or the other way round.
    """
    reference = _reference(genome if isinstance(genome, Genome) else Genome(genome), genes, scorer.settings)
    alleles = read_variants(str(variants)) if isinstance(variants, str | Path) else variants
    batches = score_piece(alleles, reference, scorer)
    return to_frame(itertools.chain.from_iterable(batches), scorer.layout)


def _reference(genome: Genome, genes: str | Path | GeneIndex | None, settings: ScoreSettings) -> Reference:
    if (genes is None) is not (settings.genes is None):
        raise UsageError("genes go with ScoreSettings(genes=GeneSettings()): give both or neither")
    if settings.genes and isinstance(genes, str | Path):
        genes = read_genes(Path(genes), genome.resolve, types=settings.genes.types)
    return Reference(genome, genes if isinstance(genes, GeneIndex) else None)


def to_frame(rows: Iterable[ScoredVariant], layout: Layout) -> pd.DataFrame:
    """Gather rows into a data frame; see `score`. The layout's context columns come after STATUS."""
    described, values = [], []
    missing = np.full(len(layout.values), np.nan, dtype=np.float32)
    no_context = (None,) * len(layout.context)
    for row in rows:
        variant = row.variant
        identity = (variant.contig, variant.position, variant.id, variant.reference, variant.alternate)
        described.append((*identity, row.status.value, *(row.context or no_context)))
        values.append(missing if row.values is None else row.values)
    types = {column.name: "Int64" if column.kind is int else "string" for column in layout.context}
    left = pd.DataFrame(described, columns=[*_NAMES, *types]).astype(types)
    right = pd.DataFrame(
        np.array(values, dtype=np.float32).reshape(-1, len(missing)), columns=list(layout.values)
    )
    return pd.concat([left, right], axis=1)


def predict_effect(
    variant: Variant, genome: Genome, scorer: Scorer
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Predictions for one variant, bin by bin.

    Args:
        variant: The ALT allele.
        genome: The reference.
        scorer: From `open_scorer`.

    Returns:
        Reference prediction and delta (alternate - reference), float32 [bins, tracks] each; the bins around
        the variant if the scorer's settings ask for such.

    Raises:
        InputError: When the variant cannot be scored; the message has the status.
    """
    status = check_variant(variant, genome, scorer.geometry.window)
    if status is not Status.OK:
        raise InputError(
            f"{variant.contig}:{variant.position} {variant.reference}>{variant.alternate}: {status}"
        )
    placed = OwnWindow(scorer.geometry, scorer.settings.centre_bins).place(variant)
    effect = scorer.effect(scorer.prepare(placed, make_views(placed, genome, scorer)))
    bins = placed[0].readouts[0].bins
    rows = slice(None) if bins is None else slice(bins[0], bins[-1] + 1)
    return effect.reference[0, rows].float().cpu().numpy(), effect.delta[0, rows].float().cpu().numpy()
