"""How near is first order? The engine adjoint against delta, by kind and size of the change.

    python benchmarks/adjoint.py [--variants 60] [--output results/adjoint.tsv]

Two models: `example` with real SNVs of example_data at its full window, every track; and random weights of the
published depth at an eighth of its width (accuracy.py), with substitutions in random sequence. Three kinds of change:
substitutions; 1-bp deletions with the base put back as N 100 bp downstream, which leaves both flanks where they are;
and 1-bp deletions that pull the right flank in. SAD is summed over all bins.

Prints, for each model, kind and class of size (half decades of abs(SAD) / prediction; `all` for all together) how many
values there are, Spearman's correlation over the variants of a track (median over tracks; of `all` only), the median
relative error, the share of equal signs, and the share of the largest 10 % that first order also has among its largest
20 % (of `all` only).
"""

import argparse
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from accuracy import EXAMPLE_DATA, RANDOM_CONFIG, real_variants
from correlations import Array, spearman
from torch import Tensor

from enformer_vep.effects.effect import EffectBatch
from enformer_vep.models.checkpoints import load_model
from enformer_vep.models.enformer.delta.engine import AdjointEngine
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.models.enformer.randomised import random_network

EDGES = 10.0 ** np.arange(-6, 0.5, 1.0)
PUT_BACK = 100
COLUMNS = ("model", "change", "size", "values", "spearman", "median_error", "same_sign", "top_found")


def changes(substitution: EffectBatch, kind: str) -> EffectBatch:
    """The same place changed otherwise."""
    if kind == "substitution":
        return substitution
    reference = substitution.reference[0]
    place = int((reference != substitution.alternate[0]).nonzero()[0])
    ahead = place + PUT_BACK
    if kind == "deletion, put back":
        pieces = [reference[:place], reference[place + 1 : ahead], torch.tensor([4]).to(reference), reference[ahead:]]
    else:
        pieces = [reference[:place], reference[place + 1 :], reference[:1]]
    return EffectBatch(reference[None], torch.cat(pieces)[None], torch.zeros(1, dtype=torch.int64))


def made_up(count: int, seed: int) -> Iterator[EffectBatch]:
    """Substitutions in random sequence, at all distances from the middle of the window."""
    generator, window = torch.Generator().manual_seed(seed), RANDOM_CONFIG.window
    for number in range(count):
        reference = torch.randint(0, 4, (1, window), generator=generator, dtype=torch.uint8)
        alternate = reference.clone()
        position = window // 2 + int((number / count) ** 2 * (window // 2 - 200))
        alternate[0, position] = (alternate[0, position] + 1 + number % 3) % 4
        yield EffectBatch(reference, alternate, torch.zeros(1, dtype=torch.int64))


def both(network: Enformer, batches: Sequence[EffectBatch], tracks: Sequence[int]) -> tuple[Array, Array, Array]:
    """Exact and first-order SAD and the reference's sum, [variants, tracks]."""
    engine = AdjointEngine(network, "human", tracks, slice(0, network.config.target_length))

    def totals(prediction: Tensor) -> Tensor:
        return prediction.sum(0, dtype=torch.float64)

    exact, first_order, reference = [], [], []
    for batch in batches:
        exact.append(totals(engine.predict(batch).delta[0]))
        linearised = engine.linearise(batch, [totals])[0]
        first_order.append(linearised.changes[0].double())
        reference.append(linearised.values)
    arrays = [torch.stack(rows).numpy() for rows in (exact, first_order, reference)]
    return arrays[0], arrays[1], arrays[2]


def summary(exact: Array, first_order: Array, reference: Array) -> Iterator[tuple[str, ...]]:
    """Lines of one model and kind of change."""
    size = np.abs(exact) / reference
    correlation = np.median([spearman(first_order[:, track], exact[:, track]) for track in range(exact.shape[1])])
    found = np.mean([_found(first_order[:, track], exact[:, track]) for track in range(exact.shape[1])])
    yield ("all", *_line(exact, first_order, np.ones_like(size, dtype=bool)), f"{found:.2f}", f"{correlation:.2f}")
    for low, high in itertools.pairwise(EDGES):
        within = (size >= low) & (size < high)
        if within.sum() >= 20:
            yield (f"{low:.0e} to {high:.0e}", *_line(exact, first_order, within), "", "")


def _line(exact: Array, first_order: Array, within: np.ndarray) -> tuple[str, str, str]:
    error = np.abs(first_order - exact)[within] / np.abs(exact)[within]
    same = np.sign(first_order[within]) == np.sign(exact[within])
    return str(int(within.sum())), f"{np.median(error):.2g}", f"{same.mean():.2f}"


def _found(first_order: Array, exact: Array) -> float:
    """Share of the largest tenth that is among the first fifth."""
    tenth = max(len(exact) // 10, 1)
    largest = set(np.argsort(-np.abs(exact))[:tenth].tolist())
    return len(largest & set(np.argsort(-np.abs(first_order))[: 2 * tenth].tolist())) / tenth


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", type=int, default=60)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    lines = ["# " + "python benchmarks/adjoint.py", "\t".join(COLUMNS)]
    example = load_model("example").network
    assert isinstance(example, Enformer)
    vcf, fasta = EXAMPLE_DATA / "locus.vcf.gz", EXAMPLE_DATA / "chr22.fa.gz"
    models = (
        ("example", example, list(real_variants(vcf, fasta, example.config.window, options.variants)), 22),
        ("random", random_network(RANDOM_CONFIG, 1).eval(), list(made_up(3 * options.variants, 2)), 16),
    )
    for name, network, substitutions, tracks in models:
        for kind in ("substitution", "deletion, put back", "deletion"):
            print(name, kind, flush=True)
            batches = [changes(one, kind) for one in substitutions]
            for size, values, error, sign, found, correlation in summary(*both(network, batches, range(tracks))):
                lines.append("\t".join((name, kind, size, values, correlation, error, sign, found)))
                print(lines[-1], flush=True)
            if options.output:
                options.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
