"""`enformer-vep eqtl`: the classification test on fine-mapped eQTLs, and what it teaches."""

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from enformer_vep.cli.options import FILE, together
from enformer_vep.cli.progress import progress_bar
from enformer_vep.cli.words import read_by, read_names
from enformer_vep.errors import InputError, UsageError

if TYPE_CHECKING:
    from enformer_vep.eqtl.eqtl_settings import EqtlSettings, LabelSettings
    from enformer_vep.eqtl.labelled_examples import Examples

logger = logging.getLogger(__name__)

BGZF_SUFFIXES = (".gz", ".bgz")


@click.group()
def eqtl() -> None:
    """Tell fine-mapped causal variants from others by their scores.

    The test of the Enformer paper: per tissue, a random forest on the absolute scores of all tracks.

    \b
    enformer-vep score variants.vcf.gz -f hg38.fa -o scores.tsv.gz
    enformer-vep eqtl evaluate scores.tsv.gz --labels finemapped.tsv --figure auroc.png > metrics.tsv
    enformer-vep eqtl fit scores.tsv.gz --labels finemapped.tsv -o eqtl.safetensors
    enformer-vep eqtl predict eqtl.safetensors other_scores.tsv.gz > causal.tsv
    """


table_options = together(
    click.option(
        "-l", "--labels", multiple=True, type=FILE,
        help="Table (tab or comma) with variant, tissue, and pip or label (1, 0); can be repeated.",
    ),
    click.option("--tissue", default="all", show_default=True, help="Name of the tissue, if no column has it."),
    click.option(
        "--positive-pip", type=click.FloatRange(0, 1), default=0.9, show_default=True,
        help="At least this posterior inclusion probability makes a positive.",
    ),
    click.option(
        "--negative-pip", type=click.FloatRange(0, 1), default=0.01, show_default=True,
        help="At most this makes a negative. What lies between is left out, and counted.",
    ),
    click.option(
        "--column", "columns", multiple=True, metavar="ROLE=NAME",
        help="Column of --labels for a role: contig, position, reference, alternate, variant, id, tissue, label, "
        "pip, gene, distance, frequency, effect or group. Usual names are found without it.",
    ),
)  # fmt: skip

label_options = together(
    click.argument("scores", nargs=-1, required=True, type=FILE),
    table_options,
    click.option("--positives", type=FILE, help="Instead: causal variants of one tissue, VCF or table."),
    click.option("--negatives", type=FILE, help="With --positives: the other variants."),
    click.option("-s", "--score", default="SAD", show_default=True, help="The score whose columns are features."),
    click.option(
        "--transform", type=click.Choice(["log2", "none"]), default="log2", show_default=True,
        help="Scale of features: sign(x) log2(1 + |x| / pseudocount), or as they are.",
    ),
    click.option(
        "--pseudocount", type=float, default=1e-6, show_default=True,
        help="Of --transform log2, in units of the score.",
    ),
    click.option("--trees", type=click.IntRange(min=1), default=100, show_default=True, help="Trees per forest."),
    click.option(
        "--max-features", type=click.Choice(["log2", "sqrt", "all"]), default="log2", show_default=True,
        help="How many features a split may choose from.",
    ),
    click.option(
        "--seed", type=click.IntRange(min=0), default=44, show_default=True, help="Fixes folds and forests."
    ),
    click.option(
        "-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True,
        help="Threads that grow trees; results do not depend on it.",
    ),
    click.option("--accounting", type=FILE, help="Write what became of every label row to this table."),
)  # fmt: skip


@eqtl.command()
@label_options
@click.option("--folds", type=click.IntRange(min=2), default=8, show_default=True, help="Parts of a cross-validation.")
@click.option(
    "--repeats", type=click.IntRange(min=1), default=5, show_default=True,
    help="Cross-validations; the paper has 100.",
)  # fmt: skip
@click.option(
    "--keep-together", default="linked", show_default=True,
    type=click.Choice(["linked", "none", "group", "gene", "variant", "chromosome"]),
    help="What a fold must not split; linked: all that shares a variant, a gene, a credible set (or another group of "
    "the labels) or a stretch of the genome; none: nothing, as in the paper, which flatters the result.",
)  # fmt: skip
@click.option(
    "--stretch", type=click.IntRange(min=0), default=1_000_000, show_default=True, metavar="BP",
    help="Examples at most so far apart are linked.",
)  # fmt: skip
@click.option(
    "--direction-track", metavar="TRACK",
    help="Track whose sign predicts the direction of effect; default: the mean over all, robustly scaled.",
)  # fmt: skip
@click.option("-o", "--output", default="-", show_default=True, help="Table to write; - is standard output.")
@click.option("--figure", type=FILE, help="Also draw AUROC by tissue, ROC and precision-recall curves: PNG.")
@click.option("--fold-table", type=FILE, help="Also write the figures of every fold to this table.")
def evaluate(output: str, figure: Path | None, fold_table: Path | None, **options: Any) -> None:
    """Cross-validate: how well do SCORES tell positives from negatives, tissue by tissue?

    SCORES are tables of enformer-vep score. One row per tissue: counts of examples and of the groups that folds keep
    together; AUROC and average precision, mean and standard deviation over folds, beside those of the distance to
    the TSS alone; and, where labels have an effect
    (of the ALT allele), how often its sign is told from the scores' sign.

    \b
    enformer-vep eqtl evaluate scores.tsv.gz --labels finemapped.tsv --figure auroc.png > metrics.tsv
    enformer-vep eqtl evaluate scores.tsv.gz --positives causal.vcf --negatives matched.vcf
    """
    _check_writable([output], figure, fold_table, options["accounting"])
    from enformer_vep.eqtl import evaluation, report

    settings = _settings(options)
    examples = _examples(options, settings)
    with progress_bar(evaluation.work(examples, settings), "forest") as advance:
        results = list(evaluation.evaluate(examples, settings, advance))
    _write([report.metrics_text(results)], output)
    if fold_table is not None:
        _write([report.folds_text(results)], str(fold_table))
    if figure is not None:
        _draw(results, figure, f"{settings.features.score}, {len(examples.tracks)} tracks")
    logger.info("%s", report.describe(results))


@eqtl.command()
@label_options
@click.option("-o", "--output", required=True, help="File for the classifiers of all tissues (.safetensors).")
@click.option("--provenance", type=FILE, help="The --summary of the scoring run: notes its model in the file.")
def fit(output: str, provenance: Path | None, **options: Any) -> None:
    """Train one classifier per tissue on all labelled SCORES and save them in one file.

    \b
    enformer-vep eqtl fit scores.tsv.gz --labels finemapped.tsv -o eqtl.safetensors
    """
    _check_writable([output], options["accounting"])
    from enformer_vep.eqtl import fitting
    from enformer_vep.eqtl.model_file import to_bytes

    settings, scoring = _settings(options), _summary(provenance)
    examples = _examples(options, settings)
    with progress_bar(len(examples.tissues), "tissue") as advance:
        models = fitting.fit(examples, settings, scoring, advance)
    _write([to_bytes(models)], output)
    logger.info("%s: %d tissues, %d tracks", output, len(models.forests), len(models.tracks))


@eqtl.command()
@click.argument("classifiers", type=FILE)
@click.argument("scores", nargs=-1, required=True, type=FILE)
@click.option(
    "-o", "--output", default="-", show_default=True,
    help="Table to write; .gz is BGZF, - is standard output.",
)  # fmt: skip
def predict(classifiers: Path, scores: tuple[Path, ...], output: str) -> None:
    """Give every row of SCORES its probability of being causal, by tissue.

    CLASSIFIERS is a file of enformer-vep eqtl fit. Rows come out in order, none lost; those without scores
    have NA. The probability is the forest's, for the share of positives it was trained on; rows that it was trained
    on get back what it was taught, so measure skill with evaluate.

    \b
    enformer-vep eqtl predict eqtl.safetensors scores.tsv.gz > causal.tsv
    """
    _check_writable([output])
    from enformer_vep.eqtl.model_file import read_models
    from enformer_vep.eqtl.prediction import check_fit, predict_lines
    from enformer_vep.eqtl.score_tables import open_tables

    models = read_models(classifiers)
    tables = open_tables(scores, models.features.score, models.tracks)
    check_fit(models, tables)
    with progress_bar(None, "row") as advance:
        _write(predict_lines(models, tables, advance), output)


@eqtl.command()
@table_options
@click.option("--variants", required=True, type=FILE, help="VCF or BCF with frequencies; an index is used.")
@click.option("--annotation", required=True, type=FILE, help="GTF or GFF3 of the genes.")
@click.option(
    "-n", "--per-positive", type=click.IntRange(min=1), default=1, show_default=True, help="Negatives for each."
)
@click.option(
    "--keep-fewer", is_flag=True, help="Keep positives that find fewer than -n; by default they are left out."
)
@click.option(
    "--gene", "gene", type=click.Choice(["same", "nearest"]), default="same", show_default=True,
    help="same: negatives in reach of the positive's own gene; nearest: each variant, positives too, belongs to the "
    "gene whose TSS is nearest, and negatives may come from anywhere.",
)  # fmt: skip
@click.option("--gene-types", callback=read_by(read_names), help="Only these, such as protein_coding. Default: all.")
@click.option(
    "--reach", type=click.IntRange(min=1), default=1_000_000, show_default=True, metavar="BP",
    help="From a gene's TSS, at most.",
)  # fmt: skip
@click.option(
    "--distance-caliper", type=float, default=0.1, show_default=True,
    help="Largest difference in log10(|distance to the TSS| + 100 bp).",
)  # fmt: skip
@click.option(
    "--frequency-caliper", type=float, default=0.05, show_default=True,
    help="Largest difference in minor allele frequency.",
)  # fmt: skip
@click.option("--ld-blocks", type=FILE, help="BED: a negative must lie in another block than its positive.")
@click.option(
    "--apart", type=click.IntRange(min=0), default=0, show_default=True, metavar="BP",
    help="A negative must be at least so far from its positive.",
)  # fmt: skip
@click.option(
    "--frequency-field", default="AF", show_default=True, help="INFO field with the frequency of every ALT allele."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=44, show_default=True,
    help="Fixes the order in which positives choose.",
)  # fmt: skip
@click.option("-o", "--output", default="-", show_default=True, help="Labels to write; - is standard output.")
@click.option("--sites", type=FILE, help="Also write positives and negatives as a VCF, to be scored.")
@click.option("--balance", type=FILE, help="Also write how alike both are, before and after, to this table.")
@click.option("--accounting", type=FILE, help="Also write what became of every positive to this table.")
def negatives(output: str, sites: Path | None, balance: Path | None, accounting: Path | None, **options: Any) -> None:
    """Choose negatives that are like the positives of --labels in all but being causal.

    A negative is of the same class (SNV, deletion of one base, ...), as far from the TSS and as frequent, and not
    itself in --labels with a PIP above --negative-pip, in any tissue. Each serves once in a tissue. Positives that
    find none are left out, and counted.

    \b
    enformer-vep eqtl negatives -l finemapped.tsv --variants 1000G.vcf.gz --annotation gencode.gtf.gz \\
        --sites sites.vcf.gz --balance balance.tsv -o labels.tsv
    enformer-vep score sites.vcf.gz -f hg38.fa -o scores.tsv.gz
    enformer-vep eqtl evaluate scores.tsv.gz --labels labels.tsv > metrics.tsv
    """
    _check_writable([output], sites, balance, accounting)
    from enformer_vep.eqtl import negative_tables
    from enformer_vep.eqtl.negative_settings import GeneRule, NegativeSettings
    from enformer_vep.eqtl.negatives import NegativeInputs, choose_negatives

    if not options["labels"]:
        raise UsageError("--labels is missing: give the table of fine-mapped variants")
    names = ("per_positive", "keep_fewer", "reach", "distance_caliper", "frequency_caliper", "apart", "seed")
    settings = NegativeSettings(
        gene=GeneRule(options["gene"]), gene_types=options["gene_types"] or (), info=options["frequency_field"],
        **{name: options[name] for name in names},
    )  # fmt: skip
    inputs = NegativeInputs(options["labels"], options["variants"], options["annotation"], options["ld_blocks"])
    with progress_bar(None, "variant") as advance:
        chosen = choose_negatives(inputs, _label_settings(options), settings, advance)
    _write([negative_tables.labels_text(chosen)], output)
    texts = (negative_tables.sites_text, negative_tables.balance_text, negative_tables.matches_text)
    for destination, text in zip((sites, balance, accounting), texts, strict=True):
        if destination is not None:
            _write([text(chosen)], str(destination))
    logger.info("%s", negative_tables.describe_balance(chosen))


def _label_settings(options: dict[str, Any]) -> "LabelSettings":
    from enformer_vep.eqtl.eqtl_settings import LabelSettings
    from enformer_vep.eqtl.label_columns import parse_column

    columns = tuple(map(parse_column, options["columns"]))
    return LabelSettings(options["positive_pip"], options["negative_pip"], options["tissue"], columns)


def _settings(options: dict[str, Any]) -> "EqtlSettings":
    from enformer_vep.eqtl.eqtl_settings import (
        EqtlSettings,
        FeatureSettings,
        FoldSettings,
        ForestSettings,
        Together,
    )

    labels = _label_settings(options)
    pseudocount = options["pseudocount"] if options["transform"] == "log2" else None
    features = FeatureSettings(options["score"].strip(), pseudocount)
    forest = ForestSettings(options["trees"], options["max_features"], jobs=options["jobs"])
    if "folds" not in options:
        return EqtlSettings(labels, features, forest, FoldSettings(seed=options["seed"]))
    together = Together(options["keep_together"])
    folds = FoldSettings(options["folds"], options["repeats"], together, options["stretch"], options["seed"])
    return EqtlSettings(labels, features, forest, folds, options["direction_track"])


def _examples(options: dict[str, Any], settings: "EqtlSettings") -> "Examples":
    from enformer_vep.eqtl.labelled_examples import EqtlInputs, load_examples
    from enformer_vep.eqtl.report import accounting_text
    from enformer_vep.eqtl.sklearn_door import require_sklearn

    require_sklearn()
    inputs = EqtlInputs(options["scores"], options["labels"], options["positives"], options["negatives"])
    with progress_bar(None, "row") as advance:
        examples = load_examples(inputs, settings, advance)
    if options["accounting"] is not None:
        _write([accounting_text(examples.accounting)], str(options["accounting"]))
    return examples


def _check_writable(destinations: list[str], *files: Path | None) -> None:
    from enformer_vep.files.writing import require_writable

    for destination in (*destinations, *(str(file) for file in files if file is not None)):
        require_writable(destination)


def _write(pieces: Iterable[str | bytes], destination: str) -> None:
    from enformer_vep.files.bgzf import BgzfEncoder
    from enformer_vep.files.writing import open_stream

    with open_stream(destination) as stream:
        encoder = BgzfEncoder(stream) if destination.endswith(BGZF_SUFFIXES) else None
        for piece in pieces:
            (encoder or stream).write(piece.encode() if isinstance(piece, str) else piece)
        if encoder is not None:
            encoder.finish()


def _draw(results: Any, destination: Path, title: str) -> None:
    from enformer_vep.eqtl.figure import draw
    from enformer_vep.files.atomic import complete_or_absent

    figure = draw(results, title)
    with complete_or_absent(destination) as path:
        figure.savefig(path, format="png", dpi=150)


def _summary(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read ({error}); give the --summary of enformer-vep score") from error
    if not isinstance(summary, dict) or "model" not in summary:
        raise InputError(f"{path} names no model; give the --summary of enformer-vep score")
    return summary
