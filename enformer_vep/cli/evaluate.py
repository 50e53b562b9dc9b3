"""`enformer-vep evaluate`: how well a model predicts held-out data."""

import logging
from functools import partial
from pathlib import Path

import click

from enformer_vep.cli.options import FILE, threads_option
from enformer_vep.cli.progress import progress_bar
from enformer_vep.errors import UsageError

logger = logging.getLogger(__name__)


@click.command("evaluate")
@click.option("-m", "--model", default="example", show_default=True, help="example, enformer, or a path.")
@click.option("--sequences", type=FILE, help="BED file; its fourth column is the split.")
@click.option("-f", "--fasta", type=FILE, help="Reference genome; with --tfrecords for longer windows.")
@click.option("-t", "--targets", type=FILE, help="Targets table; its column `file` names the bigWigs.")
@click.option("--tfrecords", type=FILE, help="Folder in the layout of the published training data, instead.")
@click.option(
    "--absent", type=click.Choice(["zero", "unknown"]), default="zero", show_default=True,
    help="What positions are that a bigWig leaves out.",
)  # fmt: skip
@click.option("--blacklist", type=FILE, help="BED file of positions that are unknown whatever the bigWigs say.")
@click.option(
    "--squash", type=click.Choice(["clip-first", "scale-first"]), default="clip-first", show_default=True,
    help="Order of the targets table's clip and scale: as in the published tables' time, or basenji's of today.",
)  # fmt: skip
@click.option(
    "--split", type=click.Choice(["train", "valid", "test"]), default="test", show_default=True,
    help="Which sequences.",
)  # fmt: skip
@click.option("--organism", default="human", show_default=True, help="Which head: human or mouse.")
@click.option("-o", "--output", default="-", show_default=True, help="Table to write; - is standard output.")
@click.option("--plot", type=FILE, help="Also draw the correlations into this PNG.")
@click.option("--window", type=click.IntRange(min=1), help="Window in bp; default: the model's.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N sequences.")
@click.option("--batch-size", type=click.IntRange(min=1), default=1, show_default=True, help="Sequences at a time.")
@click.option("--workers", type=click.IntRange(min=0), default=1, show_default=True, help="Processes that read ahead.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1.")
@threads_option
def evaluate(
    model: str,
    sequences: Path | None,
    fasta: Path | None,
    targets: Path | None,
    tfrecords: Path | None,
    absent: str,
    blacklist: Path | None,
    squash: str,
    split: str,
    organism: str,
    output: str,
    plot: Path | None,
    window: int | None,
    limit: int | None,
    batch_size: int,
    workers: int,
    device: str,
    threads: int | None,
) -> None:
    """Compare a model's predictions with measured tracks.

    One row per track, Pearson's r of prediction and observation: pearson_bins over all bins of all sequences,
    the paper's figure; pearson_sequences over sequences, of the mean of each; both also of log(1 + x). What a
    bigWig leaves out is 0 unless --absent or --blacklist say that it is unknown; NaN in a bigWig and what lies
    past a contig's end always are. Bins with an unknown position do not count. TFRecords are summarised already.

    \b
    enformer-vep evaluate --sequences test.bed -f hg38.fa -t targets.txt --plot r.png > r.tsv
    enformer-vep evaluate --model enformer --tfrecords basenji2/human -f hg38.fa -o r.tsv
    """
    _check_form(sequences, fasta, targets, tfrecords)
    from enformer_vep.effects.devices import resolve_device
    from enformer_vep.scoring.threads import use_threads
    from enformer_vep.training import evaluation_report
    from enformer_vep.training.configuration import DataConfig
    from enformer_vep.training.held_out import evaluate_model

    used = use_threads(threads)
    if resolve_device(device).type == "cpu":
        logger.info("computing with %s", used.describe())
    data = DataConfig(
        organism,
        targets,
        sequences,
        fasta,
        None,
        tfrecords,
        absent=absent,
        blacklist=blacklist,
        squash=squash,
    )
    result = evaluate_model(
        model,
        data,
        partial(progress_bar, unit="seq"),
        split=split,
        device=device,
        batch_size=batch_size,
        workers=workers,
        window=window,
        limit=limit,
    )
    _write(evaluation_report.table_text(result), output)
    if plot is not None:
        evaluation_report.plot(result, plot, split)
    logger.info("%s", evaluation_report.describe(result))


def _check_form(sequences: Path | None, fasta: Path | None, targets: Path | None, tfrecords: Path | None) -> None:
    if tfrecords is not None and sequences is not None:
        raise UsageError("--tfrecords and --sequences exclude each other: give one")
    if tfrecords is None:
        given = {"--sequences": sequences, "--fasta": fasta, "--targets": targets}
        absent = [name for name, path in given.items() if path is None]
        if absent:
            raise UsageError(f"{absent[0]} is missing: give --sequences, --fasta and --targets, or --tfrecords")


def _write(text: str, destination: str) -> None:
    from enformer_vep.files.atomic import complete_or_absent

    if destination == "-":
        click.echo(text, nl=False)
        return
    with complete_or_absent(destination) as path:
        path.write_text(text, encoding="utf-8")
