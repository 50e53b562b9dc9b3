"""Contig names: the same contig under the habits of different sources."""

from collections.abc import Mapping

# PLINK numbers what is not an autosome.
_NUMBERED = {"23": "X", "24": "Y", "25": "X", "26": "M", "MT": "M", "XY": "X"}

_MITOCHONDRIAL = ("chrM", "MT", "chrMT", "M")


def other_names(contig: str) -> tuple[tuple[str, str], ...]:
    """What else a contig may be called: pairs of (kind of mapping in words, name), the likelier first."""
    if contig in _MITOCHONDRIAL:
        return tuple(("mitochondrial names", other) for other in _MITOCHONDRIAL if other != contig)
    if contig.startswith("chr"):
        return (("without 'chr'", contig.removeprefix("chr")),)
    return (("with 'chr'", f"chr{contig}"),)


def all_names(contig: str) -> tuple[str, ...]:
    """Lists every name of a contig, the given one first."""
    return (contig, *(name for _, name in other_names(contig)))


def named_alike(contigs: Mapping[str, int], example: str) -> dict[str, int]:
    """Renames a genome's contigs, given with lengths in bp: with or without "chr" as a file's example has it."""
    if example in contigs:
        return dict(contigs)
    prefixed = example.startswith("chr")
    return {
        next((other for other in all_names(name) if other.startswith("chr") is prefixed), name): length
        for name, length in contigs.items()
    }


def contig_key(contig: str) -> str:
    """The same word for the same contig: "1" for 1, 01 and chr1; "X" for X, chrX and 23; "M" for MT."""
    bare = contig.removeprefix("chr")
    bare = bare.lstrip("0") if bare.isdecimal() else bare
    return _NUMBERED.get(bare, bare)
