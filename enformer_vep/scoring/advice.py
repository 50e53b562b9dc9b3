"""What a run says about the order and the density of its variants, which decide whether `--window-grid` pays."""

import logging
from collections.abc import Iterable, Iterator, Sequence

from enformer_vep.effects.network import Front, Operations
from enformer_vep.effects.tokens import chunk_tokens
from enformer_vep.genome.alleles import LONGEST_LOCAL
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.grid import WindowGrid
from enformer_vep.genome.variants import Variant
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.settings import Centre, Engine, Indels, ScoreSettings

logger = logging.getLogger(__name__)

SAMPLE = 256
"""Alleles that the advice is based on; a run with fewer gets none."""
WORTH_SAYING = 0.67
"""Share of today's operations below which the grid is recommended."""


def with_advice(variants: Iterable[Variant], scorer: Scorer) -> Iterator[Variant]:
    """Pass the alleles of a run on, and log once what would make it faster."""
    if scorer.settings.window_grid:
        return warn_if_unsorted(variants, scorer.geometry.window)
    return recommend_grid(variants, scorer)


def warn_if_unsorted(variants: Iterable[Variant], window: int) -> Iterator[Variant]:
    """Pass variants on, and say once when one comes so late that its tokens are no longer kept.

    Args:
        variants: ALT alleles.
        window: Window length in bp.
    """
    left, contig, furthest, is_sorted = set[str](), None, 0, True
    for variant in variants:
        if variant.contig != contig:
            is_late = variant.contig in left
            left.add(variant.contig)
            contig, furthest = variant.contig, variant.position
        else:
            is_late = variant.position < furthest - window
            furthest = max(furthest, variant.position)
        if is_late and is_sorted:
            is_sorted = False
            logger.warning(
                "%s:%d comes after variants beyond it: with --window-grid, variants that are not sorted take a full "
                "pass each; sort them first (bcftools sort)",
                variant.contig,
                variant.position,
            )
        yield variant


def recommend_grid(variants: Iterable[Variant], scorer: Scorer) -> Iterator[Variant]:
    """Pass variants on, and say once, after the first `SAMPLE`, whether `--window-grid` would pay."""
    front, operations, sample = scorer.front, scorer.operations, list[Variant]()
    may_pay = is_advisable(scorer.settings) and front is not None and operations is not None
    for variant in variants:
        if may_pay and len(sample) < SAMPLE:
            sample.append(variant)
            if len(sample) == SAMPLE:
                assert front is not None
                assert operations is not None
                share = share_of_operations(sample, front, operations, scorer.geometry, scorer.settings.indels)
                _recommend(sample, share, scorer.geometry)
        yield variant


def is_advisable(settings: ScoreSettings) -> bool:
    """Whether a run has a window for every variant, and an engine that could do with fewer convolutions."""
    by_gene = settings.genes is not None and settings.genes.centre is Centre.TSS
    shares = settings.window_grid or settings.share_windows or by_gene or settings.saturation is not None
    return not (shares or settings.engine is Engine.PAIR)


def share_of_operations(
    sample: Sequence[Variant], front: Front, operations: Operations, geometry: Geometry, indels: Indels
) -> float:
    """Operations on a grid, relative to a window for every position; heads are left out.

    Args:
        sample: Consecutive ALT alleles.
        front: What is computed once.
        operations: Counted.
        geometry: Window and tokens.
        indels: Where they leave the flanks.
    """
    grid, tokens = WindowGrid(geometry.window, front.width), geometry.window // front.width
    positions = dict.fromkeys((one.contig, one.position) for one in sample)
    windows = dict.fromkeys((one.contig, grid.around(one.start)) for one in sample)
    growths = [abs(len(one.alternate) - len(one.reference)) for one in sample]
    twice = sum(0 < growth <= LONGEST_LOCAL for growth in growths) if indels is Indels.LOCAL else 0
    moved = sum(growth > 0 for growth in growths) - twice
    # Alike in both: every alternate's change (two of a local indel), and the side that another indel moves.
    alike = (len(sample) + twice) * operations.alternate + moved * tokens / 2 * operations.token
    today = len(positions) * (tokens * operations.token + operations.window)
    chunk = chunk_tokens(front, geometry.window)
    new = sum(_new_bases(windows, geometry.window)) / front.width * (1 + 2 * front.edge / chunk)
    patch = 4 * front.edge + 1
    again = len(windows) * 4 * front.edge + patch * len({(contig, place // front.width) for contig, place in positions})
    on_grid = (new + again) * operations.token + len(windows) * operations.window
    return (alike + on_grid) / (alike + today)


def _new_bases(windows: Iterable[tuple[str, int]], length: int) -> Iterator[int]:
    """Of each window, the bases that the one before has not."""
    contig, before = None, 0
    for name, start in windows:
        yield length if name != contig else min(abs(start - before), length)
        contig, before = name, start


def _recommend(sample: Sequence[Variant], share: float, geometry: Geometry) -> None:
    if share > WORTH_SAYING:
        return
    first, last = sample[0], sample[-1]
    apart = abs(last.position - first.position) if first.contig == last.contig else 0
    density = f"lie at {len(sample) / apart * 1e6:,.0f} per Mb" if apart else "lie close together"
    logger.info(
        "the first %d alleles %s: with --window-grid they would take about %.0f %% of the operations (windows up to "
        "%d bp from where they are now)",
        len(sample),
        density,
        100 * share,
        geometry.width // 2,
    )
