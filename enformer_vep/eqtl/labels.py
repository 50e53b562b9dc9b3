"""Label tables: which variants are causal in which tissue, and what else is known of them."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from enformer_vep.eqtl.eqtl_settings import LabelSettings
from enformer_vep.eqtl.label_columns import ALIASES, COORDINATES, NUMBERED_SET, PER_GENE_GROUPS
from enformer_vep.eqtl.outcomes import Outcome
from enformer_vep.errors import InputError
from enformer_vep.genome.spelling import gene_without_version, split_variant
from enformer_vep.tables.column_roles import find_columns
from enformer_vep.tables.text_tables import LABEL_WORDS, MISSING, read_text_columns

logger = logging.getLogger(__name__)

NUMBERS = ("pip", "distance", "effect", "label", "frequency")
_SIGNS = {"+": "1", "-": "-1"}


def read_labels(paths: Sequence[Path], settings: LabelSettings) -> pd.DataFrame:
    """Reads tables with a label or a PIP in every row.

    Args:
        paths: Delimited text, plain or gzip.
        settings: Names and thresholds.

    Returns:
        Columns row (1-based data row in its file), the roles of `ALIASES` (text; `NUMBERS` are float64, NaN where
        missing), outcome (`Outcome` or, where nothing speaks against the row, POSITIVE or NEGATIVE) and strength
        (label or PIP, by which the best of several rows on one variant is chosen).

    Raises:
        InputError: A table lacks a needed column, or a value cannot be read.
    """
    tables = [_standard_table(path, settings) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if table["label"].isna().all() and table["pip"].isna().all():
            raise InputError(
                f"{path} has neither labels nor PIPs; add a column label (1, 0) or pip, or name it with --column"
            )
    return _judged(pd.concat(tables, ignore_index=True), settings)


def read_lists(positives: Path, negatives: Path, settings: LabelSettings) -> pd.DataFrame:
    """Reads two lists of variants (VCF or tables), which say by themselves what is positive."""
    tables = [_standard_table(positives, settings), _standard_table(negatives, settings)]
    for table, label in zip(tables, (1.0, 0.0), strict=True):
        table["label"] = label
    return _judged(pd.concat(tables, ignore_index=True), settings)


def _standard_table(path: Path, settings: LabelSettings) -> pd.DataFrame:
    """One column per role, one row per ALT allele."""
    text = read_text_columns(path)
    found = find_columns(list(text.columns), ALIASES, settings.columns, source=str(path))
    logger.debug("%s: %s", path, ", ".join(f"{role} is {name}" for role, name in found.items()))
    table = pd.DataFrame({"file": str(path), "row": np.arange(1, len(text) + 1)})
    for role in ALIASES:
        table[role] = text[found[role]].str.strip() if role in found else ""
    if "tissue" not in found:
        table["tissue"] = settings.tissue
    table = _with_identity(table, set(found), path)
    for role in NUMBERS:
        table[role] = _numbers(table, role, path)
    _refuse(~table["label"].isin([0, 1]) & table["label"].notna(), table, path, "label", "1 or 0")
    for role in ("pip", "frequency"):
        _refuse(~table[role].between(0, 1) & table[role].notna(), table, path, role, "from 0 to 1")
    table["gene"] = _named(table["gene"]).map(gene_without_version)
    table["group"] = _groups(table, found.get("group"), path)
    return table


def _with_identity(table: pd.DataFrame, found: set[str], path: Path) -> pd.DataFrame:
    """Fills the coordinates from a variant column, or leaves them empty where only an ID is known."""
    if found.issuperset(COORDINATES):
        table["alternate"] = table["alternate"].str.split(",")
        table = table.explode("alternate", ignore_index=True)
    elif "variant" in found:
        parts = [split_variant(text) for text in table["variant"]]
        for index, role in enumerate(COORDINATES):
            table[role] = [part[index] if part else "" for part in parts]
        table["id"] = table["variant"].where(table["position"] == "", table["id"])
    elif "id" not in found:
        raise InputError(
            f"{path} does not say which variants it means; give columns CHROM POS REF ALT, or ID, or use --column"
        )
    _refuse(~table["position"].str.fullmatch(r"\d*"), table, path, "position", "a whole number")
    return table


def _refuse(bad: pd.Series, table: pd.DataFrame, path: Path, role: str, wanted: str) -> None:
    """Names the first row whose cell is bad."""
    if bad.any():
        row = table[bad].iloc[0]
        cell = f"{row[role]:g}" if isinstance(row[role], float) else row[role]
        raise InputError(f"{path}, row {row['row']}: {role} {cell} is not {wanted}; correct it")


def _numbers(table: pd.DataFrame, role: str, path: Path) -> pd.Series:
    text = table[role]
    words = {"label": LABEL_WORDS, "effect": _SIGNS}.get(role, {})
    known = text.str.casefold().map(lambda value: words.get(value, value))
    missing = known.isin(MISSING)
    numbers = pd.to_numeric(known.mask(missing), errors="coerce").astype("float64")
    _refuse(numbers.isna() & ~missing, table, path, role, "a number")
    return numbers


def _named(names: pd.Series) -> pd.Series:
    return names.where(~names.str.casefold().isin(MISSING), "")


def _groups(table: pd.DataFrame, name: str | None, path: Path) -> pd.Series:
    groups = _named(table["group"])
    if name is None or name.casefold() not in PER_GENE_GROUPS:
        return groups
    unknown = (table["gene"] == "") & groups.str.fullmatch(NUMBERED_SET)
    if unknown.any():
        logger.warning(
            "%s: %d credible sets have a number but no gene, so which are the same is unknown: not kept together; "
            "add a column gene_id", path, unknown.sum(),
        )  # fmt: skip
    return (table["gene"] + "/" + groups).where((groups != "") & ~unknown, "")


def _judged(table: pd.DataFrame, settings: LabelSettings) -> pd.DataFrame:
    """Labels where there are some, PIPs elsewhere."""
    pip = table["pip"]
    by_pip = np.select(
        [pip >= settings.positive_pip, pip <= settings.negative_pip, pip.notna()],
        [Outcome.POSITIVE, Outcome.NEGATIVE, Outcome.BETWEEN],
        Outcome.NO_LABEL,
    )
    label = table["label"]
    table["outcome"] = np.select([label == 1, label == 0], [Outcome.POSITIVE, Outcome.NEGATIVE], by_pip)
    table["strength"] = label.fillna(pip)
    return table
