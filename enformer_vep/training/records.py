"""What a run leaves behind beside its weights: one JSON line per evaluation, and learning curves."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from enformer_vep.files.atomic import complete_or_absent
from enformer_vep.training.datasets import OrganismData, group_by_assay
from enformer_vep.training.validation import Evaluation

METRICS_NAME = "metrics.jsonl"
CURVES_NAME = "learning_curves.png"

Record = Mapping[str, Any]


def write_metrics(folder: Path, records: Sequence[Record]) -> None:
    """Writes all evaluations of a run so far into its folder."""
    with complete_or_absent(folder / METRICS_NAME) as path:
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def plot_curves(folder: Path, records: Sequence[Record]) -> None:
    """Draws loss and validation correlation over the steps of a run into its folder."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    losses, correlations = figure.subplots(1, 2)
    steps = [record["step"] for record in records]
    for name, label in (("train_loss", "training"), ("valid_loss", "validation")):
        losses.plot(steps, [record[name] for record in records], marker=".", label=label)
    losses.set(xlabel="step", ylabel="Poisson loss")
    losses.legend()
    for name in records[-1]["correlation"]:
        correlations.plot(steps, [record["correlation"].get(name) for record in records], marker=".", label=name)
    correlations.set(xlabel="step", ylabel="mean Pearson correlation over bins")
    correlations.legend(fontsize="small")
    with complete_or_absent(folder / CURVES_NAME) as path:
        figure.savefig(path, format="png", dpi=150)


def summarise_evaluations(evaluations: Mapping[str, Evaluation], data: Sequence[OrganismData]) -> dict[str, Any]:
    """What one evaluation puts into the log, from figures by organism.

    valid_loss and valid_correlation are means over organisms of the mean over tracks; "correlation" has the mean
    of every assay, such as "human DNASE".
    """
    correlation = {
        f"{own.organism} {assay}": float(np.nanmean(evaluations[own.organism].bins[rows]))
        for own in data
        for assay, rows in group_by_assay(own.targets).items()
    }
    return {
        "valid_loss": float(np.mean([evaluation.loss for evaluation in evaluations.values()])),
        "valid_correlation": float(np.mean([np.nanmean(evaluation.bins) for evaluation in evaluations.values()])),
        "correlation": correlation,
    }
