"""The Python interface: the same steps as the command line, for notebooks and scripts."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from enformer_vep.errors import InputError, UsageError
from enformer_vep.explain.contributor import open_contributor
from enformer_vep.genome.checks import check_variant
from enformer_vep.genome.encoding import UNKNOWN, Codes, encode
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import GeneIndex, read_genes
from enformer_vep.genome.placing import OwnWindow
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.genome.vcf import read_variants
from enformer_vep.genome.windows import centre_index
from enformer_vep.models.checkpoints import LoadedModel
from enformer_vep.scoring.assembly import make_scorer, open_model
from enformer_vep.scoring.batches import score_variants
from enformer_vep.scoring.checking import Reference, place_variant
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.settings import ComputeSettings, ContributionSettings, ScoreSettings
from enformer_vep.tables.row import VARIANT_COLUMNS, Layout, ScoredVariant

Floats = npt.NDArray[np.float32]

_NAMES = tuple(name.lstrip("#") for name in VARIANT_COLUMNS)
_LETTERS = b"ACGTNRYSWKMBDHV"


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
        compute: Device, batch size, window; default automatic. Its `threads`, when given, are set for the whole
            process; nothing else of the process is touched.
        targets: Track table of a model that carries none, see `track_table`.

    Returns:
        A scorer for `score`, `predict_effect` and `predict`; the model given stays as and where it is.
    """
    settings, compute = settings or ScoreSettings(), compute or ComputeSettings()
    if compute.threads is not None:
        torch.set_num_threads(compute.threads)
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
        genes = read_genes(
            Path(genes), genome.resolve, types=settings.genes.types, transcripts=settings.genes.transcripts
        )
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
    right = pd.DataFrame(np.array(values, dtype=np.float32).reshape(-1, len(missing)), columns=list(layout.values))
    return pd.concat([left, right], axis=1)


def predict_effect(variant: Variant, genome: Genome, scorer: Scorer) -> tuple[Floats, Floats]:
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
        raise InputError(f"{variant.contig}:{variant.position} {variant.reference}>{variant.alternate}: {status}")
    placer = OwnWindow(scorer.geometry, scorer.settings.centre_bins, scorer.grid)
    placed = place_variant(variant, placer, genome, scorer.settings.indels)
    effect = scorer.effect(scorer.prepare(placed, genome))
    bins = placed[0].readouts[0].bins
    rows = slice(None) if bins is None else slice(bins[0], bins[-1] + 1)
    return effect.reference[0, rows].float().cpu().numpy(), effect.delta[0, rows].float().cpu().numpy()


def predict(sequences: Sequence[str | bytes | Codes] | Codes, scorer: Scorer) -> Floats:
    """Predictions for sequences of your own, bin by bin.

    Args:
        sequences: W windows of the model's length: letters (A, C, G, T, N or another IUPAC code, in either case), or
            uint8 [W, L] base codes (A=0, C=1, G=2, T=3, N=4).
        scorer: From `open_scorer`; its tracks or groups, bins, strands, engine and precision count.

    Returns:
        float32 [W, bins, tracks], averaged over both strands if the scorer's settings ask for it.

    Raises:
        UsageError: The scorer's settings have shifts: what lies beside a window is not known here.
        InputError: A sequence has another length, or something that is no base.
    """
    if scorer.shifts != (0,):
        raise UsageError(
            f"shifts {','.join(map(str, scorer.shifts))} need the bases beside a window, which a sequence "
            "alone does not have: open the scorer with shifts=(0,), and with one phase of a grid"
        )
    if isinstance(sequences, str | bytes):
        raise InputError("a single sequence is given: put it into a list")
    window = scorer.geometry.window
    codes = [_codes(one, f"sequence {number}", window) for number, one in enumerate(sequences)]
    tracks = len(scorer.tracks) if scorer.weights is None else scorer.weights.shape[1]
    size, none = scorer.batch_size, np.empty((0, scorer.geometry.bins, tracks), dtype=np.float32)
    batches = (torch.from_numpy(np.stack(codes[first : first + size])) for first in range(0, len(codes), size))
    return np.concatenate([none, *(scorer.predict(batch).float().cpu().numpy() for batch in batches)])


def contributions(
    sequences: Sequence[str | bytes | Codes] | Codes,
    model: str | LoadedModel = "enformer",
    settings: ContributionSettings | None = None,
    compute: ComputeSettings | None = None,
    targets: Path | None = None,
) -> Floats:
    """What each base of sequences of your own contributes to the prediction in their middle.

    Args:
        sequences: W windows of the model's length, as for `predict`.
        model: What `--model` takes, or a model already loaded, which stays as and where it is.
        settings: Tracks or groups (at most 64), bins, recipe, strands.
        compute: Device, threads, window; default automatic.
        targets: Track table of a model that carries none.

    Returns:
        float32 [W, tracks or groups, L], per base and with signs.

    Raises:
        UsageError: The settings ask for genes, other positions or shifts: what is beside a window is not known here.
        InputError: A sequence has another length, or something that is no base.
    """
    settings, compute = settings or ContributionSettings(), compute or ComputeSettings()
    if settings.shifts != (0,) or settings.queries or settings.genes:
        raise UsageError("sequences have no genes, positions or bases beside them: leave out shifts, queries and genes")
    if isinstance(sequences, str | bytes):
        raise InputError("a single sequence is given: put it into a list")
    if compute.threads is not None:
        torch.set_num_threads(compute.threads)
    contributor = open_contributor(model, settings, compute, targets)
    geometry = contributor.plan.in_use
    wanted = geometry.bins_around(centre_index(geometry.window), settings.centre_bins) or range(geometry.bins)
    explained = contributor.targets([wanted])
    windows = [_codes(one, f"sequence {number}", geometry.window) for number, one in enumerate(sequences)]
    none = np.empty((0, len(explained), geometry.window), dtype=np.float32)
    results = [contributor.explain(torch.from_numpy(codes), explained).contributions[None] for codes in windows]
    return np.concatenate([none, *results])


def _codes(sequence: object, name: str, window: int) -> Codes:
    if isinstance(sequence, str | bytes):
        letters = sequence.encode("ascii", "replace") if isinstance(sequence, str) else sequence
        wrong = letters.upper().translate(None, _LETTERS)
        if wrong:
            raise InputError(
                f"{name} has {wrong[:1].decode('latin-1')!r}: write A, C, G, T, N or another IUPAC code of DNA"
            )
        codes = encode(letters)
    elif isinstance(sequence, np.ndarray) and sequence.dtype == np.uint8 and sequence.ndim == 1:
        codes = sequence
        if (codes > UNKNOWN).any():
            raise InputError(f"{name} has the base code {codes.max()}: A, C, G, T, N are 0, 1, 2, 3, 4")
    else:
        raise InputError(f"{name} is neither letters (str, bytes) nor base codes: give uint8 [windows, {window}]")
    if len(codes) != window:
        raise InputError(
            f"{name} has {len(codes)} bases, but this model reads {window}: cut it, or fill it up with N on both sides"
        )
    return codes
