"""`enformer-vep score`: the main job."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from enformer_vep.errors import UsageError
from enformer_vep.settings import (
    PIECE_SIZE,
    ComputeSettings,
    Engine,
    OutputSettings,
    Precision,
    Score,
    ScoreRequest,
    ScoreSettings,
    parse_batch_size,
    parse_bins,
    parse_devices,
    parse_scores,
    parse_shifts,
)

FILE = click.Path(path_type=Path)
SCORES_HELP = "Comma-separated, or all. " + " ".join(f"{score}: {score.description}." for score in Score)


@click.command()
@click.argument("variants")
@click.option(
    "-f",
    "--fasta",
    type=FILE,
    required=True,
    help="Reference genome, plain or BGZF; .fai is made if missing.",
)
@click.option(
    "-m",
    "--model",
    default="enformer",
    show_default=True,
    help="enformer, or a path: see enformer-vep models.",
)
@click.option(
    "-o",
    "--output",
    default="-",
    show_default=True,
    help="Table to write; .gz is BGZF, - is standard output.",
)
@click.option("--overwrite", is_flag=True, help="Start anew where an interrupted run would be continued.")
@click.option("--tabix", is_flag=True, help="Also write a tabix index of the .gz table.")
@click.option("--summary", type=FILE, help="Write counts, settings and speed to this JSON file.")
@click.option("-s", "--scores", default="SAD", show_default=True, help=SCORES_HELP)
@click.option(
    "--bins",
    default="all",
    show_default=True,
    help="all, or center:N for the N bins of 128 bp around the variant.",
)
@click.option("--organism", default="human", show_default=True, help="Which head: human or mouse.")
@click.option(
    "-t",
    "--tracks",
    help="Comma-separated indices, ranges (0-99), identifiers, assay:CAGE, /regex/, @file. Default: all.",
)
@click.option(
    "--targets", type=FILE, help="Track table (targets.txt) to name the tracks; default: the model's own."
)
@click.option("--rc/--no-rc", "reverse_complement", help="Average over both strands.")
@click.option(
    "--shifts", default="0", show_default=True, help="Average over these shifts of the window, in bp: -1,0,1."
)
@click.option(
    "-r", "--region", "regions", multiple=True, help="Only chr22:1000-2000 (1-based); can be repeated."
)
@click.option("-R", "--regions-file", type=FILE, help="Only the regions of this BED file or list.")
@click.option(
    "--window", type=click.IntRange(1, 4_194_304), help="Window in bp; default: the model's, 196608."
)
@click.option(
    "--batch-size",
    default="auto",
    show_default=True,
    help="auto, or alleles at once; halved when memory runs out.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1.")
@click.option(
    "--devices", help="Share the work among several GPUs of this machine: 0,1,2,3, or all. Same bytes as one."
)
@click.option(
    "--shard",
    help="Only block I of N: 3/8, or auto/8 (or auto) for the number of this array task (SLURM, SGE, PBS, LSF). "
    "{shard} in -o stands for the number. Join the blocks with enformer-vep merge.",
)
@click.option(
    "--piece-size",
    type=click.IntRange(min=1),
    default=PIECE_SIZE,
    show_default=True,
    help="Records per piece of work; shards and devices get whole pieces.",
)
@click.option(
    "--precision",
    type=click.Choice(list(Precision), case_sensitive=False),
    default=Precision.FLOAT32,
    show_default=True,
    help="Arithmetic of the network. Below float32, small effects drown in rounding.",
)
@click.option(
    "--engine",
    type=click.Choice(list(Engine), case_sensitive=False),
    default=Engine.DELTA,
    show_default=True,
    help="delta carries the change through the network; pair subtracts two predictions (slower, plain).",
)
@click.option(
    "--share-windows",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Score alleles within this many bp in one reference window: faster; adds the column WINDOW_START.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Stop at a REF that differs from the genome instead of writing ref_mismatch.",
)
@click.option("--dry-run", is_flag=True, help="Read and check everything, count by status, run no model.")
def score(**options: Any) -> None:
    """Score every ALT allele of VARIANTS (VCF, BGZF, BCF, or - for standard input).

    One row per ALT allele, in input order; an allele that cannot be scored has its reason in STATUS.

    \b
    enformer-vep score variants.vcf.gz -f hg38.fa > scores.tsv
    enformer-vep score variants.vcf.gz -f hg38.fa -t assay:CAGE -s SAD,SADR --rc -o cage.tsv.gz --tabix
    bcftools view -i 'AF>0.01' all.bcf | enformer-vep score - -f hg38.fa -t CNhs11841 | head

    A run with -o FILE that was interrupted, however roughly, goes on when the same command is given again.
    """
    from enformer_vep.cli.progress import is_terminal, record_progress
    from enformer_vep.scoring import score_file

    request = _request(**options)
    # Rows on the terminal show the progress themselves, and a bar would run through them.
    hidden = is_terminal(request.output.destination)
    score_file(request, partial(record_progress, hidden=hidden))


def _request(
    scores: str,
    bins: str,
    organism: str,
    tracks: str | None,
    reverse_complement: bool,
    shifts: str,
    precision: str,
    engine: str,
    share_windows: int,
    strict: bool,
    device: str,
    devices: str | None,
    batch_size: str,
    window: int | None,
    piece_size: int,
    output: str,
    tabix: bool,
    summary: Path | None,
    overwrite: bool,
    variants: str,
    fasta: Path,
    regions: tuple[str, ...],
    **rest: Any,
) -> ScoreRequest:
    """Sort options into settings; `rest` (model, regions_file, targets, ...) goes through by name."""
    if devices is not None and device != "auto":
        raise UsageError("--device and --devices exclude each other: name all devices in --devices")
    settings = ScoreSettings(
        scores=parse_scores(scores),
        centre_bins=parse_bins(bins),
        organism=organism,
        tracks=tracks,
        reverse_complement=reverse_complement,
        shifts=parse_shifts(shifts),
        precision=Precision(precision),
        engine=Engine(engine),
        share_windows=share_windows,
        strict=strict,
    )
    return ScoreRequest(
        variants=variants,
        genome=fasta,
        settings=settings,
        compute=ComputeSettings(
            device,
            parse_batch_size(batch_size),
            window,
            devices=parse_devices(devices) if devices is not None else (),
            piece_size=piece_size,
        ),
        output=OutputSettings(output, tabix, summary, overwrite),
        regions=regions,
        **rest,
    )
