"""Where a window lies around a variant, and what each allele looks like in it.

Pure functions. Coordinates are 0-based and half-open; a window may reach past either end of its contig,
where it holds N.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from enformer_vep.genome.encoding import Codes, encode
from enformer_vep.genome.variants import Variant

if TYPE_CHECKING:
    from enformer_vep.genome.fasta import Genome


@dataclass(frozen=True, slots=True)
class AllelePair:
    """One variant in one window: all that an effect engine needs.

    Attributes:
        reference: uint8 [L] base codes of the genome.
        alternate: uint8 [L] base codes with ALT in place of REF, left edge kept.
        edit_start: Window index of the first REF base, 0-based.
        reference_length: Number of REF bases.
        alternate_length: Number of ALT bases.
    """

    reference: Codes
    alternate: Codes
    edit_start: int
    reference_length: int
    alternate_length: int


def centre_index(length: int) -> int:
    """Window index of the first REF base in an unshifted window of `length` bp: L/2 - 1.

    The rule of basenji, baskerville and the VCF loop in DeepMind's Enformer notebook: 98,303 of 196,608,
    the last base of output bin 447.
    """
    return length // 2 - 1


def window_start(variant_start: int, length: int, shift: int = 0) -> int:
    """Places a window so that the first REF base sits at its centre index.

    Args:
        variant_start: 0-based position of the first REF base.
        length: Window length L in bp, even.
        shift: How far the window moves along the genome, in bp; the variant moves the other way inside it.

    Returns:
        0-based first position; negative when the window begins before the contig.
    """
    return variant_start - centre_index(length) + shift


def allele_pair(genome: "Genome", variant: Variant, contig: str, length: int, shift: int = 0) -> AllelePair:
    """Cuts the reference and the alternate window of a variant.

    The left edge is the same for both. An insertion pushes the right flank out of the alternate window, a
    deletion pulls real genome in from the right; both windows are exactly `length` long.

    Args:
        genome: Where the sequence comes from.
        variant: The variant; REF is not compared with the genome here.
        contig: The variant's contig as the genome names it.
        length: Window length L in bp, even.
        shift: See `window_start`.

    Returns:
        The pair of base code arrays and where they may differ.

    Raises:
        ValueError: `shift` moves the variant's first base out of the window.
    """
    start = window_start(variant.start, length, shift)
    edit_start = variant.start - start
    if not 0 <= edit_start < length:
        raise ValueError(f"a shift of {shift} bp moves the variant out of a window of {length} bp")
    reference_length, alternate_length = len(variant.reference), len(variant.alternate)
    flank_needed = max(length - edit_start - alternate_length, 0)
    codes = encode(genome.fetch(contig, start, max(start + length, variant.end + flank_needed)))
    edit = (codes[:edit_start], encode(variant.alternate), codes[edit_start + reference_length :])
    alternate = np.concatenate(edit)[:length]
    return AllelePair(codes[:length], alternate, edit_start, reference_length, alternate_length)


def right_anchored(plain: AllelePair, genome: "Genome", variant: Variant, contig: str, shift: int = 0) -> AllelePair:
    """Keeps the right edge of an alternate window in place instead of its left one.

    What follows REF stays where it is; an insertion pushes the left flank out of the alternate window, a
    deletion pulls real genome in from the left.

    Args:
        plain: The variant's pair from `allele_pair`; the other arguments are those that it was made from.
        genome: Where the sequence comes from.
        variant: The variant.
        contig: The variant's contig as the genome names it.
        shift: In bp.

    Returns:
        The same pair with another alternate, uint8 [L].
    """
    length = len(plain.reference)
    plain_start = window_start(variant.start, length, shift)
    longer = plain.alternate_length - plain.reference_length
    start = plain_start - max(-longer, 0)
    codes = encode(genome.fetch(contig, start, max(plain_start + length, variant.end)))
    edit = (codes[: variant.start - start], encode(variant.alternate), codes[variant.end - start :])
    edited, first = np.concatenate(edit), max(longer, 0)
    return replace(plain, alternate=edited[first : first + length])
