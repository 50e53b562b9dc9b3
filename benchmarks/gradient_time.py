"""How long do the contributions of one target take, in forward passes? Side by side in one process, full size.

    python benchmarks/gradient_time.py [--output results/gradient_time.tsv]

Random weights, all 5,313 human tracks, one strand, float32, on the CPU: a forward pass, and the gradient of one track
over two bins with respect to every base (forward and backward, a segment of the network at a time).
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch

from enformer_vep.effects.memory import keep_freed_memory
from enformer_vep.effects.network import one_hot
from enformer_vep.explain.gradients import Target, input_gradients
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.network import Enformer

TRACKS = 5313


def seconds(run: Callable[[], object]) -> float:
    """Of one call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    keep_freed_memory()
    network = Enformer(EnformerConfig(output_tracks={"human": TRACKS})).eval().requires_grad_(False)
    codes = torch.randint(0, 4, (1, network.config.window), dtype=torch.uint8)
    target = Target(torch.nn.functional.one_hot(torch.tensor(5110), TRACKS).float(), slice(447, 449))

    def forward() -> None:
        with torch.inference_mode():
            network(one_hot(codes))

    passes = seconds(forward)
    gradient = seconds(lambda: input_gradients(network, "human", codes, [target]))
    text = (
        "what\tseconds\tforward_passes\n"
        f"forward pass\t{passes:.1f}\t1\ncontributions of one target\t{gradient:.1f}\t{gradient / passes:.1f}\n"
    )
    print(text, end="")
    if given.output:
        given.output.write_text(text)


if __name__ == "__main__":
    main()
