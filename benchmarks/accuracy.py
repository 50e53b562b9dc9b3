"""How true are small effects? Every engine and precision against two float64 passes.

Prints, per decade of abs(SAD) / prediction, the median relative error of SAD and its correlation with the truth.

    python benchmarks/accuracy.py [--model example] [--variants 48] [--output results.tsv]

Without --model: random weights in the published depth (11 layers, 8 heads) at an eighth of its width. Variants lie
at all distances from the bins that are scored, so that effects span many decades. A CPU has no TF32, and its
float16 convolutions are very slow: leave fp16 out there, or take few variants.
"""

import argparse
import itertools
import platform
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from enformer_vep.effects.base import EffectBatch, Portions
from enformer_vep.effects.delta import DeltaEngine
from enformer_vep.effects.pair import PairEngine
from enformer_vep.model.checkpoints import load_model
from enformer_vep.model.config import EnformerConfig
from enformer_vep.model.enformer import Enformer
from enformer_vep.settings import Precision

DECADES = np.arange(-6.0, 0.5)


def random_network(seed: int) -> Enformer:
    """Published depth, an eighth of the width, a twelfth of the window; nothing at its initial value."""
    config = EnformerConfig(
        channels=192, channel_multiple=16, target_length=64, window=16_384, output_tracks={"human": 64}
    )
    torch.manual_seed(seed)
    network = Enformer(config).eval().requires_grad_(False)
    for name, tensor in network.state_dict().items():
        if name.endswith("attention.output.weight"):
            tensor.normal_(0, tensor.shape[1] ** -0.5)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith(("running_mean", "bias")):
            tensor.normal_(0, 0.1)
    return network


def variants(network: Enformer, count: int, seed: int) -> Iterator[EffectBatch]:
    """Substitutions at distances from 0 to half a window from the scored bins, in random sequence."""
    generator = torch.Generator().manual_seed(seed)
    window = network.config.window
    centre = window // 2
    for number in range(count):
        reference = torch.randint(0, 4, (1, window), generator=generator, dtype=torch.uint8)
        position = centre + int((number / count) ** 2 * (centre - 1))
        alternate = reference.clone()
        alternate[0, position] = (alternate[0, position] + 1 + number % 3) % 4
        yield EffectBatch(reference, alternate, torch.zeros(1, dtype=torch.int64))


def scores(engine: PairEngine | DeltaEngine, batches: list[EffectBatch]) -> tuple[np.ndarray, np.ndarray]:
    """SAD and summed reference prediction, float64 [variants, tracks] each."""
    effects = [engine.predict(batch) for batch in batches]
    delta = [effect.delta.double().sum(1)[0].cpu().numpy() for effect in effects]
    reference = [effect.reference.double().sum(1)[0].cpu().numpy() for effect in effects]
    return np.stack(delta), np.stack(reference)


def report(name: str, got: np.ndarray, truth: np.ndarray, ratio: np.ndarray) -> list[str]:
    """One line per decade."""
    lines = []
    for low, high in itertools.pairwise(DECADES):
        chosen = (ratio >= 10**low) & (ratio < 10**high)
        if chosen.sum() < 20:
            continue
        error = np.abs(got[chosen] - truth[chosen]) / np.abs(truth[chosen])
        correlation = np.corrcoef(got[chosen], truth[chosen])[0, 1]
        lines.append(
            f"{name}\t1e{low:.0f} to 1e{high:.0f}\t{chosen.sum()}\t{np.median(error):.1e}\t"
            f"{np.quantile(error, 0.9):.1e}\t{correlation:.4f}"
        )
    return lines


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model")
    parser.add_argument("--variants", type=int, default=48)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precisions", nargs="+", default=["float32", "fp16", "bf16", "mixed"])
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    network = load_model(arguments.model).network if arguments.model else random_network(1)
    network = network.to(device)
    batches = [batch.to(device) for batch in variants(network, arguments.variants, 2)]
    length = network.config.target_length
    bins = slice(length // 2 - 8, length // 2 + 8)
    engines = {
        (kind.__name__.removesuffix("Engine").lower(), precision): kind(
            network, "human", None, bins, precision, Portions()
        )
        for kind in (PairEngine, DeltaEngine)
        for precision in map(Precision, arguments.precisions)
        if precision is not Precision.MIXED or kind is DeltaEngine
    }
    results = {key: scores(engine, batches)[0] for key, engine in engines.items()}
    truth, reference = scores(PairEngine(network.double(), "human", None, bins), batches)
    ratio = np.abs(truth) / reference
    hardware = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU {platform.machine()}"
    lines = [
        f"# {arguments.model or 'random weights, published depth'}; {hardware}; PyTorch {torch.__version__}"
    ]
    lines.append("engine\tprecision\tabs(SAD)/prediction\tscores\tmedian_error\t90%_error\tcorrelation")
    for (name, precision), got in results.items():
        lines += report(f"{name}\t{precision}", got, truth, ratio)
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()
