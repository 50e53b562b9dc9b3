"""Variant effect scores from Enformer and its like: a VCF and a genome in, a table out.

    import enformer_vep as ev

    scorer = ev.open_scorer("example", ev.ScoreSettings(scores=(ev.Score.SAD, ev.Score.SADR), tracks="assay:CAGE"))
    table = ev.score("variants.vcf.gz", "hg38.fa", scorer)

What can be done:
    open_scorer     a model made ready: its tracks, bins, engine and device
    score           variants into a pandas DataFrame, one row per ALT allele (and gene)
    predict_effect  one variant, bin by bin: reference prediction and difference
    predict         sequences of your own, bin by bin
    contributions   sequences of your own: what each base contributes to a prediction
    load_model      the network itself, with its configuration and the hash of its weights

What goes in:
    Genome, Variant                  an open FASTA; one ALT allele, its position 1-based
    ScoreSettings, GeneSettings      what to score; how to read out genes
    ComputeSettings                  device, batch size, window
    ContributionSettings, Recipe     what to explain; the words of --recipe
    Score, Precision, Engine         the words of --scores, --precision and --engine
    Indels, Centre                   the words of --indels and --center

What comes out beside tables and arrays:
    Status                           why an allele was not scored, or ok
    Predictor                        of a scorer: windows to predictions, averaged over strands and shifts

Errors are those of enformer_vep.errors: one line that names the file, line or option and ends with the remedy.
Names are loaded when first used, so that `import enformer_vep` does not import torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enformer_vep.api import contributions, open_scorer, predict, predict_effect, score
    from enformer_vep.effects.predictor import Predictor
    from enformer_vep.genome.fasta import Genome
    from enformer_vep.genome.variants import Status, Variant
    from enformer_vep.models.checkpoints import load_model
    from enformer_vep.settings import (
        Centre,
        ComputeSettings,
        ContributionSettings,
        Engine,
        GeneSettings,
        Indels,
        Precision,
        Recipe,
        Score,
        ScoreSettings,
    )

__version__ = "0.1.0"

__all__ = [
    "Centre",
    "ComputeSettings",
    "ContributionSettings",
    "Engine",
    "GeneSettings",
    "Genome",
    "Indels",
    "Precision",
    "Predictor",
    "Recipe",
    "Score",
    "ScoreSettings",
    "Status",
    "Variant",
    "contributions",
    "load_model",
    "open_scorer",
    "predict",
    "predict_effect",
    "score",
]

# Where names live that are neither of the Python interface nor settings.
_HOMES = {
    "Genome": "genome.fasta",
    "Predictor": "effects.predictor",
    "Status": "genome.variants",
    "Variant": "genome.variants",
    "load_model": "models.checkpoints",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name) or ("settings" if name[0].isupper() else "api")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
