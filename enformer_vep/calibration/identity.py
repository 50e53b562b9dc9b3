"""What has to be the same in the background and in a run, for one to say something about the other."""

from collections.abc import Mapping

from enformer_vep.settings import ScoreSettings

Identity = Mapping[str, str | int | float | bool]
"""Plain values by the name of the option; what is not there counts as "none"."""

SHARED = "share-windows"
"""Where a window lies changes a score as much as averaging over strands does: backgrounds are not exchanged."""

_ABSENT = "none"


def calibration_identity(
    settings: ScoreSettings, model_sha256: str, window: int, **others: str | float | bool
) -> Identity:
    """What is compared. Scores and tracks are not here: those of a run only have to be in the calibration.

    Args:
        settings: Of the run.
        model_sha256: Hash of the weights.
        window: Window length in bp.
        others: Further options that change what a score means, such as genes or groups, by name; "none"
            where they are not used.

    Returns:
        Names in the words of the command line, to say what differs.
    """
    return {
        "model": model_sha256,
        "organism": settings.organism,
        "bins": settings.centre_bins or "all",
        "rc": settings.reverse_complement,
        "shifts": ",".join(map(str, settings.shifts)),
        "window": window,
        SHARED: settings.share_windows,
        **others,
    }


def recorded_settings(settings: ScoreSettings) -> Identity:
    """What is kept for the reader but not compared, since it changes scores by rounding or little more."""
    return {
        "engine": settings.engine.value,
        "precision": settings.precision.value,
    }


def differences(background: Identity, run: Identity) -> list[str]:
    """What differs, one phrase each; empty when nothing does."""
    names = [*background, *(name for name in run if name not in background)]
    pairs = ((name, background.get(name, _ABSENT), run.get(name, _ABSENT)) for name in names)
    return [
        f"{name} {_short(fitted)} (this run: {_short(asked)})"
        for name, fitted, asked in pairs
        if str(fitted) != str(asked)
    ]


def _short(value: object) -> str:
    """Hashes are told apart by their beginning."""
    text = str(value)
    return f"{text[:12]}..." if len(text) >= 64 else text
