"""`enformer-vep saturate`: every change of every base of a region, or around variants."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from enformer_vep.cli.options import FILE, all_but, as_request, compute_options, input_options, scoring_options
from enformer_vep.errors import UsageError
from enformer_vep.settings import SaturationOutputs, SaturationSettings, ScoreRequest

# A stretch has one window, and its alleles are no genes' variants.
_NOT_HERE = (
    "genes", "tss_bins", "transcripts", "types", "centre", "share_windows", "window_grid", "phases", "strict",
)  # fmt: skip


@click.command()
@click.argument("variants", required=False, default="")
@all_but(input_options, "variants")
@click.option(
    "-o", "--output", "destination", default="-", show_default=True,
    help="Table to write, as of enformer-vep score: .tsv, .tsv.gz, .parquet, ...; - is standard output.",
)  # fmt: skip
@click.option("-O", "--format", help="tsv, vcf, bed, vcf.gz, ...; default: by the name of -o.")
@click.option("--overwrite", is_flag=True, help="Start anew where an interrupted run would be continued.")
@click.option("--summary", type=FILE, help="Write counts, settings and speed to this JSON file.")
@click.option(
    "--deletions", type=click.IntRange(min=0), default=0, show_default=True,
    help="Also delete so many bases at every position.",
)  # fmt: skip
@click.option(
    "--flank", type=click.IntRange(min=0), default=50, show_default=True,
    help="With VARIANTS: bases on each side of the alleles that are changed, too.",
)  # fmt: skip
@click.option(
    "--readout",
    help="Sum scores over the bins that overlap this region (chr22:1000-2000, a promoter) instead of --bins.",
)
@click.option("--npz", "arrays", type=FILE, help="Also write effects [position, base, column] to this .npz file.")
@click.option(
    "--bigwig", metavar="PREFIX",
    help="Also write PREFIX.COLUMN.min.bw, .max.bw (over substitutions) and .mean.bw (the base that is there minus the "
    "mean of the four).",
)  # fmt: skip
@click.option(
    "--figure", type=FILE,
    help="Also draw a logo and a heat map, REF beside ALT around variants: PNG, SVG or PDF; {name} stands for the "
    "region or variant where there are several.",
)  # fmt: skip
@click.option(
    "--column", help="The column that --figure and --motif-table show, such as SAD_CNhs11841. Default: first."
)
@click.option("--motifs", type=FILE, help="Motifs in the minimal MEME format, to be found in the sequence.")
@click.option("--motif-p", "threshold", type=float, default=1e-4, show_default=True, help="Largest p-value of a match.")
@click.option("--motif-table", "matches", type=FILE, help="Also write the matches of --motifs to this table.")
@click.option("--table", type=FILE, help="Score nothing: make files and figures of this table of an earlier run.")
@all_but(scoring_options, *_NOT_HERE)
@compute_options
@click.option("--shard", help="Only block I of N, as of enformer-vep score.")
@click.option("--dry-run", is_flag=True, help="Read and check everything, count by status, run no model.")
@as_request
def saturate(
    request: ScoreRequest,
    deletions: int,
    flank: int,
    readout: str | None,
    table: Path | None,
    arrays: Path | None,
    bigwig: str | None,
    figure: Path | None,
    column: str | None,
    motifs: Path | None,
    threshold: float,
    matches: Path | None,
) -> None:
    """Score every substitution of a region (-r), or around VARIANTS on the genome and with the ALT allele in place.

    One row per changed base, all in one window around the region or variant. --bins center:N are the N bins in its
    middle.

    \b
    enformer-vep saturate -r chr22:19723266-19723650 -f hg38.fa -t assay:DNASE -o saturated.tsv.gz --figure logo.png
    enformer-vep saturate variants.vcf.gz -f hg38.fa -t CNhs11841 --flank 30 -o around.tsv --figure '{name}.png'
    enformer-vep saturate -r chr22:19723266-19723650 -f hg38.fa -t CNhs11841 --engine adjoint --refine 5% -o screen.tsv

    A run with -o FILE that was interrupted goes on when the same command is given again.
    """
    from enformer_vep.cli.progress import is_terminal, record_progress
    from enformer_vep.effects.memory import keep_freed_memory
    from enformer_vep.explain.saturation_run import draw_table, saturate_file
    from enformer_vep.genome.fasta import Genome

    outputs = SaturationOutputs(arrays, bigwig, figure, column, motifs, threshold, matches)
    if table is not None:
        if request.variants or request.regions or request.regions_file:
            raise UsageError("--table has been scored: leave out VARIANTS, --region and --regions-file")
        draw_table(str(table), Genome(request.genome), outputs)
        return
    saturation = SaturationSettings(deletions, flank, readout)
    settings = replace(request.settings, saturation=saturation)
    keep_freed_memory()
    progress = partial(record_progress, hidden=is_terminal(request.output.destination))
    saturate_file(replace(request, settings=settings), outputs, progress)
