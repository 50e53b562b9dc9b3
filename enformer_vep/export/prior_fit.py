"""One run of `enformer-vep priors`: a scored table and association studies become a prior model."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from enformer_vep import __version__
from enformer_vep.errors import UsageError
from enformer_vep.export.bayes_factors import LocusEvidence
from enformer_vep.export.class_scale import INDEL, Classes, Floats, find_scales, groups_of, log_sizes, standardised
from enformer_vep.export.enrichment import Enrichment, fit_enrichment
from enformer_vep.export.evidence import EvidenceSettings, read_evidence
from enformer_vep.export.locus_likelihood import Loci
from enformer_vep.export.panel import Panel, read_statistics
from enformer_vep.export.panel_scores import match
from enformer_vep.export.prior_model import PriorModel, ScoreIdentity, fit_notes
from enformer_vep.export.recipe import Combine, comparable_columns, effect_columns, is_quantile, make_recipe
from enformer_vep.files.summary import write_summary
from enformer_vep.files.writing import require_writable
from enformer_vep.genome.contigs import contig_key
from enformer_vep.tables.reader import open_scores, select_columns

logger = logging.getLogger(__name__)

_FEW_LOCI = 20


@dataclass(frozen=True, slots=True)
class PriorFitRequest:
    """A whole run.

    Attributes:
        table: Scored table; "-" for standard input.
        destination: JSON file; "-" for standard output.
        statistics: Effects, or PIPs, of all variants of the loci.
        evidence: How these are read.
        columns: Patterns of value columns; all when empty.
        combine: What becomes of several columns.
        classes: Whether classes have scales of their own.
        max_ratio: Largest over smallest weight; None to fit it.
        indel: Also fit the enrichment of indels over substitutions.
        empty_loci: Also fit the share of loci that have a causal variant; otherwise every one has.
    """

    table: str
    destination: str
    statistics: Path
    evidence: EvidenceSettings = field(default_factory=EvidenceSettings)
    columns: tuple[str, ...] = ()
    combine: Combine = Combine.MAX
    classes: Classes = Classes.APART
    max_ratio: float | None = None
    indel: bool = False
    empty_loci: bool = False


def fit_priors(request: PriorFitRequest) -> PriorModel:
    """Fits and writes.

    Raises:
        EnformerVepError: On bad input, options that do not fit, or an unwritable destination.
    """
    _check(request)
    require_writable(request.destination)
    panel = read_statistics(request.statistics)
    evidence = read_evidence(panel, request.evidence)
    table = open_scores(request.table)
    try:
        effects = effect_columns(table.layout, select_columns(table.layout, request.columns))
        chosen = comparable_columns(table.layout, effects)
        table = table.take(chosen)
        matched = match(panel, table.rows(), make_recipe(table.layout, (), request.combine), table.name)
    finally:
        table.close()
    quantiles = is_quantile(table.layout.blocks[0].score)
    logarithms = log_sizes(np.ascontiguousarray(matched.values[:, 0]), quantiles=quantiles)
    model = fitted_model(request, panel, evidence, logarithms, ScoreIdentity.of(table.layout, request.combine))
    write_summary(request.destination, model.to_json())
    return model


def fitted_model(
    request: PriorFitRequest,
    panel: Panel,
    evidence: Sequence[LocusEvidence],
    logarithms: Floats,
    identity: ScoreIdentity,
) -> PriorModel:
    """Standardises the scores of all loci together, and fits; see `fit_enrichment` for what it raises.

    A variant of several loci counts once for the mean and standard deviation of its class.
    """
    groups = [groups_of(one.a2, one.a1, request.classes) for one in panel.variants]
    inside = np.zeros(len(groups), bool)
    for locus in evidence:
        inside[locus.places] = True
    alleles = [(contig_key(one.contig), one.position, one.a1, one.a2) for one in panel.variants]
    first = {allele: place for place, allele in reversed(list(enumerate(alleles))) if inside[place]}
    once = np.isin(np.arange(len(alleles)), list(first.values()))
    scales = find_scales(np.where(once, logarithms, np.nan), groups)
    z = standardised(np.where(inside, logarithms, np.nan), groups, scales)
    indels = np.array([group[-1] == INDEL for group in groups])
    loci = Loci.of(evidence, z, indels)
    fitted = fit_enrichment(loci, max_ratio=request.max_ratio, indel=request.indel, share=request.empty_loci)
    _report(fitted, len(loci), len(evidence))
    counts = {
        "from": "pips" if request.evidence.probabilities else "summary statistics",
        "prior_deviation_of_effects": None if request.evidence.probabilities else request.evidence.prior_deviation,
        "loci": len(loci),
        "loci_without_scores": len(evidence) - len(loci),
        "variants": int(inside.sum()),
        "variants_with_scores": int((~np.isnan(z)).sum()),
        "indels_with_scores": int((indels & ~np.isnan(z)).sum()),
        "version": __version__,
    }
    return PriorModel(
        fitted.weight,
        fitted.max_ratio,
        fitted.indel or 0.0,
        request.classes,
        scales,
        is_quantile(identity.score),
        identity,
        request.columns,
        fit_notes(fitted, counts),
    )


def _check(request: PriorFitRequest) -> None:
    if request.combine is Combine.NONE:
        raise UsageError("a prior takes one number per variant: give --combine max or mean")
    if request.max_ratio is not None and not request.max_ratio >= 1:
        raise UsageError(
            f"--max-ratio {request.max_ratio:g}: the largest weight is at least the smallest; give 1 or more"
        )
    if not request.evidence.prior_deviation > 0:
        raise UsageError(f"--prior-sd {request.evidence.prior_deviation:g}: effects have a spread; give more than 0")
    if request.evidence.probabilities and request.empty_loci:
        raise UsageError("--empty-loci goes with --sumstats: PIPs that add up to less than 1 say it themselves")
    if request.indel and request.classes is Classes.TOGETHER:
        raise UsageError("--indel-term needs classes apart; leave out --classes together")


def _report(fitted: Enrichment, used: int, all_loci: int) -> None:
    low, high = ("open" if end is None else f"{end:.3g}" for end in fitted.interval)
    logger.info(
        "W %.3g (95 %% interval %s to %s), likelihood ratio p = %.2g, %d of %d loci, largest over smallest weight %g",
        fitted.weight,
        low,
        high,
        fitted.p_value,
        used,
        all_loci,
        fitted.max_ratio,
    )
    if None in fitted.interval:
        logger.warning(
            "the data leave W open at one end: use more loci, or a larger --max-ratio, before W is relied on"
        )
    elif used < _FEW_LOCI:
        logger.warning("%d loci are few: the interval is approximate below about %d", used, _FEW_LOCI)
    if fitted.p_value > 0.05:
        logger.warning(
            "W does not differ from 0 (p = %.2g): the scores may tell these variants nothing", fitted.p_value
        )
