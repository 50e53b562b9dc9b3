#!/usr/bin/env python3
"""A background of variants of every class, for `enformer-vep calibrate`.

    python tools/calibration_background.py SITES.vcf.gz INDELS.vcf.gz hg38.fa -o FOLDER

FOLDER gets `substitutions.vcf`, `indels.vcf` and, of those over 64 bp, `long_indels.vcf`. INFO/ORIGIN says where each
allele is from:

- `observed`: SNVs, every 55th of SITES (`--every`); insertions and deletions, those of INDELS.
- `joined`: MNVs, two neighbouring SNVs of SITES within 5 bp, both alternates on one haplotype.
- `made_up`: where INDELS has fewer than `--each` of a class, the rest. Placed at further SNVs of SITES, so that they
  lie where variants are common; lengths with probability proportional to length^-1.8, to 100 bp, about the spectrum
  of human indels. Every other insertion repeats the bases that follow, as most real ones do; the others are of
  random bases.

Made-up indels are no common variants: selection has not seen them, so large effects may be more frequent among them.
"""

import argparse
import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from enformer_vep.genome.alleles import variant_class
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.vcf import read_variants

LONGEST_MNV = 5  # bp
LONGEST = 100
EXPONENT = -1.8
LENGTHS = {"1": (1, 1), "2_5": (2, 5), "6_20": (6, 20), "21_or_more": (21, LONGEST), "65": (65, LONGEST)}
KINDS = tuple(
    f"{what}_{lengths}" for what in ("insertion", "deletion") for lengths in ("1", "2_5", "6_20", "21_or_more")
)
LONG = ("insertion_65", "deletion_65")


class Allele(NamedTuple):
    """One record; position 1-based."""

    contig: str
    position: int
    name: str
    reference: str
    alternate: str
    origin: str


def observed(variants: Sequence[Variant]) -> list[Allele]:
    """As they stand in a VCF."""
    return [Allele(one.contig, one.position, one.id, one.reference, one.alternate, "observed") for one in variants]


def joined(sites: Sequence[Variant], genome: Genome) -> list[Allele]:
    """Neighbouring SNVs as one change."""
    made = []
    for first, second in itertools.pairwise(sites):
        if first.contig == second.contig and 0 < second.position - first.position < LONGEST_MNV:
            reference = genome.fetch(first.contig, first.start, second.end).decode()
            alternate = first.alternate + reference[1:-1] + second.alternate
            made.append(Allele(first.contig, first.position, ".", reference, alternate, "joined"))
    return made


def made_up(kind: str, site: Variant, genome: Genome, chance: random.Random, *, repeats: bool) -> Allele | None:
    """An indel behind the base of a site; None where the genome has no bases for it."""
    what, _, lengths = kind.partition("_")
    low, high = LENGTHS[lengths]
    some = range(low, high + 1)
    length = chance.choices(some, [one**EXPONENT for one in some])[0]
    behind = genome.fetch(site.contig, site.start, site.start + 1 + length).decode().upper()
    if len(behind) <= length or set(behind) - set("ACGT"):
        return None
    anchor, following = behind[0], behind[1:]
    if what == "deletion":
        return Allele(site.contig, site.position, ".", behind, anchor, "made_up")
    inserted = following if repeats else "".join(chance.choices("ACGT", k=length))
    return Allele(site.contig, site.position, ".", anchor, anchor + inserted, "made_up")


def fill(kind: str, number: int, places: Iterator[Variant], genome: Genome, seed: int) -> list[Allele]:
    """So many made-up alleles of a kind."""
    chance = random.Random(f"{seed} {kind}")
    made: list[Allele] = []
    while len(made) < number:
        one = made_up(kind, next(places), genome, chance, repeats=len(made) % 2 == 0)
        if one is not None:
            made.append(one)
    return made


def evenly(alleles: Sequence[Allele], number: int) -> list[Allele]:
    """So many of them, spread over all."""
    number = min(number, len(alleles))
    return [alleles[index * len(alleles) // number] for index in range(number)]


def make(sites: Path, indels: Path, genome: Genome, every: int, each: int, seed: int) -> dict[str, list[Allele]]:
    """By kind; SNVs are every so many-th, of the others there are `each`."""
    common = [one for one in read_variants(str(sites)) if variant_class(one.reference, one.alternate) in ("snv",)]
    made = {
        "snv": observed(common[every - 1 :: every]),
        "mnv": evenly(joined(common, genome), each),
    }
    known: dict[str, list[Variant]] = defaultdict(list)
    for one in read_variants(str(indels)):
        if one.alternate.isalpha():
            known[kind_of(one)].append(one)
    # Further sites, a class after the other, so that no two made-up indels share one.
    step = max(1, len(common) // (each * len(KINDS) + each))
    places = iter(common[every // 2 :: step])
    for kind in KINDS:
        real = evenly(observed(known[kind]), each) if known[kind] else []
        made[kind] = real + fill(kind, each - len(real), places, genome, seed)
    # Of the longest few are drawn above; these lie at the sites after the others'.
    places = iter(common[every // 2 + 1 :: step])
    for kind in LONG:
        made[kind] = fill(kind, each, places, genome, seed)
    return made


def kind_of(variant: Variant) -> str:
    """Class of an indel, those of 21 bp and more together."""
    found = variant_class(variant.reference, variant.alternate)
    what, _, lengths = found.value.partition("_")
    return f"{what}_21_or_more" if lengths.startswith(("21", "65")) else found.value


def write(path: Path, alleles: Sequence[Allele], contigs: Sequence[str]) -> None:
    """A VCF, sorted."""
    order = {name: number for number, name in enumerate(contigs)}
    rows = sorted(alleles, key=lambda one: (order[one.contig], one.position, one.reference, one.alternate))
    header = [
        "##fileformat=VCFv4.3",
        '##INFO=<ID=ORIGIN,Number=1,Type=String,Description="observed, joined or made_up">',
        *(f"##contig=<ID={name}>" for name in dict.fromkeys(one.contig for one in rows)),
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    lines = [
        f"{one.contig}\t{one.position}\t{one.name}\t{one.reference}\t{one.alternate}\t.\t.\tORIGIN={one.origin}"
        for one in rows
    ]
    path.write_text("\n".join([*header, *lines]) + "\n")


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sites", type=Path, help="VCF of common SNVs")
    parser.add_argument("indels", type=Path, help="VCF with observed indels")
    parser.add_argument("genome", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder")
    parser.add_argument("--every", type=int, default=55, help="of the SNVs")
    parser.add_argument("--each", type=int, default=150, help="alleles of each other class")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    genome = Genome(given.genome)
    made = make(given.sites, given.indels, genome, given.every, given.each, given.seed)
    given.output.mkdir(parents=True, exist_ok=True)
    contigs = list(genome.contigs)
    write(
        given.output / "substitutions.vcf",
        [*made["snv"], *made["mnv"]],
        contigs,
    )
    write(
        given.output / "indels.vcf",
        [one for kind in KINDS for one in made[kind]],
        contigs,
    )
    write(given.output / "long_indels.vcf", [one for kind in LONG for one in made[kind]], contigs)
    for kind, some in made.items():
        origins = [one.origin for one in some]
        print(kind, len(some), *(f"{name}:{origins.count(name)}" for name in dict.fromkeys(origins)), sep="\t")


if __name__ == "__main__":
    main()
