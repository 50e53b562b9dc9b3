"""The same variant and the same gene, however two tables spell them."""

import re

import pandas as pd

from enformer_vep.genome.contigs import contig_key

_SPELLED_OUT = re.compile(r"([^_:]+)[_:](\d+)[_:]([A-Za-z*]+)[_:]([A-Za-z*]+)(?:[_:]\w+)?")


def gene_without_version(gene: str) -> str:
    """ENSG00000099804.8 is ENSG00000099804; other names stay as they are."""
    stem, dot, version = gene.partition(".")
    return stem if dot and version.split("_")[0].isdecimal() else gene


def variant_keys(table: pd.DataFrame, *, swapped: bool = False) -> pd.Series:
    """Spells variants out as contig:position:REF:ALT.

    Args:
        table: Text columns contig, position, reference, alternate.
        swapped: Exchange REF and ALT.

    Returns:
        Text, one per row.
    """
    contigs = {name: contig_key(name) for name in table["contig"].unique()}
    first, second = ("alternate", "reference") if swapped else ("reference", "alternate")
    return (
        table["contig"].map(contigs)
        + ":"
        + table["position"].astype(str)
        + ":"
        + table[first].str.upper()
        + ":"
        + table[second].str.upper()
    )


def same_either_way(table: pd.DataFrame) -> pd.Series:
    """Which alleles may be exchanged with the sign turned: those of equal length. An indel's are another variant."""
    return table["reference"].str.len() == table["alternate"].str.len()


def split_variant(text: str) -> tuple[str, str, str, str] | None:
    """Reads chr1_13550_G_A_b38, 1:13550:G:A and the like; None when it is something else, such as an rs number.

    Returns:
        Contig, 1-based position, REF, ALT, as text.
    """
    match = _SPELLED_OUT.fullmatch(text)
    return (match[1], match[2], match[3], match[4]) if match else None
