"""Options that the explaining commands share."""

from dataclasses import fields
from typing import Any, TypeVar

import click

from enformer_vep.cli.options import FILE, Decorator, together
from enformer_vep.cli.words import read_by, read_names

Settings = TypeVar("Settings")


def window_options(of_genes: str) -> Decorator:
    """Genome, model, and where windows lie; `of_genes` says what genes are beside other places."""
    return together(
        click.argument("variants", required=False),
        click.option(
            "-f", "--fasta", "genome", type=FILE, required=True,
            help="Reference genome, plain or BGZF; .fai is made if missing.",
        ),
        click.option(
            "-m", "--model", default="enformer", show_default=True,
            help="enformer, or a path: see enformer-vep models.",
        ),
        click.option(
            "-r", "--region", "regions", multiple=True,
            help="A window on this position (chr22:1000), or on the middle of a region; can be repeated.",
        ),
        click.option(
            "-R", "--regions-file", type=FILE,
            help="Windows on the middles of the regions of this BED file or list.",
        ),
        click.option(
            "--genes", type=FILE,
            help="GTF or GFF3: windows on the main start of each gene; where VARIANTS, -r or -R say where windows are, "
            f"{of_genes}.",
        ),
        click.option(
            "--gene", "only_genes", callback=read_by(read_names),
            help="Only these genes, by name or identifier, comma-separated.",
        ),
        click.option(
            "--gene-types", "types", callback=read_by(read_names),
            help="Only these, such as protein_coding. Default: all.",
        ),
        click.option("--transcripts", help="Whose starts count; as for score. Default: filtered."),
        click.option("--tss-bins", type=click.IntRange(min=1), default=3, show_default=True, help="Bins per start."),
    )  # fmt: skip


def table_options(units: str) -> Decorator:
    """How a table of `units` ("windows") is gone on with, cut into blocks, and tried."""
    return together(
        click.option("--overwrite", is_flag=True, help="Start anew where an interrupted run would be continued."),
        click.option("--summary", type=FILE, help="Write counts and settings to this JSON file."),
        click.option(
            "--shard",
            help=f"Only block I of N of the {units}: 3/8, or auto/8 (or auto) within an array job. {{shard}} in -o "
            "stands for the number. Join the blocks with enformer-vep merge.",
        ),
        click.option("--dry-run", is_flag=True, help="Read and check everything, count by status, run no model."),
    )


def take(settings: type[Settings], options: dict[str, Any]) -> Settings:
    """Make settings of the options that are named after their fields; what was not asked for keeps its default."""
    names = [field.name for field in fields(settings)]  # type: ignore[arg-type]
    return settings(**{name: options[name] for name in names if options.get(name) is not None})
