"""`enformer-vep eqtl`: the classification test on fine-mapped eQTLs, and what it teaches."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from enformer_vep.cli.eqtl_negatives import negatives
from enformer_vep.cli.eqtl_options import check_writable, input_files, label_options, label_settings, write
from enformer_vep.cli.options import FILE
from enformer_vep.cli.progress import progress_bar
from enformer_vep.errors import InputError

if TYPE_CHECKING:
    from enformer_vep.eqtl.eqtl_settings import EqtlSettings
    from enformer_vep.eqtl.labelled_examples import Examples

logger = logging.getLogger(__name__)


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


eqtl.add_command(negatives)


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
    "--direction-tracks", metavar="TRACKS",
    help="Tracks whose signed mean, robustly scaled, predicts the direction of effect: names in the score tables, or "
    "as for --tracks of score. Default: those whose assay says expression (CAGE, RNA, DNASE, ATAC, ChIP of polymerase "
    "II and histone marks); ChIP of other proteins is left out.",
)  # fmt: skip
@click.option(
    "--direction-groups", metavar="FILE|gtex-v8[:ASSAY]",
    help="Instead: in each tissue the tracks of the group that is called like it; as for --groups of score.",
)  # fmt: skip
@click.option(
    "--repressive", type=click.Choice(["signed", "left-out"]), default="signed", show_default=True,
    help="H3K27me3, H3K9me2 and H3K9me3 in the direction of effect: with the opposite sign, or not at all.",
)  # fmt: skip
@click.option(
    "--targets", type=FILE,
    help="The model's track table, for assays: its targets.txt, or what enformer-vep tracks prints.",
)  # fmt: skip
@click.option("-o", "--output", default="-", show_default=True, help="Table to write; - is standard output.")
@click.option("--figure", type=FILE, help="Also draw AUROC by tissue, ROC and precision-recall curves: PNG.")
@click.option("--fold-table", type=FILE, help="Also write the figures of every fold to this table.")
@click.option("--direction-table", type=FILE, help="Also write which tracks told the direction, with their signs.")
def evaluate(
    output: str, figure: Path | None, fold_table: Path | None, direction_table: Path | None, **options: Any
) -> None:
    """Cross-validate: how well do SCORES tell positives from negatives, tissue by tissue?

    SCORES are tables of enformer-vep score. One row per tissue: counts of examples and of the groups that folds keep
    together; AUROC and average precision, mean and standard deviation over folds, beside those of the distance to
    the TSS alone, of the allele frequency alone, and of both; what the scores are better by, with a 95 % interval;
    and, where labels have an effect (of the ALT allele), how often its sign is told from the scores' sign.

    \b
    enformer-vep eqtl evaluate scores.tsv.gz --labels finemapped.tsv --figure auroc.png > metrics.tsv
    enformer-vep eqtl evaluate scores.tsv.gz --positives causal.vcf --negatives matched.vcf
    """
    accounting = options["accounting"]
    check_writable([output], figure, fold_table, direction_table, accounting, inputs=input_files(options))
    from enformer_vep.eqtl import evaluation, report
    from enformer_vep.tracks.table import TrackTable

    settings = _settings(options)
    targets = options["targets"]
    table = None if targets is None else TrackTable.read(targets)
    examples = _examples(options, settings)
    with progress_bar(evaluation.work(examples, settings), "forest") as advance:
        results = list(evaluation.evaluate(examples, settings, advance, table))
    write([report.metrics_text(results)], output)
    if fold_table is not None:
        write([report.folds_text(results)], str(fold_table))
    if direction_table is not None:
        tracks = evaluation.direction_tracks(examples, settings, table)
        write([report.direction_text(results, tracks)], str(direction_table))
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
    check_writable([output], options["accounting"], inputs=(*input_files(options), provenance))
    from enformer_vep.eqtl import fitting
    from enformer_vep.eqtl.model_file import to_bytes

    settings, scoring = _settings(options), _summary(provenance)
    examples = _examples(options, settings)
    with progress_bar(len(examples.tissues), "tissue") as advance:
        models = fitting.fit(examples, settings, scoring, advance)
    write([to_bytes(models)], output)
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
    check_writable([output], inputs=(classifiers, *scores))
    from enformer_vep.eqtl.model_file import read_models
    from enformer_vep.eqtl.prediction import check_fit, predict_lines
    from enformer_vep.eqtl.score_tables import open_tables

    models = read_models(classifiers)
    tables = open_tables(scores, models.features.score, models.tracks)
    check_fit(models, tables)
    with progress_bar(None, "row") as advance:
        write(predict_lines(models, tables, advance), output)


def _settings(options: dict[str, Any]) -> "EqtlSettings":
    from enformer_vep.eqtl.eqtl_settings import (
        DirectionSettings,
        EqtlSettings,
        FeatureSettings,
        FoldSettings,
        ForestSettings,
        Repressive,
        Together,
    )

    labels = label_settings(options)
    pseudocount = options["pseudocount"] if options["transform"] == "log2" else None
    features = FeatureSettings(options["score"].strip(), pseudocount)
    forest = ForestSettings(options["trees"], options["max_features"], jobs=options["jobs"])
    if "folds" not in options:
        return EqtlSettings(labels, features, forest, FoldSettings(seed=options["seed"]))
    together = Together(options["keep_together"])
    folds = FoldSettings(options["folds"], options["repeats"], together, options["stretch"], options["seed"])
    repressive = Repressive(options["repressive"])
    direction = DirectionSettings(options["direction_tracks"], options["direction_groups"], repressive)
    return EqtlSettings(labels, features, forest, folds, direction)


def _examples(options: dict[str, Any], settings: "EqtlSettings") -> "Examples":
    from enformer_vep.eqtl.labelled_examples import EqtlInputs, load_examples
    from enformer_vep.eqtl.report import accounting_text
    from enformer_vep.eqtl.sklearn_door import require_sklearn

    require_sklearn()
    inputs = EqtlInputs(options["scores"], options["labels"], options["positives"], options["negatives"])
    with progress_bar(None, "row") as advance:
        examples = load_examples(inputs, settings, advance)
    if options["accounting"] is not None:
        write([accounting_text(examples.accounting)], str(options["accounting"]))
    return examples


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
