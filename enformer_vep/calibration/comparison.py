"""What has to be the same in the background and in a run, for one to say something about the other."""

from collections.abc import Collection, Mapping

Identity = Mapping[str, str | int | float | bool]
"""Plain values by the name of the option; what is not there counts as "none"."""

INDELS = "indels"
"""Where the flanks of an indel go: says nothing about substitutions."""

_RECORDED = ("engine", "precision")
_PASSED_OVER = ("scores", "strict", "spread", "confident")
_ABSENT = "none"


def calibration_identity(
    described: Mapping[str, str | int | bool], model_sha256: str, window: int, **others: str | int
) -> Identity:
    """What is compared. Scores and tracks are not here: those of a run only have to be in the calibration.

    Args:
        described: The settings of the run, from `ScoreSettings.describe`.
        model_sha256: Hash of the weights.
        window: Window length in bp.
        others: What settings only name, such as genes or groups, as a digest or in full; left out where they
            are not used.

    Returns:
        Names in the words of the command line, to say what differs.
    """
    compared = {name: value for name, value in described.items() if name not in (*_RECORDED, *_PASSED_OVER)}
    return {"model": model_sha256, "window": window, **compared, **others}


def recorded_settings(described: Mapping[str, str | int | bool]) -> Identity:
    """What is kept for the reader but not compared, since it changes scores by rounding."""
    return {name: described[name] for name in _RECORDED}


def differences(background: Identity, run: Identity, passed_over: Collection[str] = ()) -> list[str]:
    """What differs but for some names, one phrase each; empty when nothing does."""
    names = [*background, *(name for name in run if name not in background)]
    pairs = ((name, background.get(name, _ABSENT), run.get(name, _ABSENT)) for name in names if name not in passed_over)
    return [
        f"{name} {_short(fitted)} (this run: {_short(asked)})"
        for name, fitted, asked in pairs
        if str(fitted) != str(asked)
    ]


def _short(value: object) -> str:
    """Hashes are told apart by their beginning."""
    text = str(value)
    return f"{text[:12]}..." if len(text) >= 64 else text
