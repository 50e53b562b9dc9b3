"""How many positions at a time should a CPU convolve? The reference pass's stages at several chunk sizes.

    python benchmarks/convolution.py [--runs 3]

Prints seconds for the first two stages of the full-size model (two thirds of its convolutions) as the module itself
computes them, and in chunks; the ratio is to the module.
"""

import argparse
import statistics
import time

import torch

from enformer_vep.effects import chunks
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.delta import reference
from enformer_vep.models.enformer.network import Enformer

CHUNKS = (1024, 2048, 4096, 8192, 16_384)


def main() -> None:
    """Time the module and every chunk size in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    network = Enformer(EnformerConfig(transformer_layers=0, output_tracks={"human": 1})).eval()
    stages = network.stages[:2]
    x = torch.randn(1, 4, network.config.window)
    seconds: dict[str, list[float]] = {}
    with torch.inference_mode():
        for _ in range(runs):
            for chunk in (None, *CHUNKS):
                began, values = time.perf_counter(), x
                for stage in stages:
                    chunks.CHUNK = chunk or chunks.CHUNK
                    values = reference.convolve_stage(stage, values) if chunk else stage(values)
                seconds.setdefault(str(chunk or "module"), []).append(time.perf_counter() - began)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print("positions\tseconds\tspeed_relative_to_module")
    for name, median in medians.items():
        print(f"{name}\t{median:.2f}\t{medians['module'] / median:.2f}")


if __name__ == "__main__":
    main()
