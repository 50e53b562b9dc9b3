"""What is written in one word: a gene with its version, a variant spelled out."""

import re
from functools import lru_cache

_SPELLED_OUT = re.compile(r"([^_:]+)[_:](\d+)[_:]([A-Za-z*]+)[_:]([A-Za-z*]+)(?:[_:]\w+)?")


@lru_cache(1 << 16)
def gene_without_version(gene: str) -> str:
    """ENSG00000099804.8 is ENSG00000099804; other names stay as they are."""
    stem, dot, version = gene.partition(".")
    return stem if dot and version.split("_")[0].isdecimal() else gene


def split_variant(text: str) -> tuple[str, str, str, str] | None:
    """Reads chr1_13550_G_A_b38, 1:13550:G:A and the like; None when it is something else, such as an rs number.

    Returns:
        Contig, 1-based position, REF, ALT, as text.
    """
    match = _SPELLED_OUT.fullmatch(text)
    return (match[1], match[2], match[3], match[4]) if match else None
