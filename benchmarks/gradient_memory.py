"""Peak memory of gradients on a CPU, beside the model's weights. Random weights of the published size.

Usage: python benchmarks/gradient_memory.py [--small]
Prints a tab-separated table; one process per row: peak resident memory less what the process had with its weights.
`--small` tries the code on a small model.
"""

import resource
import subprocess
import sys
from pathlib import Path

import torch

from enformer_vep.explain.gradients import Target, input_gradients
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.randomised import random_network

SMALL = EnformerConfig(
    channels=48, channel_multiple=4, transformer_layers=3, attention_heads=2, key_size=8, target_length=32,
    window=8192, output_tracks={"human": 8},
)  # fmt: skip
TARGETS = (1, 4, 8)


def peak() -> int:
    """KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def resident() -> int:
    """KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def measure(targets: int, config: EnformerConfig) -> str:
    torch.set_num_threads(1)
    network = random_network(config, 1)
    window = torch.randint(0, 4, (1, config.window), dtype=torch.uint8)
    tracks, middle = config.output_tracks["human"], config.target_length // 2
    wanted = [Target(torch.eye(tracks)[number], [middle - 1, middle]) for number in range(targets)]
    before = resident()
    gradients = input_gradients(network, "human", window, wanted)
    assert torch.isfinite(gradients).all()
    assert gradients.abs().amax(dim=(2, 3)).min() > 0
    return f"{targets}\t{before / 1024:.0f}\t{(peak() - before) / 1024:.0f}\t{peak() / 1024:.0f}"


def main() -> None:
    small = "--small" in sys.argv
    if "--one" in sys.argv:
        print(measure(int(sys.argv[-1]), SMALL if small else EnformerConfig()))
        return
    print("targets\twith_weights_MiB\tpeak_beside_MiB\tpeak_MiB", flush=True)
    for targets in TARGETS:
        words = [sys.executable, __file__, *(["--small"] if small else []), "--one", str(targets)]
        subprocess.run(words, check=True)


if __name__ == "__main__":
    main()
