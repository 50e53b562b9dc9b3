"""`enformer-vep calibrate`: how large are the scores of common variants?"""

import click

from enformer_vep.cli.options import as_request, compute_options, input_options, scoring_options
from enformer_vep.settings import ScoreRequest


@click.command()
@input_options
@click.option("-o", "--output", "file", required=True, help="Calibration file to write (.safetensors).")
@click.option(
    "--components",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Also fit so many principal components over the tracks of each score.",
)
@click.option(
    "--min-alleles",
    "least",
    type=click.IntRange(min=10),
    default=100,
    show_default=True,
    help="A class of variants (SNV, MNV, insertions and deletions by length) with fewer is not calibrated.",
)
@scoring_options
@compute_options
@as_request
def calibrate(request: ScoreRequest, file: str, components: int, least: int) -> None:
    """Score the background VARIANTS (some thousands of common ones) and keep how their scores are distributed.

    SNVs, MNVs, insertions and deletions by length (1, 2-5, 6-20, 21-64, 65 bp or more) each have their own
    distribution; give some of each. Give enformer-vep score the file with --calibration, and the same model and
    settings.

    \b
    enformer-vep calibrate common.vcf.gz -f hg38.fa -o common.safetensors
    enformer-vep score variants.vcf.gz -f hg38.fa --calibration common.safetensors
    """
    from enformer_vep.cli.progress import record_progress
    from enformer_vep.effects.memory import keep_freed_memory
    from enformer_vep.jobs.calibrate import calibrate_file

    keep_freed_memory()
    calibrate_file(request, file, components, least, record_progress)
