"""One run of `enformer-vep export`."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

import numpy as np

from enformer_vep.calibration.additions import column_score
from enformer_vep.errors import UsageError
from enformer_vep.export.annotations import write_annotations
from enformer_vep.export.class_scale import Classes, find_scales, groups_of, log_sizes, on_one_scale, standardised
from enformer_vep.export.confident import confident
from enformer_vep.export.panel import Panel, read_bims, read_statistics
from enformer_vep.export.panel_scores import Matched, match
from enformer_vep.export.prior_files import write_finemap, write_snpvar, write_susie
from enformer_vep.export.prior_model import PriorModel, ScoreIdentity, read_prior_model
from enformer_vep.export.priors import MAX_RATIO, Floats, given_priors, refuse_nothing_but_zeros, relative_priors
from enformer_vep.export.recipe import Combine, comparable_columns, effect_columns, is_quantile, make_recipe
from enformer_vep.export.vep import VepWriter
from enformer_vep.files.writing import is_stream, require_writable
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.regions import Region
from enformer_vep.settings import require_share
from enformer_vep.tables.formats import FORMAT_NAMES, Format, choose_format
from enformer_vep.tables.reader import ScoredTable, open_scores, select_columns
from enformer_vep.tables.writers import WriterFactory, choose_writer, open_table

logger = logging.getLogger(__name__)


class Tool(StrEnum):
    """Formats of other tools."""

    VEP = "vep"
    LDSC = "ldsc"
    SLDP = "sldp"
    POLYFUN = "polyfun"
    POLYFUN_PRIORS = "polyfun-priors"
    SUSIE = "susie"
    FINEMAP = "finemap"


TARGETS = (*FORMAT_NAMES, *Tool)
"""What can be exported to."""

_ANNOTATIONS = {Tool.LDSC: "annot.gz", Tool.SLDP: "sannot.gz", Tool.POLYFUN: "annot.parquet"}
_PRIORS = (Tool.SUSIE, Tool.FINEMAP, Tool.POLYFUN_PRIORS)
_WEIGHT = 1.0


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A whole run.

    Attributes:
        table: Scored table; "-" for standard input.
        destination: File, or stem of files.
        target: One of `TARGETS`; None to go by the destination's name.
        columns: Patterns of value columns; all when empty.
        combine: What becomes of several columns; None for the target's usual.
        genome: FASTA for the lengths of contigs.
        tabix: Also write an index.
        bims: Panel as .bim files.
        statistics: Panel as .z or summary statistics.
        loci: Regions; all variants are one locus when empty.
        classes: Whether annotations and priors compare classes of variants each on a scale of its own.
        weight: Log enrichment per standard deviation, see `relative_priors`; None for 1.
        max_ratio: Largest over smallest prior weight; None for `MAX_RATIO`.
        prior_column: Column with probabilities to use as they are.
        confident: Leave signed values out of which a smaller share of views has the sign; None for none.
        prior_model: File of `enformer-vep priors`, which says all of these and the columns.
    """

    table: str
    destination: str
    target: str | None = None
    columns: tuple[str, ...] = ()
    combine: Combine | None = None
    genome: Path | None = None
    tabix: bool = False
    bims: tuple[Path, ...] = ()
    statistics: Path | None = None
    loci: tuple[Region, ...] = ()
    classes: Classes = Classes.APART
    weight: float | None = None
    max_ratio: float | None = None
    prior_column: str | None = None
    confident: float | None = None
    prior_model: Path | None = None


def export(request: ExportRequest) -> list[str]:
    """Reads a scored table and writes files for another tool.

    Raises:
        EnformerVepError: On bad input, options that do not fit, or an unwritable destination.
    """
    tool = Tool(request.target) if request.target in list(Tool) else None
    _check(request, tool)
    # Before any work; a stem's files lie beside the file that it would name.
    require_writable(request.destination)
    table = open_scores(request.table)
    try:
        names = _export(request, table, tool)
    finally:
        table.close()
    logger.info("wrote %s", ", ".join(names))
    return names


def _export(request: ExportRequest, table: ScoredTable, tool: Tool | None) -> list[str]:
    patterns = (request.prior_column,) if request.prior_column else request.columns
    if tool is None or tool is Tool.VEP:
        return [_convert(request, _taken(request, table, select_columns(table.layout, patterns)), tool)]
    model = read_prior_model(request.prior_model) if request.prior_model else None
    chosen = effect_columns(table.layout, select_columns(table.layout, patterns or (model.patterns if model else ())))
    combine = model.identity.combine if model else _combine(request, tool, len(chosen))
    if combine is not Combine.NONE:
        chosen = comparable_columns(table.layout, chosen)
    table = _taken(request, table, chosen)
    if model and (difference := model.identity.difference(ScoreIdentity.of(table.layout, combine))):
        raise UsageError(f"{request.prior_model} was fitted on {difference}; score as it was, or fit it again")
    recipe = make_recipe(table.layout, (), combine, signed=tool is Tool.SLDP)
    if request.prior_column:
        # Values as they are, so that a negative one is noticed.
        recipe = replace(recipe, sizes=False)
    panel = read_statistics(request.statistics) if request.statistics else read_bims(request.bims)
    matched = match(panel, table.rows(), recipe, table.name)
    if tool in _ANNOTATIONS:
        scores = [block.score for block in table.layout.blocks for _ in block.labels]
        return _write_annotations(request, panel, _comparable(request.classes, panel, matched, scores), tool)
    quantiles = is_quantile(table.layout.blocks[0].score)
    return _write_priors(request, panel, _weights(request, panel, matched, model, quantiles=quantiles), tool)


def _taken(request: ExportRequest, table: ScoredTable, chosen: Sequence[int]) -> ScoredTable:
    return table.take(chosen) if request.confident is None else confident(table, chosen, request.confident)


def _check(request: ExportRequest, tool: Tool | None) -> None:
    panels = bool(request.bims) + bool(request.statistics)
    wants_panel = tool not in (None, Tool.VEP)
    if wants_panel and panels != 1:
        raise UsageError(f"--to {tool} needs the tool's variants: give either --bim or --sumstats")
    if panels and not wants_panel:
        raise UsageError("--bim and --sumstats go with --to " + ", ".join(list(_ANNOTATIONS) + list(_PRIORS)))
    if tool in (Tool.LDSC, Tool.SLDP) and not request.bims:
        raise UsageError(f"--to {tool} needs --bim: its rows must be those of the .bim, which has the CM column")
    if tool in (Tool.FINEMAP, Tool.POLYFUN_PRIORS) and not request.statistics:
        raise UsageError(f"--to {tool} adds a column to a file: give it with --sumstats")
    if request.loci and tool not in (Tool.SUSIE, Tool.FINEMAP):
        raise UsageError("--locus and --loci go with --to susie or finemap")
    if request.prior_column and (request.columns or tool not in _PRIORS):
        raise UsageError("--prior-column goes with --to susie, finemap or polyfun-priors, and without -c")
    ratio = request.max_ratio
    if ratio is not None and (tool not in _PRIORS or request.prior_column):
        raise UsageError("--max-ratio goes with --to susie, finemap or polyfun-priors, and without --prior-column")
    if ratio is not None and not ratio >= 1:
        raise UsageError(f"--max-ratio {ratio:g}: the largest weight is at least the smallest; give 1 or more")
    if request.confident is not None:
        require_share(request.confident)
    _check_model(request, tool)
    if request.weight is not None and (tool not in _PRIORS or request.prior_column):
        raise UsageError("--weight goes with --to susie, finemap or polyfun-priors, and without --prior-column")
    if request.weight is not None and not math.isfinite(request.weight):
        raise UsageError(f"--weight {request.weight:g} is no number to multiply with; give 0 to about 3")
    if request.combine and not wants_panel:
        raise UsageError("--combine goes with formats of annotations and priors; choose columns with -c alone")


def _check_model(request: ExportRequest, tool: Tool | None) -> None:
    if request.classes is Classes.TOGETHER and (tool in (None, Tool.VEP) or request.prior_column):
        raise UsageError("--classes goes with formats of annotations and priors, and without --prior-column")
    if request.prior_model is None:
        return
    if tool not in _PRIORS:
        raise UsageError("--prior-model goes with --to susie, finemap or polyfun-priors")
    others = {
        "--weight": request.weight,
        "--max-ratio": request.max_ratio,
        "--prior-column": request.prior_column,
        "--combine": request.combine,
        "--classes": request.classes is Classes.TOGETHER or None,
    }
    given = [name for name, value in others.items() if value is not None]
    if given:
        raise UsageError(f"--prior-model says what {given[0]} would; leave out one of the two")


def _convert(request: ExportRequest, table: ScoredTable, tool: Tool | None) -> str:
    destination = request.destination
    contigs = _contigs(request, table, tool)
    if tool is Tool.VEP:
        if is_stream(destination) or not destination.endswith(".gz"):
            raise UsageError(f"{destination}: VEP needs an indexed file; give -o a file name that ends in .vcf.gz")
        make: WriterFactory = partial(VepWriter, layout=table.layout, contigs=contigs, destination=destination)
    else:
        make = choose_writer(destination, table.layout, tabix=request.tabix, wanted=request.target, contigs=contigs)
    with open_table(destination, make) as writer:
        for row in table.rows():
            writer.write(row)
    return destination


def _contigs(request: ExportRequest, table: ScoredTable, tool: Tool | None) -> Mapping[str, int | None]:
    """Contigs for the header of a VCF: those of the table, in its order; lengths when there is a genome."""
    if tool is None and choose_format(request.destination, request.target).format not in (
        Format.VCF,
        Format.BCF,
    ):
        return {}
    genome = Genome(request.genome) if request.genome else None
    if not table.again:
        return dict(genome.contigs) if genome else {}
    # One column is enough, and tables of many columns are read several times as fast so.
    names = dict.fromkeys(row.variant.contig for row in table.only([table.layout.values[0]]).rows())
    lengths = {name: genome.resolve(name) for name in names} if genome else {}
    return {name: genome.contigs[own] if genome and (own := lengths.get(name)) else None for name in names}


def _combine(request: ExportRequest, tool: Tool, columns: int) -> Combine:
    if request.prior_column and columns > 1:
        raise UsageError(f"--prior-column {request.prior_column} fits several columns; name one")
    usual = Combine.MAX if tool in _PRIORS and not request.prior_column else Combine.NONE
    combine = request.combine or usual
    if tool in _PRIORS and combine is Combine.NONE and columns > 1:
        raise UsageError(f"--to {tool} takes one number per variant: choose one column, or --combine max or mean")
    return combine


def _write_annotations(request: ExportRequest, panel: Panel, matched: Matched, tool: Tool) -> list[str]:
    scored = matched.scored
    if missing := int((~scored).sum()):
        logger.warning("%d variants without a score get 0 in every annotation", missing)
    if cells := int(np.isnan(matched.values[scored]).sum()):
        logger.warning("%d values that are no numbers, of variants with others, are written as 0", cells)
    return write_annotations(request.destination, _ANNOTATIONS[tool], panel, matched)


def _comparable(classes: Classes, panel: Panel, matched: Matched, scores: Sequence[str]) -> Matched:
    """Scores of all classes on the scale of the most frequent.

    What a calibration made of scores is by class already; foreign columns are left as they are.
    """
    groups = [groups_of(one.a2, one.a1, classes) for one in panel.variants]
    values = matched.values.copy()
    for place, score in enumerate(scores[: len(matched.names)]):
        known = column_score(score)
        if known and known.addition is None:
            values[:, place] = on_one_scale(values[:, place], groups)
    changed = int((np.nan_to_num(values) != np.nan_to_num(matched.values)).any(axis=1).sum())
    if changed:
        logger.info(
            "%d variants of other classes are on the scale of the most frequent now (not with --classes together)",
            changed,
        )
    return replace(matched, values=values)


def _write_priors(request: ExportRequest, panel: Panel, weights: Floats, tool: Tool) -> list[str]:
    if missing := int(np.isnan(weights).sum()):
        logger.warning(
            "%d variants without a score get the average prior of those that have one, in the same %s",
            missing,
            "file" if tool is Tool.POLYFUN_PRIORS else "locus",
        )
    if tool is Tool.POLYFUN_PRIORS:
        return write_snpvar(request.destination, panel, weights)
    write = write_susie if tool is Tool.SUSIE else write_finemap
    return write(request.destination, panel, weights, request.loci)


def _weights(
    request: ExportRequest, panel: Panel, matched: Matched, model: PriorModel | None, *, quantiles: bool
) -> Floats:
    sizes = np.ascontiguousarray(matched.values[:, 0])
    if request.prior_column:
        return given_priors(sizes)
    refuse_nothing_but_zeros(sizes)
    groups = [groups_of(one.a2, one.a1, model.classes if model else request.classes) for one in panel.variants]
    logarithms = log_sizes(sizes, quantiles=quantiles)
    if model:
        return model.weights(logarithms, groups)
    z = standardised(logarithms, groups, find_scales(logarithms, groups))
    ratio = MAX_RATIO if request.max_ratio is None else request.max_ratio
    return relative_priors(z, _WEIGHT if request.weight is None else request.weight, ratio)
