"""Variant effect scores from Enformer: a VCF and a genome in, a table out.

The names below are loaded when first used, so that `import enformer_vep` does not import torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enformer_vep.api import open_scorer, predict_effect, score
    from enformer_vep.genome.fasta import Genome
    from enformer_vep.genome.variants import Status, Variant
    from enformer_vep.models.checkpoints import load_model
    from enformer_vep.settings import (
        Centre,
        ComputeSettings,
        Engine,
        GeneSettings,
        Indels,
        Precision,
        Score,
        ScoreSettings,
    )

__version__ = "0.1.0"

__all__ = [
    "Centre",
    "ComputeSettings",
    "Engine",
    "GeneSettings",
    "Genome",
    "Indels",
    "Precision",
    "Score",
    "ScoreSettings",
    "Status",
    "Variant",
    "load_model",
    "open_scorer",
    "predict_effect",
    "score",
]

_HOMES = {
    "Centre": "settings",
    "ComputeSettings": "settings",
    "Engine": "settings",
    "GeneSettings": "settings",
    "Genome": "genome.fasta",
    "Indels": "settings",
    "Precision": "settings",
    "Score": "settings",
    "ScoreSettings": "settings",
    "Status": "genome.variants",
    "Variant": "genome.variants",
    "load_model": "models.checkpoints",
    "open_scorer": "api",
    "predict_effect": "api",
    "score": "api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
