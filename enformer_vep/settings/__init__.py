"""What a scoring run is asked to do: frozen and validated."""

from enformer_vep.settings.choices import Centre, Engine, Indels, Precision, Score
from enformer_vep.settings.contribution_settings import ContributionSettings, Recipe
from enformer_vep.settings.masked_settings import LLR, MaskedSettings, masked_request, refuse
from enformer_vep.settings.request import (
    DNABERT,
    PIECE_SIZE,
    ComputeSettings,
    OutputSettings,
    ScoreRequest,
    is_masked_model,
)
from enformer_vep.settings.saturation_settings import SaturationOutputs, SaturationSettings
from enformer_vep.settings.score_settings import LEAST_PSEUDOCOUNT, ScoreSettings
from enformer_vep.settings.selections import AUTOMATIC_REFINEMENT, GeneSettings, Refinement, require_share

__all__ = [
    "AUTOMATIC_REFINEMENT",
    "DNABERT",
    "LEAST_PSEUDOCOUNT",
    "LLR",
    "PIECE_SIZE",
    "Centre",
    "ComputeSettings",
    "ContributionSettings",
    "Engine",
    "GeneSettings",
    "Indels",
    "MaskedSettings",
    "OutputSettings",
    "Precision",
    "Recipe",
    "Refinement",
    "SaturationOutputs",
    "SaturationSettings",
    "Score",
    "ScoreRequest",
    "ScoreSettings",
    "is_masked_model",
    "masked_request",
    "refuse",
    "require_share",
]
