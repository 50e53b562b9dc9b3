"""Chooses negatives for fine-mapped positives, out of a VCF with frequencies."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from enformer_vep.eqtl.balance import Balance, RunningMoments, balance
from enformer_vep.eqtl.eqtl_settings import LabelSettings
from enformer_vep.eqtl.gene_starts import GeneStarts
from enformer_vep.eqtl.labels import read_labels
from enformer_vep.eqtl.ld_blocks import LinkageBlocks
from enformer_vep.eqtl.negative_settings import GeneRule, NegativeSettings
from enformer_vep.eqtl.pairing import pair
from enformer_vep.eqtl.pools import Place, Pools
from enformer_vep.eqtl.positives import Match, Positive, Unwanted, place_positives, read_positives
from enformer_vep.errors import InputError, UsageError
from enformer_vep.files.reading import STANDARD_INPUT
from enformer_vep.genome.alleles import variant_class
from enformer_vep.genome.checks import check_alleles
from enformer_vep.genome.contigs import contig_key
from enformer_vep.genome.genes import read_genes
from enformer_vep.genome.regions import Region
from enformer_vep.genome.variants import Status
from enformer_vep.genome.vcf import read_numbers, reads_once
from enformer_vep.tables.matching import VariantKey

logger = logging.getLogger(__name__)

Advance = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class NegativeInputs:
    """Where everything is.

    Attributes:
        labels: Tables of fine-mapped variants.
        variants: VCF or BCF with frequencies; it is read twice.
        annotation: GTF or GFF3.
        blocks: BED of LD blocks, if negatives are to lie in another one than their positive.
    """

    labels: tuple[Path, ...]
    variants: Path
    annotation: Path
    blocks: Path | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """A positive with what was found for it.

    Attributes:
        positive: It; its outcome says what became of it.
        outcome: `Match`.
        candidates: In its pool; at most what a pool holds.
        negatives: Those chosen, the nearest first; none for a positive that is left out.
    """

    positive: Positive
    outcome: str
    candidates: int
    negatives: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Negatives:
    """What was chosen.

    Attributes:
        matched: Every positive, in the order of the labels.
        balance: By tissue and covariate.
    """

    matched: tuple[Matched, ...]
    balance: tuple[Balance, ...]


def choose_negatives(
    inputs: NegativeInputs, labels: LabelSettings, settings: NegativeSettings, advance: Advance = lambda variants: None
) -> Negatives:
    """Reads everything and matches, tissue by tissue; a variant serves once in a tissue.

    Raises:
        InputError: Something cannot be read, or no positive finds a negative.
        UsageError: The VCF can be read only once.
    """
    path = inputs.variants
    if str(path) == STANDARD_INPUT or (path.exists() and not path.is_dir() and reads_once(str(path))):
        raise UsageError(f"--variants {path} is a pipe, but is read twice; name a file")
    rows = read_labels(inputs.labels, labels)
    starts = GeneStarts(read_genes(inputs.annotation, contig_key, types=settings.gene_types), settings.reach)
    blocks = None if inputs.blocks is None else LinkageBlocks(inputs.blocks)
    positives = read_positives(rows)
    if not positives:
        raise InputError(f"{inputs.labels[0]} has no positive; lower --positive-pip")
    _require_genes(positives, settings.gene)
    block = blocks.number if blocks is not None else lambda contig, position: 0
    frequencies = _frequencies(inputs.variants, positives, settings.info)
    positives = place_positives(positives, starts, settings.gene, settings.reach, frequencies, block)
    targets = {place: number for number, place in enumerate(dict.fromkeys(_places(positives)))}
    pools = Pools(list(targets), settings, by_block=blocks is not None)
    pool = RunningMoments()
    for candidate in _candidates(inputs.variants, list(targets), starts, settings, Unwanted(rows), block, advance):
        pool.add(candidate)
        pools.offer(candidate)
    return _match(positives, targets, pools, pool, settings)


def _require_genes(positives: Sequence[Positive], rule: GeneRule) -> None:
    if rule is GeneRule.SAME and not any(one.label["gene"] for one in positives):
        raise InputError("no positive has a gene; name its column with --column gene=NAME, or give --gene nearest")


def _places(positives: Sequence[Positive]) -> Iterator[Place]:
    return (one.place for one in positives if one.place is not None)


def _frequencies(path: Path, positives: Sequence[Positive], info: str) -> dict[VariantKey, float]:
    """Minor allele frequencies of the positives, by `VariantKey.either`, as far as the VCF has them."""
    wanted = {one.key.either for one in positives if not one.outcome}
    regions = [
        Region(key.contig, int(key.position) - 1, int(key.position) - 1 + len(key.reference))
        for key in dict.fromkeys(one.key for one in positives if not one.outcome)
    ]
    known = [region.contig for region in regions]
    found = {}
    for variant, number in read_numbers(str(path), info, regions, known) if regions else ():
        key = VariantKey.of(variant.contig, variant.position, variant.reference, variant.alternate).either
        if key in wanted and number is not None:
            found[key] = _minor(number, variant.contig, variant.position, info)
    return found


def _minor(frequency: float, contig: str, position: int, info: str) -> float:
    if not 0 <= frequency <= 1:
        raise InputError(f"{contig}:{position}: {info} {frequency:g} is not from 0 to 1; compute it anew")
    return min(frequency, 1 - frequency)


def _candidates(
    path: Path,
    targets: Sequence[Place],
    starts: GeneStarts,
    settings: NegativeSettings,
    unwanted: Unwanted,
    block: Callable[[str, int], int],
    advance: Advance,
) -> Iterator[Place]:
    """Variants that segregate, are of a positive's class, in reach of a gene and not unwanted; once for every gene."""
    genes, kinds = {one.gene for one in targets}, {one.kind for one in targets}
    same = settings.gene is GeneRule.SAME
    regions = _reach(targets, settings.reach) if same else []
    if not targets:
        return
    for variant, number in read_numbers(str(path), settings.info, regions, [region.contig for region in regions]):
        advance(1)
        if number is None or check_alleles(variant.reference, variant.alternate) is not Status.OK:
            continue
        frequency = _minor(number, variant.contig, variant.position, settings.info)
        kind = variant_class(variant.reference, variant.alternate)
        key = VariantKey.of(variant.contig, variant.position, variant.reference, variant.alternate)
        if frequency <= 0 or kind not in kinds or (key, variant.id) in unwanted:
            continue
        nearest = None if same else starts.nearest(key.contig, variant.start)
        found = starts.among(genes, key.contig, variant.start) if same else ([nearest] if nearest else [])
        for gene, distance in found:
            in_block = block(key.contig, variant.start)
            yield Place(key, variant.contig, variant.id, gene, distance, frequency, kind, in_block)


def _reach(targets: Sequence[Place], reach: int) -> list[Region]:
    """Everything that may be in reach of a gene of the positives, whose TSS is at most `reach` from them."""
    starts = ((one.key.contig, int(one.key.position) - 1) for one in targets)
    return [Region(contig, max(0, start - 2 * reach), start + 2 * reach + 1) for contig, start in starts]


def _match(
    positives: Sequence[Positive],
    targets: dict[Place, int],
    pools: Pools,
    pool: RunningMoments,
    settings: NegativeSettings,
) -> Negatives:
    matched = [Matched(one, one.outcome, 0, ()) for one in positives]
    reports: list[Balance] = []
    for tissue in dict.fromkeys(one.tissue for one in positives):
        rows = [row for row, one in enumerate(positives) if one.tissue == tissue and one.place is not None]
        places = [place for place in (positives[row].place for row in rows) if place is not None]
        numbers = [targets[place] for place in places]
        chosen = pair(numbers, pools.nearest_first, settings.per_positive, settings.seed, tissue)
        enough = 1 if settings.keep_fewer else settings.per_positive
        for row, number, negatives in zip(rows, numbers, chosen, strict=True):
            candidates = len(pools.nearest_first(number))
            outcome = _outcome(len(negatives), settings.per_positive, candidates)
            kept = tuple(negatives) if len(negatives) >= enough else ()
            matched[row] = Matched(positives[row], outcome, candidates, kept)
        own = [matched[row] for row in rows if matched[row].negatives]
        negative_places = [one for some in own for one in some.negatives]
        reports += balance(tissue, places, pool, list(_places([some.positive for some in own])), negative_places)
    _report(matched, pools.limit)
    return Negatives(tuple(matched), tuple(reports))


def _outcome(found: int, wanted: int, candidates: int) -> Match:
    if found == wanted:
        return Match.MATCHED
    if found:
        return Match.FEWER
    return Match.TAKEN if candidates else Match.NONE


def _report(matched: Sequence[Matched], limit: int) -> None:
    counts = Counter(one.outcome for one in matched)
    logger.info("positives: %s", ", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    if not any(one.negatives for one in matched):
        reasons = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        fewer = ", give --keep-fewer or a smaller -n" if Match.FEWER in counts else ""
        raise InputError(
            f"no positive has a negative ({reasons}); widen the calipers{fewer}, or check assembly and gene names"
        )
    cut = sum(one.candidates >= limit and one.outcome in (Match.FEWER, Match.TAKEN) for one in matched)
    if cut:
        logger.warning("%d positives ran out of the %d nearest candidates that are kept for each", cut, limit)
