"""What a run leaves behind beside its weights: one JSON line per evaluation, and learning curves."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from enformer_vep.output.atomic import complete_or_absent

METRICS_NAME = "metrics.jsonl"
CURVES_NAME = "learning_curves.png"

Record = Mapping[str, Any]


def write_metrics(folder: Path, records: Sequence[Record]) -> None:
    """Writes all evaluations of a run so far.

    Args:
        folder: The run's folder.
        records: One per evaluation.
    """
    with complete_or_absent(folder / METRICS_NAME) as path:
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def plot_curves(folder: Path, records: Sequence[Record]) -> None:
    """Draws loss and validation correlation over steps.

    Args:
        folder: The run's folder.
        records: One per evaluation.
    """
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
