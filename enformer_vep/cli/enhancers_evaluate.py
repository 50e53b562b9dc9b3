"""`enformer-vep enhancers evaluate`: scored pairs of elements and genes against measured ones."""

import logging
from pathlib import Path
from typing import Any

import click

from enformer_vep.cli.eqtl_options import check_writable, write
from enformer_vep.cli.options import FILE
from enformer_vep.cli.words import read_by
from enformer_vep.settings.explain_evaluation import (
    PAPER_BINS,
    Combine,
    Distance,
    PairEvaluationSettings,
    Resample,
    read_distance_bins,
)

logger = logging.getLogger(__name__)


@click.command()
@click.argument("scores", nargs=-1, type=FILE)
@click.option(
    "--measured", required=True, multiple=True, type=FILE,
    help="Table of perturbed pairs: chrom, start, end, gene or gene_id, tss, regulated (1, 0); can be repeated.",
)  # fmt: skip
@click.option(
    "--column", "columns", multiple=True, metavar="ROLE=NAME",
    help="Column of --measured for a role: contig, start, end, gene, gene_id, tss, label, distance, h3k27ac or "
    "accessibility. Usual names are found without it.",
)  # fmt: skip
@click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="Only such measured pairs: cell_type=K562.")
@click.option(
    "-s", "--score", "wanted", multiple=True,
    help="Column of SCORES: NAME, NAME:negated or NAME:absolute; can be repeated. Default: all columns of numbers.",
)  # fmt: skip
@click.option(
    "--combine", type=click.Choice([one.value for one in Combine]), default=Combine.SUM.value, show_default=True,
    help="Where several scored elements overlap a measured one.",
)  # fmt: skip
@click.option(
    "--distance", type=click.Choice([one.value for one in Distance]), default=Distance.TSS.value, show_default=True,
    help="From the element's middle to the column tss, or as the measured table has it.",
)  # fmt: skip
@click.option(
    "--distance-bins", "bins", default=PAPER_BINS, show_default=True, callback=read_by(read_distance_bins),
    help="Also by distance, in kb.",
)  # fmt: skip
@click.option(
    "--reach", type=click.IntRange(min=1), default=98_304, show_default=True, metavar="BP",
    help="Pairs at most so far apart are in the model's reach.",
)  # fmt: skip
@click.option(
    "--resample", type=click.Choice([one.value for one in Resample]), default=Resample.GENE.value, show_default=True,
    help="What the bootstrap draws as a whole.",
)  # fmt: skip
@click.option("--samples", type=click.IntRange(min=100), default=1000, show_default=True, help="Bootstrap samples.")
@click.option("--seed", type=click.IntRange(min=0), default=44, show_default=True, help="Fixes the bootstrap.")
@click.option("-o", "--output", default="-", show_default=True, help="Table to write; - is standard output.")
@click.option("--differences", type=FILE, help="Also write what every ranking is better by than every other.")
@click.option("--accounting", type=FILE, help="Also write what became of every measured pair.")
@click.option("--figure", type=FILE, help="Also draw precision-recall curves: png, svg or pdf.")
def evaluate(
    scores: tuple[Path, ...],
    output: str,
    differences: Path | None,
    accounting: Path | None,
    figure: Path | None,
    **options: Any,
) -> None:
    """Do SCORES tell elements that regulate a gene from those that do not?

    SCORES are tables of enformer-vep enhancers or enhancers abc, or others with chrom, start, end, gene and scores;
    without any, only the baselines are measured: 1/distance, H3K27ac/distance and sqrt(H3K27ac x DHS)/distance, as far
    as the measured table has them. Figures are for all pairs (those without a score rank last), for those in the
    model's reach and for those that every ranking has a score for; by distance too; with 95 % intervals.

    \b
    enformer-vep enhancers evaluate pairs.tsv.gz abc.tsv.gz --measured crispri.tsv.gz --where cell_type=K562 \\
        --figure precision_recall.png > evaluation.tsv
    """
    check_writable([output], differences, accounting, figure, inputs=(*scores, *options["measured"]))
    from enformer_vep.explain import evaluation_tables as tables
    from enformer_vep.explain.crispri import parse_condition, read_measured_pairs
    from enformer_vep.explain.element_evaluation import baselines, evaluate_rankings
    from enformer_vep.explain.evaluation_figure import draw_evaluation
    from enformer_vep.explain.scored_pairs import find_scores
    from enformer_vep.figures.drawing import figure_format, save_figure
    from enformer_vep.settings.explain_evaluation import read_score_column
    from enformer_vep.tables.column_roles import parse_column

    settings = PairEvaluationSettings(
        options["bins"],
        options["reach"],
        Distance(options["distance"]),
        Combine(options["combine"]),
        Resample(options["resample"]),
        options["samples"],
        options["seed"],
    )
    if figure is not None:
        figure_format(figure)
    wanted = tuple(map(read_score_column, options["wanted"]))
    measured = read_measured_pairs(
        options["measured"],
        columns=tuple(map(parse_column, options["columns"])),
        where=tuple(map(parse_condition, options["where"])),
        distance=settings.distance,
    )
    logger.info("%s", tables.describe_reach(measured, settings.reach))
    found = find_scores(scores, measured, wanted, settings.combine)
    if scores:
        logger.info("%s", tables.describe_scores(measured, found))
    rankings = {**found.scores, **baselines(measured)}
    results = list(evaluate_rankings(measured, rankings, settings))
    write([tables.evaluation_text(results)], output)
    if differences is not None:
        write([tables.differences_text(results)], str(differences))
    if accounting is not None:
        write([tables.accounting_text(measured, found)], str(accounting))
    if figure is not None:
        save_figure(draw_evaluation(measured, rankings, results, settings), figure)
    logger.info("%s", tables.describe_results(results))
