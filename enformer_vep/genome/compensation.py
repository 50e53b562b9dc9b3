"""Indels whose flanks stay where they are: the length is made up for close by. Pure functions.

An indel moves everything on one side of it to another phase of the output bins, and a network's answer to that is
tens to hundreds of times its answer to a substitution (docs/scoring.md). So as many bases as a deletion takes away are
put in, or as many as an insertion adds are taken out, at a fixed distance from it: once downstream, once upstream, and
the effects of both are averaged. In between, the sequence is the alternate's own. What is put in are the bases beyond
that place, backwards: to a network they are less strange than N, and they repeat no motif.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from enformer_vep.genome.alleles import LONGEST_LOCAL
from enformer_vep.genome.encoding import Codes, encode
from enformer_vep.genome.normalisation import Site
from enformer_vep.genome.windows import AllelePair

if TYPE_CHECKING:
    from enformer_vep.genome.fasta import Genome

DISTANCE = 100
"""Bases between an indel, wherever it may be placed, and where its length is made up for."""


def is_compensated(site: Site) -> bool:
    """Whether a change of length is made up for; longer ones are not."""
    return 0 < abs(site.growth) <= LONGEST_LOCAL


def compensated(
    plain: AllelePair, start: int, genome: "Genome", site: Site, contig: str, distance: int = DISTANCE
) -> tuple[AllelePair, AllelePair]:
    """Keep both flanks of an alternate window in place.

    Args:
        plain: The variant's pair from `allele_pair`.
        start: 0-based first position of its window.
        genome: Where the sequence comes from.
        site: Of the leftmost placement.
        contig: As the genome names it.
        distance: Bases between the indel and where its length is made up for.

    Returns:
        The same pair with two other alternates, uint8 [L]: made up for downstream, and upstream.
    """
    put_in, taken_out, alternate = max(-site.growth, 0), max(site.growth, 0), encode(site.alternate)
    first, last = site.start - distance, site.last + distance
    after, before = (encode(genome.fetch(contig, *span)) for span in ((site.end, last), (first, site.start)))
    right, left = (encode(genome.fetch(contig, *span)) for span in ((last, last + put_in), (first - put_in, first)))
    downstream = np.concatenate([alternate, after, right[::-1]])
    upstream = np.concatenate([left[::-1], before, alternate])
    return (
        replace(plain, alternate=_laid_over(plain.reference, downstream, site.start - start)),
        replace(plain, alternate=_laid_over(plain.reference, upstream, first - taken_out - start)),
    )


def _laid_over(window: Codes, codes: Codes, index: int) -> Codes:
    """A window [L] with other codes from an index on, which may reach past either end."""
    first, last = max(index, 0), min(index + len(codes), len(window))
    result = window.copy()
    if first < last:
        result[first:last] = codes[first - index : last - index]
    return result
