"""`enformer-vep merge`: the shards of an array job become one table."""

from pathlib import Path

import click

from enformer_vep.cli.options import FILE


@click.command()
@click.argument("shards", nargs=-1, required=True, type=FILE)
@click.option("-o", "--output", required=True, help="File to write, or - for standard output.")
@click.option("--tabix", is_flag=True, help="Also write a tabix index of the .gz table.")
@click.option("--summary", type=FILE, help="Write counts to this JSON file.")
def merge(shards: tuple[Path, ...], output: str, tabix: bool, summary: Path | None) -> None:
    """Verify and join SHARDS, outputs of `score --shard`, in any order.

    The result has the bytes of an unsharded run. When shards are missing, damaged or stale, the exit code is
    3 and their numbers stand on standard output, ready for an array job:

    \b
    enformer-vep merge shards/*.tsv.gz -o scores.tsv.gz --tabix
    sbatch --array=$(enformer-vep merge shards/*.tsv.gz -o scores.tsv.gz) job.sh
    """
    from enformer_vep.files.summary import write_summary
    from enformer_vep.jobs.merge import IncompleteError
    from enformer_vep.jobs.merge import merge as join

    try:
        joined = join(shards, output, tabix)
    except IncompleteError as error:
        if output != "-":
            click.echo(error.array)
        raise
    if summary:
        write_summary(str(summary), joined.to_dict())
