"""How fast is everything but the model? Reading, checking, windowing and encoding, on one core.

    python benchmarks/host.py variants.vcf.gz genome.fa [--records 3000]

Prints alleles per second: up to and including the tensors that an engine takes (196,608-bp windows).
"""

import argparse
import itertools
import time

import torch

from enformer_vep.effects.effect import make_batch
from enformer_vep.genome.checks import check_variant
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Status
from enformer_vep.genome.vcf import read_variants
from enformer_vep.genome.windows import allele_pair


def main() -> None:
    """Time the chain."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants")
    parser.add_argument("genome")
    parser.add_argument("--records", type=int, default=3000)
    parser.add_argument("--window", type=int, default=196_608)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    genome = Genome(arguments.genome)
    variants = itertools.islice(read_variants(arguments.variants), arguments.records)
    began, cpu, alleles, pairs = time.perf_counter(), time.process_time(), 0, []
    for variant in variants:
        alleles += 1
        if check_variant(variant, genome, arguments.window) is Status.OK:
            contig = genome.resolve(variant.contig)
            assert contig is not None
            pairs.append(allele_pair(genome, variant, contig, arguments.window))
        if len(pairs) == 8:
            make_batch(pairs)
            pairs = []
    wall, used = time.perf_counter() - began, time.process_time() - cpu
    print(f"alleles\t{alleles}\nper_second\t{alleles / wall:.0f}\nper_CPU_second\t{alleles / used:.0f}")


if __name__ == "__main__":
    main()
