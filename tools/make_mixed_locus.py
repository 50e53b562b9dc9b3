#!/usr/bin/env python3
"""Puts real insertions and deletions into a locus that has SNVs only: a locus with both, for examples.

    python tools/make_mixed_locus.py locus.vcf.gz indels.vcf.gz hg38.fa example_data/mixed_locus.vcf.gz

writes the last, its index, and a .bim beside it. The changes are real (`indels.vcf.gz`, elsewhere on the chromosome),
their places are not: each is put where the locus has the same bases on both sides, as many as can be had and at least
`FEWEST_FLANKS`. Those for which there is no such place, most indels of long repeats, are left out. An indel gets the
allele frequency of an SNV of the locus, drawn at random. At most `EACH` insertions and as many deletions of at most
`LONGEST` bases are placed.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pysam

EACH = 25
LONGEST = 20
FEWEST_FLANKS, MOST_FLANKS = 4, 12
APART = 30  # bp between an indel and any other variant


class Site(NamedTuple):
    """A biallelic site; position is 1-based."""

    position: int
    name: str
    reference: str
    alternate: str
    frequency: float


def read(path: Path) -> Iterator[Site]:
    """Biallelic sites of plain bases; a frequency of NaN where INFO has none."""
    with pysam.VariantFile(str(path)) as vcf:
        for site in vcf:
            if site.alts and len(site.alts) == 1 and set(site.ref + site.alts[0]) <= set("ACGT"):
                frequency = float(np.ravel(site.info["AF"])[0]) if "AF" in site.info else float("nan")
                yield Site(site.pos, site.id or ".", site.ref, site.alts[0], frequency)


def is_wanted(site: Site) -> bool:
    """An insertion or deletion of few bases behind an anchor."""
    longer = len(site.alternate) - len(site.reference)
    return 0 < abs(longer) <= LONGEST and min(len(site.reference), len(site.alternate)) == 1


def places_like(site: Site, genome: str, locus: tuple[int, int]) -> tuple[int, list[int]]:
    """Number of equal bases on either side, and the 1-based positions in the locus that have them."""
    first, last = site.position - 1, site.position - 1 + len(site.reference)
    for flanks in range(MOST_FLANKS, FEWEST_FLANKS - 1, -1):
        context, found = genome[first - flanks : last + flanks], []
        at = genome.find(context, *locus)
        while at >= 0:
            found.append(at + flanks + 1)
            at = genome.find(context, at + 1, locus[1])
        if found:
            return flanks, found
    return 0, []


def place(sites: list[Site], indels: list[Site], genome: str, random: np.random.Generator) -> list[Site]:
    """The indels that found a place, at their new positions."""
    taken = [site.position for site in sites]
    locus = sites[0].position - 1, sites[-1].position
    placed: list[Site] = []
    counts = {True: 0, False: 0}
    for indel in indels:
        inserts = len(indel.alternate) > 1
        flanks, found = places_like(indel, genome, locus)
        free = [at for at in found if min(abs(at - other) for other in taken) > APART]
        if counts[inserts] == EACH or not free:
            continue
        at = int(random.choice(free))
        frequency = sites[int(random.integers(len(sites)))].frequency
        placed.append(Site(at, f"like_22_{indel.position}_{flanks}", indel.reference, indel.alternate, frequency))
        taken.append(at)
        counts[inserts] += 1
    return placed


def write(target: Path, contig: str, length: int, sites: list[Site]) -> None:
    """VCF with index, and .bim; the name ends in .vcf.gz."""
    header = pysam.VariantHeader()
    header.contigs.add(contig, length=length)
    header.info.add("AF", "A", "Float", "Allele frequency")
    with pysam.VariantFile(str(target), "w", header=header) as vcf:
        for one in sites:
            start = one.position - 1
            record = vcf.new_record(
                contig=contig, start=start, id=one.name, alleles=(one.reference, one.alternate), filter="PASS"
            )
            record.info["AF"] = (one.frequency,)
            vcf.write(record)
    pysam.tabix_index(str(target), preset="vcf", force=True)
    number = contig.removeprefix("chr")
    lines = [f"{number}\t{one.name}\t0\t{one.position}\t{one.alternate}\t{one.reference}\n" for one in sites]
    target.with_name(target.name.removesuffix(".vcf.gz") + ".bim").write_text("".join(lines))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("locus", "indels", "genome", "output"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--contig", default="chr22")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with pysam.FastaFile(str(arguments.genome)) as fasta:
        genome, length = fasta.fetch(arguments.contig).upper(), fasta.get_reference_length(arguments.contig)
    sites = list(read(arguments.locus))
    indels = [site for site in read(arguments.indels) if is_wanted(site)]
    random = np.random.default_rng(arguments.seed)
    random.shuffle(indels)
    placed = place(sites, indels, genome, random)
    write(arguments.output, arguments.contig, length, sorted(sites + placed))


if __name__ == "__main__":
    main()
