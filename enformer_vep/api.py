"""The Python interface: the same steps as the command line, for notebooks and scripts."""

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.checks import check_variant
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import GeneIndex, read_genes
from enformer_vep.genome.placing import OwnWindow
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.genome.vcf import read_variants
from enformer_vep.models.checkpoints import LoadedModel
from enformer_vep.scoring.assembly import make_scorer, open_model
from enformer_vep.scoring.batches import Reference, score_variants
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.settings import ComputeSettings, ScoreSettings
from enformer_vep.tables.row import VARIANT_COLUMNS, Layout, ScoredVariant

logger = logging.getLogger(__name__)

_NAMES = tuple(name.lstrip("#") for name in VARIANT_COLUMNS)


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
    loaded = open_model(model, settings, compute) if isinstance(model, str) else model
    return make_scorer(loaded, settings, compute, targets)


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
    batches = score_variants(alleles, reference, scorer)
    return to_frame((row for batch in batches for row in batch.rows), scorer.layout)


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
    effect = scorer.effect(scorer.prepare(placed, genome))
    bins = placed[0].readouts[0].bins
    rows = slice(None) if bins is None else slice(bins[0], bins[-1] + 1)
    return effect.reference[0, rows].float().cpu().numpy(), effect.delta[0, rows].float().cpu().numpy()
