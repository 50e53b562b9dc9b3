"""Files with annotations of all variants of a panel, one per chromosome: S-LDSC, SLDP, PolyFun.

Formats as their readers take them: ldsc 2.0.1 (`ldscore.parse`), sldp 1.1.5 with gprim 0.23
(`gprim.annotation`), PolyFun (`compute_ldscores.py`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from enformer_vep.export.panel import Panel, PanelVariant
from enformer_vep.export.panel_scores import Matched
from enformer_vep.export.parquet_columns import write_columns
from enformer_vep.files.atomic import complete_or_absent, explained
from enformer_vep.files.bgzf import BgzfEncoder
from enformer_vep.files.writing import open_stream
from enformer_vep.genome.contigs import contig_key
from enformer_vep.tables.formats import PARQUET_SUFFIXES

_VALUE = "\t%.7g"
Cells = Mapping[str, Sequence[object]]


def _chromosome(variant: PanelVariant) -> str:
    """As the panel spells it (23 stays 23, its tools look for that), without "chr"."""
    return variant.contig.removeprefix("chr")


_CELLS: Mapping[str, Callable[[PanelVariant], object]] = {
    "SNP": lambda one: one.id,
    "CHR": _chromosome,
    "BP": lambda one: one.position,
    "CM": lambda one: one.cm,
    "A1": lambda one: one.a1,
    "A2": lambda one: one.a2,
}
_COLUMNS = {
    "annot.gz": ("CHR", "BP", "SNP", "CM"),
    "sannot.gz": ("SNP", "CHR", "BP", "CM", "A1", "A2"),
    "annot.parquet": ("SNP", "CHR", "BP", "A1", "A2"),
}


def write_annotations(stem: str, suffix: str, panel: Panel, matched: Matched) -> list[str]:
    """Writes STEM.CHR.SUFFIX: columns of the variant and the annotations, rows as in the panel, 0 without a score.

    Args:
        stem: What names begin with.
        suffix: "annot.gz" (S-LDSC), "sannot.gz" (SLDP: signed effects of A1) or "annot.parquet" (PolyFun).
        panel: From .bim files.
        matched: Its annotations.

    Returns:
        Names of the files.

    Raises:
        OutputError: One cannot be written.
    """
    write = _write_parquet if suffix.endswith(PARQUET_SUFFIXES) else _write_text
    names = []
    for chromosome, places in _chromosomes(panel):
        names.append(f"{stem}.{chromosome}.{suffix}")
        cells = {name: [_CELLS[name](panel.variants[place]) for place in places] for name in _COLUMNS[suffix]}
        write(names[-1], cells, matched, places)
    return names


def _values(matched: Matched, places: int | list[int]) -> npt.NDArray[np.float32]:
    """0 where there is no number; a negated 0 is 0."""
    return np.nan_to_num(matched.values[places], nan=0.0) + np.float32(0)


def _write_parquet(name: str, cells: Cells, matched: Matched, places: list[int]) -> None:
    if all(str(chromosome).isdecimal() for chromosome in cells["CHR"]):
        cells = {**cells, "CHR": [int(str(chromosome)) for chromosome in cells["CHR"]]}
    columns = dict(zip(matched.names, _values(matched, places).T, strict=True))
    with complete_or_absent(name) as path, explained(name):
        write_columns(path, {**cells, **columns})


def _write_text(name: str, cells: Cells, matched: Matched, places: list[int]) -> None:
    numbers = _VALUE * len(matched.names) + "\n"
    with open_stream(name) as stream:
        encoder = BgzfEncoder(stream)
        encoder.write("\t".join((*cells, *matched.names)).encode() + b"\n")
        for place, identity in zip(places, zip(*cells.values(), strict=True), strict=True):
            values = tuple(_values(matched, place).tolist())
            encoder.write(("\t".join(map(str, identity)) + numbers % values).encode())
        encoder.finish()


def _chromosomes(panel: Panel) -> Iterator[tuple[str, list[int]]]:
    """The places of each chromosome's variants, under its first spelling."""
    places: dict[str, list[int]] = {}
    for place, one in enumerate(panel.variants):
        places.setdefault(contig_key(one.contig), []).append(place)
    for chosen in places.values():
        yield _chromosome(panel.variants[chosen[0]]), chosen
