"""Small networks of the family basenji2, with random weights."""

from collections.abc import Sequence
from pathlib import Path

import torch

from enformer_vep.models.basenji2.config import Basenji2Config
from enformer_vep.models.basenji2.network import Basenji2
from enformer_vep.models.checkpoints import save_model
from tests.builders import randomise, targets_text


def small_basenji2(
    seed: int,
    dilations: Sequence[int] = (1, 2, 4),
    activation: str = "sigmoid",
    window: int = 1024,
    target_length: int = 52,
    tower_widths: Sequence[int] = (7, 8, 10, 12),
) -> Basenji2:
    """Nothing is at its initial value; half of the gammas are negative, as some of trained models are."""
    config = Basenji2Config(
        tower_widths=tuple(tower_widths),
        narrow_width=9,
        dilations=tuple(dilations),
        final_width=14,
        target_length=target_length,
        window=window,
        output_tracks={"human": 3},
        activation=activation,
    )
    network = Basenji2(config).eval().requires_grad_(False)
    randomise(network, seed)
    signs = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        if name.endswith("norm.weight"):
            parameter.mul_(torch.randint(0, 2, parameter.shape, generator=signs) * 2 - 1)
    return network


def make_basenji2_model(path: Path, seed: int = 7, window: int = 2048) -> Path:
    """Writes a small model of 128-bp bins with its track table."""
    network = small_basenji2(seed, window=window, target_length=8, tower_widths=(7, 8, 8, 9, 9, 10, 12))
    save_model(network, path, {"targets_human": targets_text(("CAGE:liver", "DNASE:liver", "DNASE:brain"))})
    return path
