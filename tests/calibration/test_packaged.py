"""The calibration that comes with the package fits the model that comes with it."""

from pathlib import Path

import numpy as np

from enformer_vep.api import open_scorer
from enformer_vep.calibration import read_calibration
from enformer_vep.genome.alleles import VariantClass
from enformer_vep.scoring.calibrated import calibration_path, scorer_identity
from enformer_vep.settings import Score, ScoreSettings

SCORES = (Score.SAD, Score.SADR, Score.SAX, Score.D2, Score.LOGD2)


def test_it_fits_the_example_model_with_usual_settings() -> None:
    calibration = read_calibration(calibration_path(Path("example")))
    scorer = open_scorer("example", ScoreSettings(scores=SCORES))
    calibration.require_matching(scorer_identity(scorer, None))
    extension = calibration.extend(scorer.layout.blocks)
    assert set(extension.classes) == set(VariantClass)
    assert calibration.counts[VariantClass.SNV] == 1510
    columns = len(scorer.layout.values)
    # The median size of each score has the quantile 1/2, and no effect has 0.
    for one in calibration.classes:
        medians = np.concatenate(
            [
                score.classes[one].sizes.values[:, np.searchsorted(score.classes[one].sizes.probabilities, 0.5)]
                for score in calibration.scores
            ]
        )
        values = np.stack([medians, np.zeros(columns, np.float32)])
        found = extension(values, [one, one])
        np.testing.assert_allclose(found[0], 0.5, atol=0.01)
        assert (found[1] == 0).all()
