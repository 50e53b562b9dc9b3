"""How well the scores of MAGE's variants tell causal ones from others, by what folds keep together.

    python benchmarks/mage_genes.py make TABLE mage.vcf mage.gtf
    enformer-vep score mage.vcf -f GENOME -m example -o mage.tsv
    enformer-vep score mage.vcf -f GENOME -m example --genes mage.gtf -o genes.tsv
    python benchmarks/mage_eqtl.py TABLE mage.tsv genes.tsv --note "model example" > benchmarks/results/mage_eqtl.tsv

Neighbours share fine-mapping runs, genes and haplotypes: with --keep-together none a forest is tested on variants
whose neighbours it was trained on. Distance to the TSS needs no training; it differs between rows since folds do, so
compare it within a row. An AUROC's spread over folds is no standard error; what is independent are the groups.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from enformer_vep.eqtl.eqtl_settings import (
    EqtlSettings,
    FeatureSettings,
    FoldSettings,
    ForestSettings,
    LabelSettings,
    Together,
)
from enformer_vep.eqtl.evaluation import evaluate
from enformer_vep.eqtl.labelled_examples import EqtlInputs, load_examples
from enformer_vep.eqtl.report import spread
from enformer_vep.eqtl.results import Ranking

COLUMNS = (
    "scores", "keep_together", "positives", "negatives", "groups", "positive_groups", "folds_with_both",
    "auroc", "auroc_sd", "tss_auroc", "tss_auroc_sd", "auprc", "tss_auprc",
)  # fmt: skip
RANKINGS = (Ranking.FOREST, Ranking.DISTANCE)
KEPT = (Together.LINKED, Together.GENE, Together.NONE)


def rows(name: str, scores: Path, score: str, labels: Path, settings: EqtlSettings) -> Iterator[tuple[object, ...]]:
    """One per way of making folds."""
    settings = replace(settings, features=FeatureSettings(score))
    examples = load_examples(EqtlInputs((scores,), (labels,)), settings)
    for together in KEPT:
        folds = replace(settings.folds, together=together)
        for result in evaluate(examples, replace(settings, folds=folds)):
            positives = int(result.positive.sum())
            both = sum(not math.isnan(fold.auroc[Ranking.FOREST]) for fold in result.folds)
            known = (result.groups, result.positive_groups)
            yield (
                name, together.value, positives, len(result.positive) - positives,
                *("NA" if count is None else count for count in known),
                f"{both / max(1, len(result.folds)):.2f}",
                *(f"{value:.3f}" for ranking in RANKINGS for value in spread(result, ranking, "auroc")),
                *(f"{spread(result, ranking, 'auprc')[0]:.3f}" for ranking in RANKINGS),
            )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("windows", type=Path, help="scores of whole windows (SAD)")
    parser.add_argument("genes", type=Path, help="scores by gene (SADR)")
    parser.add_argument("--positive-pip", type=float, default=0.5)
    parser.add_argument("--negative-pip", type=float, default=0.1)
    parser.add_argument("--folds", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--note", default="", help="which model, for the first line")
    options = parser.parse_args()
    settings = EqtlSettings(
        LabelSettings(options.positive_pip, options.negative_pip),
        forest=ForestSettings(trees=options.trees),
        folds=FoldSettings(options.folds, options.repeats),
    )
    made = f"# PIP at least {options.positive_pip:g} against at most {options.negative_pip:g}"
    made += f"; {options.folds} folds, {options.repeats} repeats"
    sys.stdout.write(f"{made}{'; ' * bool(options.note)}{options.note}\n" + "\t".join(COLUMNS) + "\n")
    for name, scores, score in (("windows", options.windows, "SAD"), ("genes", options.genes, "SADR")):
        for row in rows(name, scores, score, options.table, settings):
            sys.stdout.write("\t".join(map(str, row)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
