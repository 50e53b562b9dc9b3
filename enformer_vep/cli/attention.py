"""`enformer-vep attention`: which bins of a window look at which others."""

from pathlib import Path
from typing import Any

import click

from enformer_vep.cli.options import FILE, threads_option
from enformer_vep.cli.window_options import table_options, take, window_options
from enformer_vep.cli.words import read_by, read_names, read_numbers, read_shifts
from enformer_vep.settings import ComputeSettings, GeneSettings, OutputSettings
from enformer_vep.settings.explain_attention import AttentionOutputs, AttentionRequest, AttentionSettings


@click.command()
@window_options("rows of the genes that start in them")
@click.option(
    "--query", "queries", callback=read_by(read_names),
    help="Whose rows are wanted, comma-separated: center (the bin that windows are on), tss (of genes' starts), or "
    "positions such as chr22:1000. Default: center, and tss with --genes; tss alone where windows are on genes.",
)  # fmt: skip
@click.option(
    "--center-bins", type=click.IntRange(min=1), default=1, show_default=True,
    help="Bins of center and of positions, whose rows are averaged.",
)  # fmt: skip
@click.option(
    "--layers", callback=read_by(read_numbers), help="Average over these layers, from 0: 0,3-5. Default: all."
)
@click.option("--heads", callback=read_by(read_numbers), help="Average over these heads of a layer. Default: all.")
@click.option("--rc/--no-rc", "reverse_complement", help="Average over both strands.")
@click.option(
    "--shifts", default="0", show_default=True, callback=read_by(read_shifts),
    help="Average over these shifts of the window, in bp: -1,0,1.",
)  # fmt: skip
@click.option("--window-grid", is_flag=True, help="Windows begin at multiples of 128 bp; --cool needs it.")
@click.option("--window", type=click.IntRange(1, 4_194_304), help="Window in bp; default: the model's, 196608.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1.")
@threads_option
@click.option(
    "-o", "--output", "destination",
    help="Table of rows: a line for each bin that is looked at; .gz is BGZF, - is standard output. Default: - where "
    "nothing else is written.",
)  # fmt: skip
@click.option(
    "--bigwig", help="Also write rows as bigWig, a file for each: {window} and {query} in its name stand for theirs."
)
@click.option("--npz", type=FILE, help="Also write all maps as arrays to this .npz file.")
@click.option(
    "--cool", type=FILE,
    help="Also write the symmetric part of all maps for Hi-C tools: .cool, or .mcool with coarser resolutions.",
)  # fmt: skip
@click.option(
    "--figure", help="Also draw each map with its rows: png, svg or pdf; {window} in its name stands for the window's."
)
@table_options("windows")
def attention(
    genome: Path, model: str, variants: str | None, regions: tuple[str, ...], regions_file: Path | None,
    genes: Path | None, destination: str | None, dry_run: bool, shard: str | None, **options: Any,
) -> None:  # fmt: skip
    """Map attention in windows around VARIANTS, positions, regions or genes: which bins look at which others.

    A map is the mean over layers and heads of the model, rows are queries and add up to one. Windows come in the order
    of the genome; those without a map have their reason in STATUS.

    \b
    enformer-vep attention -r chr22:19723266 -f hg38.fa --figure map.png > rows.tsv
    enformer-vep attention --genes gencode.gtf.gz --gene GP1BB -f hg38.fa --bigwig gp1bb.bw
    enformer-vep attention variants.vcf.gz -f hg38.fa --genes gencode.gtf.gz --rc --bigwig '{window}.{query}.bw'
    enformer-vep attention -R boundaries.bed -f hg38.fa --window-grid --cool maps.mcool --npz maps.npz

    A run that writes a table alone and was interrupted goes on when the same command is given again.
    """
    from enformer_vep.cli.progress import is_terminal, progress_bar
    from enformer_vep.effects.memory import keep_freed_memory
    from enformer_vep.explain.attention_run import map_attention

    outputs = take(AttentionOutputs, options)
    table = destination is not None or not outputs.are_any
    gene_settings = take(GeneSettings, options) if genes else None
    request = AttentionRequest(
        genome=genome,
        settings=take(AttentionSettings, {**options, "genes": gene_settings}),
        model=model,
        variants=variants,
        regions=regions,
        regions_file=regions_file,
        genes=genes,
        compute=take(ComputeSettings, options),
        output=take(OutputSettings, {**options, "destination": destination}),
        table=table,
        outputs=outputs,
        dry_run=dry_run,
        shard=shard,
    )
    keep_freed_memory()
    hidden = table and is_terminal(request.output.destination)
    map_attention(request, lambda total: progress_bar(total, "window", hidden=hidden))
