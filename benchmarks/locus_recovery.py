#!/usr/bin/env python3
"""Is W found again from people and traits? The locus of the fine-mapping example, simulated over and over.

    python benchmarks/locus_recovery.py example_data/mixed_locus.vcf.gz truth.tsv > results/locus_recovery.tsv

`truth.tsv` is that of the example (`export --to susie --weight 1`): its logarithms are the standardised scores. Every
set is 100 simulations of `tools/fine_mapping.py`, whose effects all explain the same share of the trait, unlike the
normal effects that the fit expects. One line per set: W and its 95 % interval, from the scores and from shuffled ones.
"""

import argparse
import runpy
from pathlib import Path

import numpy as np

from enformer_vep.export.bayes_factors import LocusEvidence, wakefield
from enformer_vep.export.enrichment import fit_enrichment
from enformer_vep.export.locus_likelihood import Loci

FINE_MAPPING = Path(__file__).resolve().parents[1] / "tools" / "fine_mapping.py"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vcf", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--sets", type=int, default=30)
    parser.add_argument("--loci", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    tool = runpy.run_path(str(FINE_MAPPING))
    sites = tool["read_sites"](arguments.vcf)
    truth = tool["read_priors"](arguments.truth, sites)
    z = np.log(truth) - np.log(truth).mean()
    places = np.arange(arguments.loci * len(sites)).reshape(arguments.loci, -1)
    random = np.random.default_rng(arguments.seed)
    print(f"# {arguments.sets} sets of {arguments.loci} loci, true W 1; largest over smallest weight 100")
    print("scores\tW\tfrom\tto\tp")
    for _ in range(arguments.sets):
        evidence = []
        for own in places:
            gwas = tool["simulate_gwas"](sites, int(random.choice(len(sites), p=truth)), random)
            evidence.append(LocusEvidence(own, wakefield(gwas["Z"].to_numpy(), gwas["SE"].to_numpy() ** 2)))
        for name, one in (("own", z), ("shuffled", random.permutation(z))):
            loci = Loci.of(evidence, np.tile(one, len(places)), np.zeros(places.size, bool))
            fitted = fit_enrichment(loci, max_ratio=100.0)
            ends = ("open" if end is None else f"{end:.3f}" for end in fitted.interval)
            print("\t".join((name, f"{fitted.weight:.3f}", *ends, f"{fitted.p_value:.2g}")), flush=True)


if __name__ == "__main__":
    main()
