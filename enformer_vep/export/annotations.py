"""Files with annotations of all variants of a panel, one per chromosome: S-LDSC, SLDP, PolyFun.

Formats as their readers take them: ldsc 2.0.1 (`ldscore.parse`), sldp 1.1.5 with gprim 0.23
(`gprim.annotation`), PolyFun (`compute_ldscores.py`).
"""

from collections.abc import Callable, Iterator

import numpy as np

from enformer_vep.export.panel import Panel, PanelVariant
from enformer_vep.export.panel_scores import Matched
from enformer_vep.export.parquet_columns import write_columns
from enformer_vep.files.atomic import complete_or_absent, explained
from enformer_vep.files.bgzf import BgzfEncoder
from enformer_vep.files.writing import open_stream
from enformer_vep.genome.contigs import contig_key

_VALUE = "\t%.7g"


def write_ldsc(stem: str, panel: Panel, matched: Matched) -> list[str]:
    """Writes STEM.CHR.annot.gz: CHR BP SNP CM and the annotations, rows as in the .bim, 0 where there is no score.

    Args:
        stem: What names begin with.
        panel: From .bim files.
        matched: Its annotations.

    Returns:
        Names of the files.

    Raises:
        OutputError: One cannot be written.
    """

    def described(one: PanelVariant) -> tuple[object, ...]:
        return _chromosome(one), one.position, one.id, one.cm

    return _write_text(f"{stem}.{{}}.annot.gz", "CHR\tBP\tSNP\tCM", described, panel, matched)


def write_sldp(stem: str, panel: Panel, matched: Matched) -> list[str]:
    """Writes STEM.CHR.sannot.gz: SNP CHR BP CM A1 A2 and the signed effects of A1; as `write_ldsc` otherwise."""

    def described(one: PanelVariant) -> tuple[object, ...]:
        return one.id, _chromosome(one), one.position, one.cm, one.a1, one.a2

    return _write_text(f"{stem}.{{}}.sannot.gz", "SNP\tCHR\tBP\tCM\tA1\tA2", described, panel, matched)


def write_polyfun(stem: str, panel: Panel, matched: Matched) -> list[str]:
    """Writes STEM.CHR.annot.parquet: SNP CHR BP A1 A2 and the annotations; as `write_ldsc` otherwise."""
    names = []
    for chromosome, places in _chromosomes(panel):
        name = f"{stem}.{chromosome}.annot.parquet"
        chosen = [panel.variants[place] for place in places]
        spelled = [_chromosome(one) for one in chosen]
        numbers = all(name.isdecimal() for name in spelled)
        columns: dict[str, object] = {
            "SNP": [one.id for one in chosen],
            "CHR": [int(name) for name in spelled] if numbers else spelled,
            "BP": [one.position for one in chosen],
            "A1": [one.a1 for one in chosen],
            "A2": [one.a2 for one in chosen],
        }
        values = np.nan_to_num(matched.values[places], nan=0.0) + np.float32(0)
        columns |= {annotation: values[:, number] for number, annotation in enumerate(matched.names)}
        with complete_or_absent(name) as path, explained(name):
            write_columns(path, columns)  # type: ignore[arg-type]
        names.append(name)
    return names


def _write_text(
    pattern: str,
    header: str,
    described: Callable[[PanelVariant], tuple[object, ...]],
    panel: Panel,
    matched: Matched,
) -> list[str]:
    cells = _VALUE * len(matched.names) + "\n"
    names = []
    for chromosome, places in _chromosomes(panel):
        names.append(pattern.format(chromosome))
        with open_stream(names[-1]) as stream:
            encoder = BgzfEncoder(stream)
            encoder.write("\t".join((header, *matched.names)).encode() + b"\n")
            for place in places:
                # A negated 0 is 0.
                values = np.nan_to_num(matched.values[place], nan=0.0) + np.float32(0)
                identity = "\t".join(map(str, described(panel.variants[place])))
                encoder.write((identity + cells % tuple(values.tolist())).encode())
            encoder.finish()
    return names


def _chromosomes(panel: Panel) -> Iterator[tuple[str, list[int]]]:
    """The places of each chromosome's variants, under its first spelling."""
    places: dict[str, list[int]] = {}
    for place, one in enumerate(panel.variants):
        places.setdefault(contig_key(one.contig), []).append(place)
    for chosen in places.values():
        yield _chromosome(panel.variants[chosen[0]]), chosen


def _chromosome(variant: PanelVariant) -> str:
    """As the panel spells it (23 stays 23, its tools look for that), without "chr"."""
    return variant.contig.removeprefix("chr")
