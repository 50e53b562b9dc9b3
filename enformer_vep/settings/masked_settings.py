"""What a masked language model is asked: the two alleles of a substitution, and next to nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Self

from enformer_vep.errors import UsageError
from enformer_vep.settings.choices import Precision
from enformer_vep.settings.request import ScoreRequest
from enformer_vep.settings.score_settings import ScoreSettings

LLR = "LLR"
"""Name of its one score, and of the one column of it."""

_MEANT = ("reverse_complement", "precision", "strict")
_PRECISIONS = (Precision.FLOAT32, Precision.FLOAT64)
_OPTIONS = {"centre_bins": "bins", "refinement": "refine"}


@dataclass(frozen=True, slots=True)
class MaskedSettings(ScoreSettings):
    """Settings of a run with a masked language model; both strands are averaged."""

    @classmethod
    def of(cls, settings: ScoreSettings) -> Self:
        """Make them of what was asked for; raises UsageError when that has no meaning here."""
        usual = ScoreSettings()
        asked = [one.name for one in fields(ScoreSettings) if getattr(settings, one.name) != getattr(usual, one.name)]
        # Genes bring scores of their own along.
        refuse(["genes"] if settings.genes else [name for name in asked if name not in _MEANT])
        if settings.precision not in _PRECISIONS:
            raise UsageError(f"--precision {settings.precision}: dnabert computes in {' or '.join(_PRECISIONS)}")
        return cls(reverse_complement=True, precision=settings.precision, strict=settings.strict)

    def describe(self) -> dict[str, str | int | bool]:
        """Say what was asked for; see `ScoreSettings.describe`."""
        return {"scores": LLR, "rc": True, "precision": self.precision.value, "strict": self.strict}

    def to_dict(self) -> dict[str, object]:
        """All that can be set as plain values, ready for JSON."""
        return dict(self.describe())


def masked_request(request: ScoreRequest) -> ScoreRequest:
    """Take the settings of a run for a masked language model; raises UsageError on what has no meaning for one."""
    given = {name: getattr(request, name) for name in ("targets", "genes", "calibration")}
    given["window"] = request.compute.window
    refuse([name for name, value in given.items() if value is not None])
    return replace(request, settings=MaskedSettings.of(request.settings))


def refuse(names: Iterable[str]) -> None:
    """Raise UsageError when there are names of settings, or of parts of a run, that mean nothing here."""
    options = [f"--{_OPTIONS.get(name, name).replace('_', '-')}" for name in names]
    if options:
        raise UsageError(
            f"{', '.join(options)} {'has' if len(options) == 1 else 'have'} no meaning for dnabert, which gives one "
            f"number an allele ({LLR}, both strands): leave {'it' if len(options) == 1 else 'them'} out"
        )
