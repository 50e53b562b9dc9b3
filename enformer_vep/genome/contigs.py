"""Contig names: the same contig under the habits of different sources."""

_MITOCHONDRIAL = ("chrM", "MT", "chrMT", "M")


def other_names(contig: str) -> tuple[tuple[str, str], ...]:
    """Lists what else a contig may be called.

    Args:
        contig: A contig name, such as "1", "chr1" or "MT".

    Returns:
        Pairs of (kind of mapping in words, other name), the likelier first.
    """
    if contig in _MITOCHONDRIAL:
        return tuple(("mitochondrial names", other) for other in _MITOCHONDRIAL if other != contig)
    if contig.startswith("chr"):
        return (("without 'chr'", contig.removeprefix("chr")),)
    return (("with 'chr'", f"chr{contig}"),)


def all_names(contig: str) -> tuple[str, ...]:
    """Lists every name of a contig, the given one first."""
    return (contig, *(name for _, name in other_names(contig)))
