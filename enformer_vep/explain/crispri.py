"""Tables of measured pairs: which elements were found to regulate which genes when they were perturbed."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.errors import InputError, UsageError
from enformer_vep.explain.candidate_elements import CONTIG_NAMES, gene_names
from enformer_vep.genome.contigs import contig_key
from enformer_vep.settings.explain_evaluation import Distance
from enformer_vep.tables.column_roles import Aliases, find_columns
from enformer_vep.tables.text_tables import LABEL_WORDS, MISSING, read_numbers, read_positions, read_text_columns

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]

ROLES: Aliases = {
    "contig": CONTIG_NAMES,
    "start": ("start", "chromstart"),
    "end": ("end", "chromend"),
    "gene": ("gene", "gene_name", "symbol", "gene_symbol", "measuredgenesymbol", "targetgene"),
    "gene_id": ("gene_id", "ensembl_id", "ensembl_gene_id", "measuredensemblid"),
    "tss": ("tss", "targetgenetss"),
    "label": ("regulated",),
    "distance": ("distance", "distancetotss"),
    "h3k27ac": ("h3k27ac_rpm", "h3k27ac"),
    "accessibility": ("dhs_rpm", "atac_rpm", "dhs", "atac", "accessibility"),
}
_NEEDED = {"contig": "chrom", "start": "start", "end": "end", "label": "regulated (1, 0)"}
_NO_GENE = "."


@dataclass(frozen=True, slots=True)
class MeasuredPairs:
    """Pairs with a label, in the order of their tables.

    Attributes:
        place: object [pairs]: file and row, for messages.
        contig: object [pairs], `contig_key`.
        start: int64 [pairs], 0-based.
        end: int64 [pairs], half-open.
        genes: What the gene of each is called: identifier without version, then name.
        tss: float64 [pairs], 0-based; NaN where the table has none.
        positive: bool [pairs]: the element was found to raise the gene's expression.
        distance: float64 [pairs], bp, without a sign.
        h3k27ac: float64 [pairs], signal in the element; NaN where it is not known.
        accessibility: Likewise.
    """

    place: npt.NDArray[np.object_]
    contig: npt.NDArray[np.object_]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    genes: tuple[tuple[str, ...], ...]
    tss: Floats
    positive: npt.NDArray[np.bool_]
    distance: Floats
    h3k27ac: Floats
    accessibility: Floats

    def __len__(self) -> int:
        """How many there are."""
        return len(self.positive)

    @property
    def elements(self) -> list[tuple[str, int, int]]:
        """Contig, start and end of each."""
        return list(zip(self.contig, self.start.tolist(), self.end.tolist(), strict=True))


def read_measured_pairs(
    paths: Sequence[Path],
    *,
    columns: Sequence[tuple[str, str]] = (),
    where: Sequence[tuple[str, str]] = (),
    distance: Distance = Distance.TSS,
) -> MeasuredPairs:
    """Reads tables with one measured pair in every row.

    Rows without a label are left out; the log counts them, and those that `where` leaves out.

    Args:
        paths: Tab or comma separated, plain or gzip.
        columns: Pairs of (role, column name) that take precedence over `ROLES`.
        where: Pairs of (column, value): only rows that have all of them.
        distance: Computed from the transcription start, or as the table has it.

    Raises:
        UsageError: An unknown role.
        InputError: A table lacks a needed column, a value cannot be read, or no row is left.
    """
    tables = [_read(path, columns, where, distance) for path in paths]
    counts: Counter[str] = Counter()
    for _, own in tables:
        counts.update(own)
    rows = pd.concat([table for table, _ in tables], ignore_index=True)
    left_out = ", ".join(f"{count} {reason}" for reason, count in counts.items() if count)
    if rows.empty:
        raise InputError(f"{paths[0]}: no measured pair is left ({left_out}); correct --where, or the column of labels")
    if left_out:
        logger.info("measured pairs left out: %s", left_out)
    genes = tuple(gene_names(*names) for names in zip(rows["gene_id"], rows["gene"], strict=True))
    numbers = {name: rows[name].to_numpy(dtype=np.float64) for name in ("tss", "h3k27ac", "accessibility", "distance")}
    return MeasuredPairs(
        place=rows["place"].to_numpy(dtype=object),
        contig=rows["contig"].to_numpy(dtype=object),
        start=rows["start"].to_numpy(dtype=np.int64),
        end=rows["end"].to_numpy(dtype=np.int64),
        genes=genes,
        positive=(rows["label"] == 1).to_numpy(),
        **numbers,
    )


def parse_condition(text: str) -> tuple[str, str]:
    """Reads "cell_type=K562"; UsageError when it is not COLUMN=VALUE."""
    column, separator, value = text.partition("=")
    if not separator or not column.strip():
        raise UsageError(f"cannot read --where {text}: write COLUMN=VALUE, such as cell_type=K562")
    return column.strip(), value.strip()


def _read(
    path: Path, columns: Sequence[tuple[str, str]], where: Sequence[tuple[str, str]], distance: Distance
) -> tuple[pd.DataFrame, Counter[str]]:
    text = read_text_columns(path)
    found = find_columns(list(text.columns), ROLES, columns, source=str(path))
    _check(found, path, distance)
    text["place"] = [f"{path}, row {row}" for row in range(1, len(text) + 1)]
    labels = _labels(text[found["label"]], path)
    chosen = np.ones(len(text), dtype=np.bool_)
    for column, value in where:
        if column not in text:
            raise InputError(f"{path} has no column {column}; correct --where")
        chosen &= (text[column].str.strip() == value).to_numpy()
    known = np.isfinite(labels)
    counts = Counter({"for --where": int((~chosen).sum()), "without a label": int((chosen & ~known).sum())})
    kept = chosen & known
    return _standard(text[kept], labels[kept], found, path, distance), counts


def _standard(
    text: pd.DataFrame, labels: Floats, found: dict[str, str], path: Path, distance: Distance
) -> pd.DataFrame:
    table = pd.DataFrame({"place": text["place"], "label": labels})
    table["contig"] = text[found["contig"]].str.strip().map(contig_key)
    for role in ("start", "end"):
        table[role] = read_positions(text[found[role]], path, role)
    for role in ("gene", "gene_id"):
        names = text[found[role]].str.strip() if role in found else pd.Series(_NO_GENE, index=text.index)
        table[role] = names.mask(names.str.casefold().isin(MISSING), _NO_GENE)
    for role in ("tss", "h3k27ac", "accessibility", "distance"):
        table[role] = read_numbers(text[found[role]], path, role) if role in found else np.nan
    if distance is Distance.TSS:
        table["distance"] = (table["start"] + table["end"]) / 2 - table["tss"]
    table["distance"] = table["distance"].abs()
    for role, values in (("gene", (table["gene"] == _NO_GENE) & (table["gene_id"] == _NO_GENE)),
                         ("tss" if distance is Distance.TSS else "distance", table["distance"].isna())):  # fmt: skip
        if values.any():
            raise InputError(f"{table['place'][values].iloc[0]}: no {role}; fill it in, or leave the row out")
    return table


def _check(found: dict[str, str], path: Path, distance: Distance) -> None:
    measure = "tss" if distance is Distance.TSS else "distance"
    needed = {**_NEEDED, measure: measure}
    if "gene_id" not in found:
        needed["gene"] = "gene or gene_id"
    missing = [(role, words) for role, words in needed.items() if role not in found]
    if missing:
        role, words = missing[0]
        raise InputError(f"{path} has no column {words}; add it, or name it with --column {role}=NAME")


def _labels(text: pd.Series, path: Path) -> Floats:
    words = text.str.strip().str.casefold()
    labels = read_numbers(words.map(lambda word: LABEL_WORDS.get(word, word)), path, "label")
    bad = np.flatnonzero(np.isfinite(labels) & ~np.isin(labels, (0, 1)))
    if len(bad):
        raise InputError(f"{path}, row {bad[0] + 1}: label {text.iloc[bad[0]]} is not 1 or 0; correct it")
    return labels
