"""What a track's assay says of expression: that it is high, that it is low, or neither.

Read from the description, as the published tables write it: `CAGE:liver`, `DNASE:K562`, `CHIP:H3K27me3:liver`.
"""

import re

_ACTIVITY = frozenset({"CAGE", "RNA", "PROCAP", "GROCAP", "DNASE", "ATAC"})
_REPRESSIVE = re.compile(r"H3K27me3|H3K9me[23]", re.IGNORECASE)
_ACTIVE = re.compile(
    r"H(2A|2B|3|4)K\d+ac|H3K4me[123]|H3K36me3|H3K79me[123]|POLR2A\w*|PolII|RPB2",
    re.IGNORECASE,
)


def assay_of(description: str) -> str:
    """The assay, and what a ChIP is against: "CAGE", "CHIP:H3K27me3"; empty for a description without a colon."""
    assay, colon, rest = description.partition(":")
    if not colon:
        return ""
    target, more, _ = rest.partition(":")
    return f"{assay}:{target}" if assay.upper() == "CHIP" and more else assay


def is_repressive(description: str) -> bool:
    """Whether it is a ChIP of H3K27me3, H3K9me2 or H3K9me3, which lie where genes are silent."""
    return _target_matches(description, _REPRESSIVE)


def says_expression(description: str) -> bool:
    """Whether more of it means that a gene is expressed, or (repressive marks) that it is not.

    That is transcription (CAGE, RNA, polymerase II), open chromatin (DNASE, ATAC), and histone marks of active
    promoters, enhancers and gene bodies (acetylation, H3K4me1-3, H3K36me3, H3K79me1-3). A transcription factor may do
    either, and so does not say it; nor do CTCF, cohesin, cofactors and other marks.
    """
    active = assay_of(description).upper() in _ACTIVITY or _target_matches(description, _ACTIVE)
    return active or is_repressive(description)


def _target_matches(description: str, pattern: re.Pattern[str]) -> bool:
    assay, _, target = assay_of(description).partition(":")
    return assay.upper() == "CHIP" and pattern.fullmatch(target) is not None
