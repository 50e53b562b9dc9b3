"""The models that a benchmark compares, and what they say of variants."""

from collections.abc import Sequence

import numpy as np
import torch
from correlations import Array

from enformer_vep.api import open_scorer, score
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.models.checkpoints import LoadedModel
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.settings import ScoreSettings

SHARED_WINDOW = 512


def untrained(model: LoadedModel) -> LoadedModel:
    """The same shape with random weights, always the same."""
    torch.manual_seed(0)
    network = Enformer(model.config).eval().requires_grad_(False)
    return LoadedModel(network, model.family, model.config, "untrained", "", model.metadata)


def sad(model: LoadedModel, genome: Genome, variants: Sequence[Variant]) -> Array:
    """SAD of every variant and track over all bins, float64 [variants, tracks]; neighbours share windows."""
    settings = ScoreSettings(share_windows=SHARED_WINDOW)
    scores = score(variants, genome, open_scorer(model, settings))
    refused = scores[scores["STATUS"] != Status.OK.value]
    if len(refused):
        raise SystemExit(f"cannot be scored: {refused.iloc[0].tolist()[:6]}")
    return scores.filter(like="SAD_").to_numpy(dtype=np.float64)
