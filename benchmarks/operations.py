"""Floating-point operations per alternate, counted while the full-size model runs.

For two passes (pair); two passes that share what the convolutions have in common (incremental: a yardstick, not an
engine of its own, as the delta engine does the same and is more accurate); the delta engine; shared windows.

    python benchmarks/operations.py [--output results/operations.tsv]

Counts convolutions and matrix products (torch's FlopCounterMode; a multiply-add is two operations), all human tracks.
Takes a few minutes on a CPU; the numbers do not depend on the machine.
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from enformer_vep.effects.activations import softplus
from enformer_vep.effects.effect import Effect, EffectBatch
from enformer_vep.effects.pair import PairEngine
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.delta.engine import DeltaEngine
from enformer_vep.models.enformer.network import Enformer

WINDOW = 196_608
CENTRE = WINDOW // 2 - 1


def substitutions(count: int) -> EffectBatch:
    """Neighbouring substitutions at the window's centre."""
    reference = torch.randint(0, 4, (1, WINDOW), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    alternate = reference.repeat(count, 1)
    for row in range(count):
        alternate[row, CENTRE + row] = (alternate[row, CENTRE + row] + 1) % 4
    return EffectBatch(reference, alternate, torch.zeros(count, dtype=torch.int64))


def deletion() -> EffectBatch:
    """One base deleted at the window's centre."""
    batch = substitutions(1)
    row = batch.reference[0]
    alternate = torch.cat([row[:CENTRE], row[CENTRE + 1 :], row[:1]])[None]
    return EffectBatch(batch.reference, alternate, batch.owner)


class IncrementalEngine(DeltaEngine):
    """Convolves an alternate where it can differ, and runs everything above in full for both."""

    def predict(self, batch: EffectBatch) -> Effect:
        """Two predictions and their difference."""
        network, head = self._network, self._head
        with torch.inference_mode():
            tokens, change = self._convolve(batch)
            windows = torch.cat([tokens, tokens[batch.owner] + change])
            predicted = softplus(F.linear(network.finish(network.transform(windows)), head.weight, head.bias))
        reference, alternate = predicted.split([len(tokens), len(change)])
        return Effect(reference[batch.owner], alternate - reference[batch.owner])


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    output = parser.parse_args().output
    network = Enformer(EnformerConfig(output_tracks={"human": 5313})).eval().requires_grad_(False)
    cases = {
        "pair, substitution": (PairEngine, substitutions(1)),
        "incremental, substitution": (IncrementalEngine, substitutions(1)),
        "delta, substitution": (DeltaEngine, substitutions(1)),
        "delta, deletion": (DeltaEngine, deletion()),
        "delta, 10 substitutions in one window, each": (DeltaEngine, substitutions(10)),
    }
    lines = ["what\tTFLOP_per_alternate"]
    for name, (kind, batch) in cases.items():
        with FlopCounterMode(display=False) as counter:
            kind(network, "human", None, slice(0, 896)).predict(batch)
        lines.append(f"{name}\t{counter.get_total_flops() / len(batch) / 1e12:.2f}")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if output:
        output.write_text(text)


if __name__ == "__main__":
    main()
