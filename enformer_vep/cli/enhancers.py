"""`enformer-vep enhancers`: which candidate elements a gene's prediction rests on."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from enformer_vep.cli.command_with_subcommands import CommandWithSubcommands
from enformer_vep.cli.enhancers_abc import abc
from enformer_vep.cli.enhancers_evaluate import evaluate
from enformer_vep.cli.options import FILE, threads_option
from enformer_vep.cli.window_options import table_options, take
from enformer_vep.cli.words import read_by, read_names, read_shifts
from enformer_vep.settings import (
    Centre,
    ComputeSettings,
    Engine,
    GeneSettings,
    OutputSettings,
    Precision,
    Score,
    ScoreSettings,
)
from enformer_vep.settings.contribution_settings import Recipe
from enformer_vep.settings.explain_enhancers import (
    ENHANCER_SCORES,
    RECIPES,
    EnhancerRequest,
    EnhancerSettings,
    KnockOut,
    Method,
)


def _read_choices(kind: Any, what: str) -> Any:
    def read(text: str) -> tuple[Any, ...]:
        names = [word.strip().lower() for word in text.split(",") if word.strip()]
        unknown = [name for name in names if name not in [one.value for one in kind]]
        if unknown or not names:
            raise ValueError(f"{', '.join(unknown) or text!r} is no {what}: choose from {', '.join(kind)}")
        return tuple(kind(name) for name in names)

    return read_by(read)


@click.group(cls=CommandWithSubcommands)
@click.argument("elements", type=FILE)
@click.option(
    "-f", "--fasta", "genome", type=FILE, required=True,
    help="Reference genome, plain or BGZF; .fai is made if missing.",
)  # fmt: skip
@click.option("--genes", type=FILE, required=True, help="GTF or GFF3 of the genes.")
@click.option(
    "-m", "--model", default="enformer", show_default=True, help="enformer, or a path: see enformer-vep models."
)
@click.option("-t", "--tracks", help="Comma-separated indices, ranges (0-99), identifiers, assay:CAGE, /regex/, @file.")
@click.option("--groups", help="Average predictions over groups of tracks: a file (track, tab, group) or gtex-v8.")
@click.option("--targets", type=FILE, help="Track table of a model that carries none; default: the model's own.")
@click.option("--organism", default="human", show_default=True, help="Which head: human or mouse.")
@click.option(
    "--methods", callback=_read_choices(Method, "method"),
    help=f"Comma-separated, in the order of the columns: {', '.join(Method)}. Default: all that the model has.",
)  # fmt: skip
@click.option(
    "--recipes", callback=_read_choices(Recipe, "recipe"), default=",".join(RECIPES), show_default=True,
    help=f"Of gradient, as for contributions: {', '.join(Recipe)}.",
)  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(min=1), default=32, show_default=True,
    help="With the recipe integrated: points on the way, each as expensive as a gradient.",
)  # fmt: skip
@click.option(
    "--knock-outs", callback=_read_choices(KnockOut, "knock-out"), default=",".join(KnockOut), show_default=True,
    help="What elements become: n, N; shuffle, a shuffle that keeps the counts of dinucleotides; deletion.",
)  # fmt: skip
@click.option(
    "--shuffles", type=click.IntRange(min=1), default=5, show_default=True,
    help="Shuffles of each element that are averaged over.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=44, show_default=True, help="Fixes the shuffles.")
@click.option(
    "--within", type=click.IntRange(min=1), default=100_000, show_default=True, metavar="BP",
    help="Pair elements with genes whose main start is at most so far from the element's centre.",
)  # fmt: skip
@click.option(
    "-s", "--score", type=click.Choice([one.value for one in ENHANCER_SCORES], case_sensitive=False),
    default=Score.SADR.value, show_default=True, callback=read_by(Score),
    help="Units: SADR, log2 fold change of the summed prediction; SAD, the track's.",
)  # fmt: skip
@click.option("--pseudocount", type=float, default=1, show_default=True, help="Added to the summed prediction in SADR.")
@click.option("--tss-bins", type=click.IntRange(min=1), default=3, show_default=True, help="Bins per start.")
@click.option("--transcripts", help="Whose starts count; as for score. Default: filtered.")
@click.option(
    "--gene-types", "types", callback=read_by(read_names), help="Only these, such as protein_coding. Default: all."
)
@click.option("--rc/--no-rc", "reverse_complement", help="Average over both strands.")
@click.option(
    "--shifts", default="0", show_default=True, callback=read_by(read_shifts),
    help="Average over these shifts of the window, in bp: -1,0,1.",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice([one.value for one in Precision]), default=Precision.FLOAT32.value,
    show_default=True, callback=read_by(Precision), help="Arithmetic of knock-outs.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice([Engine.DELTA.value, Engine.PAIR.value]), callback=read_by(Engine),
    help="Of knock-outs, as for score. Default: delta where the model's family has it.",
)  # fmt: skip
@click.option("--window", type=click.IntRange(1, 4_194_304), help="Window in bp; default: the model's, 196608.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1.")
@threads_option
@click.option(
    "-o", "--output", "destination", default="-", show_default=True,
    help="Table to write; .gz is BGZF, - is standard output.",
)  # fmt: skip
@table_options("genes")
def enhancers(
    elements: Path, genome: Path, genes: Path, model: str, targets: Path | None, shard: str | None, dry_run: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Score candidate ELEMENTS (BED) as enhancers of genes: a row for each pair within reach of each other.

    ELEMENTS may also be a table of pairs, with columns chrom, start, end and gene (or gene_id). Values are larger the
    more of the gene's prediction is lost with the element; what cannot be scored has its reason in STATUS.

    \b
    enformer-vep enhancers peaks.bed -f hg38.fa --genes gencode.gtf.gz -t assay:CAGE > pairs.tsv
    enformer-vep enhancers pairs.tsv -f hg38.fa --genes gencode.gtf.gz -t CNhs11250 --rc -o scored.tsv.gz

    A run with -o FILE that was interrupted, however roughly, goes on when the same command is given again.
    """
    from enformer_vep.cli.progress import is_terminal, progress_bar
    from enformer_vep.effects.memory import keep_freed_memory
    from enformer_vep.explain.enhancers import score_elements

    request = EnhancerRequest(
        elements, genome, genes, _settings(options), model, take(ComputeSettings, options),
        take(OutputSettings, options), targets, dry_run, shard,
    )  # fmt: skip
    keep_freed_memory()
    hidden = is_terminal(request.output.destination)
    score_elements(request, partial(progress_bar, unit="gene", hidden=hidden))


def _settings(options: dict[str, Any]) -> EnhancerSettings:
    genes = take(GeneSettings, {**options, "centre": Centre.TSS})
    chosen = (options.pop("score"),)
    score = take(ScoreSettings, {**options, "scores": chosen, "genes": genes})
    return take(EnhancerSettings, {**options, "score": score})


enhancers.add_command(abc)
enhancers.add_command(evaluate)
