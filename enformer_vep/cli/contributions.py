"""`enformer-vep contributions`: which bases a prediction rests on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from enformer_vep.cli.options import FILE, threads_option
from enformer_vep.cli.window_options import table_options, take, window_options
from enformer_vep.cli.words import read_bins, read_by, read_names, read_shifts
from enformer_vep.errors import UsageError
from enformer_vep.settings import ComputeSettings, GeneSettings, OutputSettings, Precision
from enformer_vep.settings.contribution_settings import (
    ContributionOutputs,
    ContributionRequest,
    ContributionSettings,
    Recipe,
)

_BIGWIG = (".bw", ".bigwig")
_RECIPES = " ".join(f"{one}: {one.description}." for one in Recipe)


@click.command()
@window_options("targets are the genes that start in them")
@click.option(
    "--target", "queries", callback=read_by(read_names),
    help="Bins that are explained, comma-separated: center (around the position), tss (of genes' starts), or other "
    "positions such as chr22:1000. Default: tss with --genes, else center.",
)  # fmt: skip
@click.option(
    "--bins", "centre_bins", default="center:3", show_default=True, callback=read_by(read_bins),
    help="center:N for the N bins of 128 bp around the position, or all.",
)  # fmt: skip
@click.option("--organism", default="human", show_default=True, help="Which head: human or mouse.")
@click.option(
    "-t", "--tracks",
    help="Tracks that are explained, each for itself: indices, ranges (0-99), identifiers, assay:CAGE, /regex/, @file.",
)  # fmt: skip
@click.option(
    "--targets", type=FILE,
    help="Track table (targets.txt) of a model that carries none; default: the model's own.",
)  # fmt: skip
@click.option("--groups", help="Explain means of groups of tracks: a file (track, tab, group) or gtex-v8 for tissues.")
@click.option("--average-tracks", is_flag=True, help="Explain the mean of all chosen tracks.")
@click.option(
    "--recipe", type=click.Choice([one.value for one in Recipe]), default=Recipe.NOTEBOOK.value, show_default=True,
    callback=read_by(Recipe), help=_RECIPES,
)  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(min=1), default=32, show_default=True,
    help="With --recipe integrated: points on the way, each as expensive as a gradient.",
)  # fmt: skip
@click.option("--rc/--no-rc", "reverse_complement", help="Average over both strands.")
@click.option(
    "--shifts", default="0", show_default=True, callback=read_by(read_shifts),
    help="Average over these shifts of the window, in bp: -1,0,1.",
)  # fmt: skip
@click.option(
    "--width", type=click.IntRange(min=1), default=128, show_default=True,
    help="Bases of a line of the table; 1 for a line per base.",
)  # fmt: skip
@click.option("--window", type=click.IntRange(1, 4_194_304), help="Window in bp; default: the model's, 196608.")
@click.option(
    "--precision", type=click.Choice([Precision.FLOAT32.value, Precision.FLOAT64.value, Precision.TF32.value]),
    default=Precision.FLOAT32.value, show_default=True, callback=read_by(Precision), help="Arithmetic of the network.",
)  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1.")
@threads_option
@click.option(
    "-o", "--output", "destinations", multiple=True,
    help="File to write, by its name: .tsv or .tsv.gz is a table with a line per stretch, .bw per base for genome "
    "browsers, .npz all arrays; can be repeated. {window}, {target} and {track} in the name of a .bw stand for theirs. "
    "Default: -, the table on standard output.",
)  # fmt: skip
@click.option(
    "--figure",
    help="Also draw contributions along the window, and those of the bases in its middle: png, svg or pdf; {window} "
    "and {target} in the name stand for theirs.",
)  # fmt: skip
@table_options("windows")
def contributions(
    genome: Path, model: str, variants: str | None, regions: tuple[str, ...], regions_file: Path | None,
    genes: Path | None, targets: Path | None, destinations: tuple[str, ...], figure: str | None, dry_run: bool,
    shard: str | None, **options: Any,
) -> None:  # fmt: skip
    """Say what every base of the windows around VARIANTS, positions, regions or genes contributes to a prediction.

    The prediction is the mean over the target's bins. Windows come in the order of the genome, and hold the reference;
    those that cannot be explained have their reason in STATUS.

    \b
    enformer-vep contributions --genes gencode.gtf.gz --gene GP1BB -f hg38.fa -t CNhs12331 --rc -o gp1bb.bw
    enformer-vep contributions -r chr22:19723266 -f hg38.fa -t ENCFF136DBS -o table.tsv.gz --figure picture.png
    enformer-vep contributions variants.vcf.gz -f hg38.fa --genes gencode.gtf.gz -t assay:CAGE --average-tracks \\
        -o all.npz -o '{window}.{target}.bw'

    A run that writes a table alone and was interrupted goes on when the same command is given again.
    """
    from enformer_vep.cli.progress import is_terminal, progress_bar
    from enformer_vep.explain.contribution_run import explain_windows

    table, outputs = _sorted_outputs(destinations, figure)
    gene_settings = take(GeneSettings, options) if genes else None
    settings = take(ContributionSettings, {**options, "genes": gene_settings})
    # None is all of them here, not the default.
    settings = replace(settings, centre_bins=options["centre_bins"])
    request = ContributionRequest(
        genome=genome,
        settings=settings,
        model=model,
        targets=targets,
        variants=variants,
        regions=regions,
        regions_file=regions_file,
        genes=genes,
        compute=take(ComputeSettings, options),
        output=take(OutputSettings, {**options, "destination": table}),
        table=table is not None,
        outputs=outputs,
        dry_run=dry_run,
        shard=shard,
    )
    hidden = table is not None and is_terminal(table)
    explain_windows(request, lambda total: progress_bar(total, "window", hidden=hidden))


def _sorted_outputs(destinations: tuple[str, ...], figure: str | None) -> tuple[str | None, ContributionOutputs]:
    """The table, if there is one, and the other files, by the names of all."""
    bigwigs = [one for one in destinations if one.lower().endswith(_BIGWIG)]
    arrays = [one for one in destinations if one.lower().endswith(".npz")]
    tables = [one for one in destinations if one not in (*bigwigs, *arrays)]
    for some, kind in ((bigwigs, "bigWig"), (arrays, ".npz"), (tables, "table")):
        if len(some) > 1:
            raise UsageError(f"-o {some[0]} and -o {some[1]} are both a {kind}: give one of each kind")
    outputs = ContributionOutputs(
        bigwig=bigwigs[0] if bigwigs else None, npz=Path(arrays[0]) if arrays else None, figure=figure
    )
    if tables:
        return tables[0], outputs
    return (None if outputs.are_any else "-"), outputs
