"""What a scoring run is asked to do: frozen and validated."""

from enformer_vep.settings.choices import Centre, Engine, Indels, Precision, Score
from enformer_vep.settings.contribution_settings import ContributionSettings, Recipe
from enformer_vep.settings.request import PIECE_SIZE, ComputeSettings, OutputSettings, ScoreRequest
from enformer_vep.settings.saturation_settings import SaturationOutputs, SaturationSettings
from enformer_vep.settings.score_settings import LEAST_PSEUDOCOUNT, ScoreSettings
from enformer_vep.settings.selections import AUTOMATIC_REFINEMENT, GeneSettings, Refinement, require_share

__all__ = [
    "AUTOMATIC_REFINEMENT",
    "LEAST_PSEUDOCOUNT",
    "PIECE_SIZE",
    "Centre",
    "ComputeSettings",
    "ContributionSettings",
    "Engine",
    "GeneSettings",
    "Indels",
    "OutputSettings",
    "Precision",
    "Recipe",
    "Refinement",
    "SaturationOutputs",
    "SaturationSettings",
    "Score",
    "ScoreRequest",
    "ScoreSettings",
    "require_share",
]
