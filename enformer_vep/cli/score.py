"""`enformer-vep score`: the main job."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from enformer_vep.cli.options import FILE, compute_options, input_options, request_settings, scoring_options
from enformer_vep.errors import UsageError
from enformer_vep.settings import OutputSettings, ScoreRequest


@click.command()
@input_options
@click.option(
    "-o",
    "--output",
    default="-",
    show_default=True,
    help="File to write: .tsv, .vcf, .bed (.gz is BGZF), .bcf, .parquet, .h5; - is standard output.",
)
@click.option("-O", "--format", "format_name", help="tsv, vcf, bed, vcf.gz, ...; default: by the name of -o.")
@click.option("--overwrite", is_flag=True, help="Start anew where an interrupted run would be continued.")
@click.option("--tabix", is_flag=True, help="Also write an index of the .gz or .bcf file.")
@click.option("--summary", type=FILE, help="Write counts, settings and speed to this JSON file.")
@scoring_options
@click.option(
    "--calibration",
    type=FILE,
    help="From enformer-vep calibrate, or example: adds signed quantiles (SADQ), z-scores (SADZ), components (SADPC).",
)
@click.option("--add", help="With --calibration, only these: quantile,zscore,components.")
@compute_options
@click.option(
    "--shard",
    help="Only block I of N: 3/8, or auto/8 (or auto) for the number of this array task (SLURM, SGE, PBS, LSF). "
    "{shard} in -o stands for the number. Join the blocks with enformer-vep merge.",
)
@click.option("--dry-run", is_flag=True, help="Read and check everything, count by status, run no model.")
def score(**options: Any) -> None:
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

    request = _request(options)
    # Rows on the terminal show the progress themselves, and a bar would run through them.
    hidden = is_terminal(request.output.destination)
    keep_freed_memory()
    score_file(request, partial(record_progress, hidden=hidden))


def _request(options: dict[str, Any]) -> ScoreRequest:
    settings, rest = request_settings(options)
    settings["additions"] = _additions(rest.pop("add"), rest["calibration"])
    names = ("output", "tabix", "summary", "overwrite", "format_name")
    output = OutputSettings(*(rest.pop(name) for name in names))
    return ScoreRequest(genome=rest.pop("fasta"), output=output, **settings, **rest)


def _additions(text: str | None, calibration: Path | None) -> tuple[str, ...] | None:
    from enformer_vep.calibration import parse_additions

    if text is None:
        return None
    if calibration is None:
        raise UsageError("--add says what a calibration adds: give one with --calibration")
    return parse_additions(text)
