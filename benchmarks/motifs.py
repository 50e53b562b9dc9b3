"""Well-known motifs of open chromatin, and what is done to disrupt them.

A motif is a plain consensus. Of a match the core is replaced, every base by its transition (A and G, C and T
exchanged); a disrupted site that matches any of the motifs again is not used.
"""

import re
from dataclasses import dataclass

_IUPAC = {
    "A": "A",
    "C": "C",
    "G": "G",
    "T": "T",
    "R": "[AG]",
    "Y": "[CT]",
    "S": "[CG]",
    "K": "[GT]",
    "N": "[ACGT]",
}
_TRANSITION = str.maketrans("ACGT", "GTAC")
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


@dataclass(frozen=True)
class Motif:
    """A consensus (IUPAC letters) and the part of it that is disrupted, 0-based half-open."""

    name: str
    consensus: str
    core: tuple[int, int]


MOTIFS = (
    Motif("CTCF", "CCASYAGRKGGCRS", (4, 12)),
    Motif("AP-1", "TGASTCA", (0, 7)),
    Motif("ETS", "CCGGAAGT", (1, 7)),
    Motif("NRF1", "GCGCATGCGC", (1, 9)),
    Motif("SP1", "GGGGCGGGG", (2, 7)),
)


@dataclass(frozen=True)
class Site:
    """A match in a sequence: where its core begins, the core as on the forward strand, and its replacement."""

    motif: str
    start: int
    core: str
    disrupted: str


def reverse_complement(sequence: str) -> str:
    return sequence.translate(_COMPLEMENT)[::-1]


def pattern(consensus: str) -> re.Pattern[str]:
    # A lookahead, so that overlapping matches are all found.
    return re.compile("(?=" + "".join(_IUPAC[letter] for letter in consensus) + ")")


PATTERNS = {motif.name: pattern(motif.consensus) for motif in MOTIFS}


def nearest_site(sequence: str, centre: int) -> Site | None:
    """The match on either strand whose core is nearest to `centre` and can be disrupted; None without one."""
    sites = [site for site in find_sites(sequence) if _is_disrupted(sequence, site)]
    return min(sites, key=lambda site: abs(site.start + len(site.core) // 2 - centre), default=None)


def find_sites(sequence: str) -> list[Site]:
    forward = [_site(sequence, motif, start) for motif in MOTIFS for start in _starts(motif, sequence)]
    turned = reverse_complement(sequence)
    backward = [_site(turned, motif, start) for motif in MOTIFS for start in _starts(motif, turned)]
    return forward + [_turn(site, len(sequence)) for site in backward]


def transition(sequence: str) -> str:
    return sequence.translate(_TRANSITION)


def _starts(motif: Motif, sequence: str) -> list[int]:
    return [match.start() for match in PATTERNS[motif.name].finditer(sequence)]


def _site(sequence: str, motif: Motif, start: int) -> Site:
    first, end = start + motif.core[0], start + motif.core[1]
    core = sequence[first:end]
    return Site(motif.name, first, core, transition(core))


def _turn(site: Site, length: int) -> Site:
    start = length - site.start - len(site.core)
    return Site(site.motif, start, reverse_complement(site.core), reverse_complement(site.disrupted))


def _is_disrupted(sequence: str, site: Site) -> bool:
    end = site.start + len(site.core)
    changed = sequence[: site.start] + site.disrupted + sequence[end:]
    return not any(site.start < other.start + len(other.core) and other.start < end for other in find_sites(changed))
