"""A fitted prior as a JSON file: W, and everything that is needed to give another locus the same prior."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from enformer_vep.errors import InputError
from enformer_vep.export.class_scale import INDEL, Classes, Floats, Scale, Scales, standardised
from enformer_vep.export.enrichment import Enrichment
from enformer_vep.export.priors import relative_priors
from enformer_vep.export.recipe import Combine
from enformer_vep.tables.row import Layout

_KEY = "enformer_vep_prior_model"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class ScoreIdentity:
    """Which numbers a prior was fitted on.

    Attributes:
        score: Name of the score (SAD, SADQ).
        columns: Number of the columns that are combined.
        sha256: Of their names.
        combine: What becomes of them.
        run: What the table says of the run that made it (model, options); empty for a TSV.
    """

    score: str
    columns: int
    sha256: str
    combine: Combine
    run: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, layout: Layout, combine: Combine) -> "ScoreIdentity":
        """Of a table that has only the columns that are combined."""
        names = "\n".join(layout.values)
        return cls(
            layout.blocks[0].score,
            len(layout.values),
            hashlib.sha256(names.encode()).hexdigest(),
            combine,
            dict(layout.notes),
        )

    def difference(self, other: "ScoreIdentity") -> str | None:
        """What is not the same, in words; None if nothing is. The runs are compared where both are known."""
        if self.score != other.score:
            return f"{self.score}, not {other.score}"
        if self.sha256 != other.sha256:
            return f"other columns of {self.score} ({self.columns} of them, here {other.columns})"
        if self.combine is not other.combine:
            return f"--combine {self.combine}, not {other.combine}"
        for name, value in self.run.items():
            if other.run and name in other.run and other.run[name] != value:
                return f"scores with {name} {value}, not {other.run[name]}"
        return None


@dataclass(frozen=True, slots=True)
class PriorModel:
    """What is in the file.

    Attributes:
        weight: W, log enrichment per standard deviation of the score.
        max_ratio: Largest over smallest weight of variants of one class.
        indel: Log enrichment of indels over substitutions of the same standardised score; 0 when it was not fitted.
        classes: Whether classes have scales of their own.
        scales: Mean and standard deviation of every group.
        quantiles: The scores are quantiles.
        identity: Of the scores.
        patterns: Columns as they were asked for with -c.
        fit: How W was found; plain JSON values.
    """

    weight: float
    max_ratio: float
    indel: float
    classes: Classes
    scales: Scales
    quantiles: bool
    identity: ScoreIdentity
    patterns: tuple[str, ...] = ()
    fit: Mapping[str, Any] = field(default_factory=dict)

    def weights(self, logarithms: Floats, groups: Sequence[tuple[str, ...]]) -> Floats:
        """Relative prior weights.

        Args:
            logarithms: [variants] from `log_sizes`; NaN where there is no score.
            groups: Of every variant.

        Returns:
            [variants]; NaN where there is no score, or the fit had no variant of its kind.
        """
        score = relative_priors(standardised(logarithms, groups, self.scales), self.weight, self.max_ratio)
        classes = np.array([self.indel if one[-1] == INDEL else 0.0 for one in groups])
        return np.asarray(score * np.exp(classes))

    def to_json(self) -> dict[str, object]:
        """The file's content."""
        return {
            _KEY: _FORMAT,
            "weight": self.weight,
            "max_ratio": _finite(self.max_ratio),
            "indel_log_enrichment": self.indel,
            "classes": self.classes,
            "scales_of_log2_size": {name: asdict(scale) for name, scale in self.scales.items()},
            "quantiles": self.quantiles,
            "scores": asdict(self.identity),
            "columns": list(self.patterns),
            "fit": dict(self.fit),
        }


def fit_notes(fitted: Enrichment, counts: Mapping[str, object]) -> dict[str, Any]:
    """How W was found, for the file."""
    return {
        "interval_95": list(fitted.interval),
        "log_likelihood_over_equal_priors": fitted.log_likelihood,
        "p_value_of_weight_0": fitted.p_value,
        "share_of_loci_with_a_causal_variant": fitted.share,
        "by_max_ratio": [
            {"max_ratio": _finite(ratio), "weight": weight, "log_likelihood": likelihood}
            for ratio, (weight, likelihood) in fitted.by_ratio.items()
        ],
        **counts,
    }


def read_prior_model(path: Path) -> PriorModel:
    """Reads the file.

    Raises:
        InputError: It cannot be read, or is no prior model.
    """
    try:
        values = json.loads(path.read_bytes())
        if values[_KEY] != _FORMAT:
            raise ValueError("another format")
        scores = values["scores"]
        model = PriorModel(
            float(values["weight"]),
            math.inf if values["max_ratio"] is None else float(values["max_ratio"]),
            float(values["indel_log_enrichment"]),
            Classes(values["classes"]),
            {name: _scale(one) for name, one in values["scales_of_log2_size"].items()},
            bool(values["quantiles"]),
            ScoreIdentity(
                str(scores["score"]),
                int(scores["columns"]),
                str(scores["sha256"]),
                Combine(scores["combine"]),
                dict(scores["run"]),
            ),
            tuple(map(str, values["columns"])),
            dict(values["fit"]),
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; check the name") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} is no prior model; give a file that enformer-vep priors wrote") from None
    if not (math.isfinite(model.weight) and math.isfinite(model.indel) and model.max_ratio >= 1):
        raise InputError(f"{path} has a weight or ratio that is none; fit it again with enformer-vep priors")
    return model


def _scale(values: Mapping[str, Any]) -> Scale:
    return Scale(int(values["variants"]), float(values["mean"]), float(values["deviation"]), float(values["smallest"]))


def _finite(value: float) -> float | None:
    """JSON has no infinity: null is no limit."""
    return value if math.isfinite(value) else None
