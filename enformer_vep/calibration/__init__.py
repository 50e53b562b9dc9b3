"""What a score means beside common variants: quantiles, robust z-scores and principal components.

`CalibrationFitter` reads the scores of a background once and makes a `Calibration`, which `write_calibration`
and `read_calibration` keep in a file. `Calibration.extend` says what it adds to the rows of a run.
"""

from enformer_vep.calibration.additions import Addition, parse_additions
from enformer_vep.calibration.calibration import Calibration, Extension, ScoreCalibration
from enformer_vep.calibration.calibration_file import read_calibration, write_calibration
from enformer_vep.calibration.comparison import calibration_identity, recorded_settings
from enformer_vep.calibration.confidence import Confidence
from enformer_vep.calibration.distribution import Distribution
from enformer_vep.calibration.fitter import CalibrationFitter

__all__ = [
    "Addition",
    "Calibration",
    "CalibrationFitter",
    "Confidence",
    "Distribution",
    "Extension",
    "ScoreCalibration",
    "calibration_identity",
    "parse_additions",
    "read_calibration",
    "recorded_settings",
    "write_calibration",
]
