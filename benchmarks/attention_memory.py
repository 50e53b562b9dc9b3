"""Peak memory of attention maps on a CPU, beside the model's weights. Random weights of the published size.

Usage: python benchmarks/attention_memory.py [--small]
Prints a tab-separated table; one process per row: peak resident memory after the weights and a first touch of every
page of them are counted out. `--small` tries the code on a small model.
"""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from enformer_vep.effects.network import Network, one_hot
from enformer_vep.explain.attention_maps import attention_layers, mean_attention
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.randomised import random_network

SMALL = EnformerConfig(
    channels=48, channel_multiple=4, transformer_layers=3, attention_heads=2, key_size=8, target_length=32,
    window=8192, output_tracks={"human": 8},
)  # fmt: skip


def predict(network: Network, window: Tensor) -> object:
    with torch.inference_mode():
        return network.embed(one_hot(window))


WAYS: dict[str, Callable[[Network, Tensor], object]] = {
    "nothing": lambda network, window: None,
    "mean over layers and heads": mean_attention,
    "all maps kept": lambda network, window: [layer.clone() for layer in attention_layers(network, window)],
    "a plain forward pass": predict,
}


def peak() -> int:
    """KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def resident() -> int:
    """KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def measure(way: str, config: EnformerConfig) -> str:
    torch.set_num_threads(1)
    network = random_network(config, 1)
    window = torch.randint(0, 4, (1, config.window), dtype=torch.uint8)
    before, earlier_peak = resident(), peak()
    WAYS[way](network, window)
    after = peak()
    beside = f"{(after - before) / 1024:.0f}" if after > earlier_peak else "0"
    return f"{way}\t{before / 1024:.0f}\t{beside}"


def main() -> None:
    small = "--small" in sys.argv
    if "--one" in sys.argv:
        print(measure(sys.argv[-1], SMALL if small else EnformerConfig()), flush=True)
        return
    print("what\twith_weights_MiB\tpeak_beside_MiB", flush=True)
    for way in WAYS:
        words = [sys.executable, __file__, *(["--small"] if small else []), "--one", way]
        subprocess.run(words, check=True)


if __name__ == "__main__":
    main()
