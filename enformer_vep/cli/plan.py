"""`enformer-vep plan`: what a run will take, before it is submitted."""

from pathlib import Path

import click

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("variants")
@click.option("-f", "--fasta", type=FILE, required=True, help="Reference genome.")
@click.option(
    "-r", "--region", "regions", multiple=True, help="Only chr22:1000-2000 (1-based); can be repeated."
)
@click.option("-R", "--regions-file", type=FILE, help="Only the regions of this BED file or list.")
@click.option(
    "--window", type=click.IntRange(min=1), default=196_608, show_default=True, help="Window in bp."
)
@click.option(
    "--columns", type=click.IntRange(min=1), default=5313, show_default=True, help="Scores times tracks."
)
@click.option(
    "--views",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Strands times shifts: --rc is 2.",
)
@click.option(
    "--devices-hours",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Hours that one shard may take on one device.",
)
@click.option("--piece-size", type=click.IntRange(min=1), default=None, help="As for score.")
def plan(
    variants: str,
    fasta: Path,
    regions: tuple[str, ...],
    regions_file: Path | None,
    window: int,
    columns: int,
    views: int,
    devices_hours: float,
    piece_size: int | None,
) -> None:
    """Count the alleles of VARIANTS and say what scoring them takes. No model is run.

    Seconds come from measurements on the hardware that is named; where there is none, it says so.

    \b
    enformer-vep plan variants.vcf.gz -f hg38.fa --devices-hours 4
    """
    from enformer_vep.jobs.plan import make_plan
    from enformer_vep.scoring.inputs import open_source
    from enformer_vep.settings import PIECE_SIZE, ScoreRequest

    request = ScoreRequest(variants, fasta, regions=regions, regions_file=regions_file)
    planned = make_plan(open_source(request), window, columns, views, devices_hours, piece_size or PIECE_SIZE)
    for line in planned.lines():
        click.echo(line)
