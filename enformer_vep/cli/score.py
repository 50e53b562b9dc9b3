"""`enformer-vep score`: the main job."""

from functools import partial

import click

from enformer_vep.cli.options import FILE, as_request, compute_options, input_options, scoring_options
from enformer_vep.cli.words import read_by
from enformer_vep.errors import UsageError
from enformer_vep.settings import ScoreRequest


def _read_additions(text: str) -> tuple[str, ...]:
    from enformer_vep.calibration import parse_additions

    return parse_additions(text)


@click.command()
@input_options
@click.option(
    "-o",
    "--output",
    "destination",
    default="-",
    show_default=True,
    help="File to write: .tsv, .vcf, .bed (.gz is BGZF), .bcf, .parquet, .h5; - is standard output.",
)
@click.option("-O", "--format", help="tsv, vcf, bed, vcf.gz, ...; default: by the name of -o.")
@click.option("--overwrite", is_flag=True, help="Start anew where an interrupted run would be continued.")
@click.option("--tabix", is_flag=True, help="Also write an index of the .gz or .bcf file.")
@click.option("--summary", type=FILE, help="Write counts, settings and speed to this JSON file.")
@scoring_options
@click.option(
    "--spread",
    is_flag=True,
    help="Add, per score and track, the standard deviation over strands and shifts (SADSD), and the share of these "
    "in which a signed score has the sign of the average (SADAGREE).",
)
@click.option(
    "--confident",
    type=float,
    help="Leave out (NA) signed values of which less than this share of strands and shifts has the sign: 0.9.",
)
@click.option(
    "--calibration",
    type=FILE,
    help="From enformer-vep calibrate, or example: adds signed quantiles (SADQ), z-scores (SADZ), components (SADPC).",
)
@click.option(
    "--add",
    "additions",
    callback=read_by(_read_additions),
    help="With --calibration, only these: quantile,zscore,components,alphagenome (AlphaGenome's quantile, SADAGQ).",
)
@compute_options
@click.option(
    "--shard",
    help="Only block I of N: 3/8, or auto/8 (or auto) for the number of this array task (SLURM, SGE, PBS, LSF). "
    "{shard} in -o stands for the number. Join the blocks with enformer-vep merge.",
)
@click.option("--dry-run", is_flag=True, help="Read and check everything, count by status, run no model.")
@as_request
def score(request: ScoreRequest) -> None:
    """Score every ALT allele of VARIANTS (VCF, BGZF, BCF, or - for standard input).

    One row per ALT allele, in input order (one per allele and gene with --genes); an allele that cannot be
    scored has its reason in STATUS.

    \b
    enformer-vep score variants.vcf.gz -f hg38.fa > scores.tsv
    enformer-vep score variants.vcf.gz -f hg38.fa -t assay:CAGE -s SAD,SADR --rc -o cage.tsv.gz --tabix
    enformer-vep score variants.vcf.gz -f hg38.fa --genes gencode.gtf.gz --groups gtex-v8 --indels stitch
    bcftools view -i 'AF>0.01' all.bcf | enformer-vep score - -f hg38.fa -t CNhs11841 | head

    A run with -o FILE that was interrupted, however roughly, goes on when the same command is given again.
    """
    from enformer_vep.cli.progress import is_terminal, record_progress
    from enformer_vep.effects.memory import keep_freed_memory
    from enformer_vep.jobs.score import score_file

    if request.additions is not None and request.calibration is None:
        raise UsageError("--add says what a calibration adds: give one with --calibration")
    keep_freed_memory()
    # Rows on the terminal show the progress themselves, and a bar would run through them.
    score_file(request, partial(record_progress, hidden=is_terminal(request.output.destination)))
