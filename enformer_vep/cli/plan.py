"""`enformer-vep plan`: what a run will take, before it is submitted."""

import click

from enformer_vep.cli.options import as_request, source_options
from enformer_vep.settings import PIECE_SIZE, ScoreRequest


@click.command()
@source_options
@click.option("--window", type=click.IntRange(min=1), default=196_608, show_default=True, help="Window in bp.")
@click.option("--columns", type=click.IntRange(min=1), default=5313, show_default=True, help="Scores times tracks.")
@click.option(
    "--views",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Strands times shifts times phases: --rc is 2.",
)
@click.option(
    "--devices-hours",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Hours that one shard may take on one device.",
)
@click.option("--piece-size", type=click.IntRange(min=1), default=PIECE_SIZE, show_default=True, help="As for score.")
@as_request
def plan(request: ScoreRequest, columns: int, views: int, devices_hours: float) -> None:
    """Count the alleles of VARIANTS and say what scoring them takes. No model is run.

    Seconds come from measurements on the hardware that is named; where there is none, it says so.

    \b
    enformer-vep plan variants.vcf.gz -f hg38.fa --devices-hours 4
    """
    from enformer_vep.jobs.plan import make_plan
    from enformer_vep.scoring.inputs import open_source

    compute = request.compute
    assert compute.window is not None, "the option has a default"
    planned = make_plan(open_source(request), compute.window, columns, views, devices_hours, compute.piece_size)
    for line in planned.lines():
        click.echo(line)
