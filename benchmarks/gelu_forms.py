"""What another form of GELU does to the scores of a Basenji2 whose weights were trained with x * sigmoid(1.702 x).

    python benchmarks/gelu_forms.py [--model FILE.h5] [--variants 16] [--output results/gelu_forms.tsv]

The same weights with the tanh form, which basenji's own code has had since April 2022, and with the erf form, which the
port basenji2-pytorch has. Made-up substitutions at the centre of random windows; without --model, full-size random
weights, since the published ones could not be had. For predictions the relative L2 difference, for SAD medians over
tracks: Spearman's correlation with SAD as it should be, the relative difference, and the share of equal signs.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from correlations import spearman
from torch import Tensor

from enformer_vep.effects.activations import gelu, tanh_gelu
from enformer_vep.effects.effect import EffectBatch
from enformer_vep.effects.memory import keep_freed_memory
from enformer_vep.effects.pair import PairEngine
from enformer_vep.models.basenji2.config import Basenji2Config
from enformer_vep.models.basenji2.network import Basenji2, Block
from enformer_vep.models.checkpoints import load_model

FORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "x * sigmoid(1.702 x)": gelu,
    "tanh": tanh_gelu,
    "erf": torch.nn.functional.gelu,
}
TRACKS = 16


def random_network(config: Basenji2Config) -> Basenji2:
    """Random weights, all of which have an effect."""
    torch.manual_seed(5)
    network = Basenji2(config)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.weight, 0.3, 1.0)
            torch.nn.init.normal_(module.bias, std=0.2)
    return network.eval().requires_grad_(False)


def substitutions(window: int, count: int) -> EffectBatch:
    """One at the centre of each of so many random windows."""
    reference = torch.randint(0, 4, (count, window), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    alternate = reference.clone()
    centre = window // 2 - 1
    alternate[:, centre] = (alternate[:, centre] + 1 + torch.arange(count) % 3) % 4
    return EffectBatch(reference, alternate, torch.arange(count))


def predict(network: Basenji2, form: Callable[[Tensor], Tensor], batch: EffectBatch) -> tuple[Tensor, Tensor]:
    """Reference predictions [variants, bins, tracks] and SAD [variants, tracks], with one form of GELU."""
    for module in network.modules():
        if isinstance(module, Block):
            module.activation = form
    organism = network.organisms[0]
    tracks = range(min(TRACKS, network.head(organism).out_features))
    effect = PairEngine(network, organism, tuple(tracks), slice(0, network.output.bins)).predict(batch)
    return effect.reference, effect.delta.double().sum(1)


def compare(network: Basenji2, count: int) -> str:
    """The table."""
    batch = substitutions(network.output.window, count)
    results = {name: predict(network, form, batch) for name, form in FORMS.items()}
    predicted, expected = results.pop(next(iter(FORMS)))
    lines = ["form\tprediction_relative_difference\tspearman_of_sad\tsad_relative_difference\tsame_sign"]
    for name, (other, sad) in results.items():
        ranks = [spearman(ours.numpy(), theirs.numpy()) for ours, theirs in zip(sad.t(), expected.t(), strict=True)]
        cells = (
            float((other - predicted).norm() / predicted.norm()),
            float(np.median(ranks)),
            float(((sad - expected).abs() / expected.abs()).median()),
            float((sad.sign() == expected.sign()).double().mean()),
        )
        lines.append("\t".join([name, *(f"{cell:.3f}" for cell in cells)]))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--variants", type=int, default=16)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    keep_freed_memory()
    if arguments.model:
        network = load_model(arguments.model, None).network
        assert isinstance(network, Basenji2)
    else:
        network = random_network(Basenji2Config(output_tracks={"human": TRACKS}))
    weights = f"weights of {arguments.model.name}" if arguments.model else "random weights of the published shape"
    text = f"# {weights}; {arguments.variants} made-up substitutions\n" + compare(network, arguments.variants)
    print(text, end="")
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()
