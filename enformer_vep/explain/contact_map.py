"""Measured contact between stretches of a contig, from BEDPE."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.errors import InputError
from enformer_vep.files.reading import open_text
from enformer_vep.genome.contigs import contig_key

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]

_PLACES = ("chrom1", "start1", "end1", "chrom2", "start2", "end2")
_STRIDE = 1 << 31  # more than the bins of any contig


class ContactMap:
    """Contact of bins of one width.

    Args:
        contacts: By `contig_key`: int64 sorted keys of pairs of bins, and their contact.
        width: Bp of a bin.
    """

    def __init__(self, contacts: Mapping[str, tuple[npt.NDArray[np.int64], Floats]], width: int) -> None:
        self._contacts = contacts
        self.width = width

    def between(self, contig: str, places: Floats, site: int) -> Floats:
        """Contact of positions (0-based; halves are allowed) with one site of their contig: NaN where none is known."""
        keys, values = self._contacts.get(contig_key(contig), (np.empty(0, np.int64), np.empty(0)))
        if not len(keys):
            return np.full(len(places), np.nan)
        wanted = _keys(np.floor(places / self.width).astype(np.int64), np.int64(site // self.width))
        index = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[index] == wanted, values[index], np.nan)


def read_contact_map(path: Path) -> ContactMap:
    """Reads BEDPE without a header: two stretches in six columns, and their contact in the last of seven or eight.

    So do the authors of the ABC model write it (chr1 x1 x2 chr2 y1 y2 name contact), and so does `cooler dump --join`.
    Pairs of different contigs are passed over. Values are taken as they are: rows of the matrix should add up to 1.

    Raises:
        InputError: The file is missing or damaged, has other columns, or its bins are not all of one width.
    """
    with open_text(path, "contact map") as text:
        try:
            table = pd.read_csv(text, sep="\t", header=None, comment="#", dtype={0: str, 3: str})
        except (ValueError, pd.errors.ParserError) as error:
            raise InputError(
                f"{path} cannot be read as BEDPE ({str(error).splitlines()[0]}); check its rows"
            ) from error
    if table.shape[1] not in (7, 8):
        raise InputError(
            f"{path} has {table.shape[1]} columns; give BEDPE without a header: {' '.join(_PLACES)}, maybe a name, "
            "and the contact"
        )
    numbers = table.iloc[:, [1, 2, 4, 5, table.shape[1] - 1]].apply(pd.to_numeric, errors="coerce")
    if numbers.iloc[:, :4].isna().any(axis=None):
        row = int(np.flatnonzero(numbers.iloc[:, :4].isna().any(axis=1))[0]) + 1
        raise InputError(f"{path}, row {row}: a position is not a number; give BEDPE without a header")
    starts = numbers.iloc[:, [0, 2]].to_numpy(dtype=np.int64)
    width = int((numbers.iloc[:, 1] - numbers.iloc[:, 0]).max())
    if width < 1 or (starts % width).any():
        raise InputError(f"{path}: bins of {width} bp do not begin at its multiples; give a matrix with one bin width")
    return ContactMap(_by_contig(table, starts // width, numbers.iloc[:, 4].to_numpy(dtype=np.float64)), width)


def _by_contig(
    table: pd.DataFrame, bins: npt.NDArray[np.int64], values: Floats
) -> dict[str, tuple[npt.NDArray[np.int64], Floats]]:
    contigs = table[0].map(contig_key).to_numpy()
    inside = contigs == table[3].map(contig_key).to_numpy()
    found = {}
    for contig in dict.fromkeys(contigs[inside]):
        chosen = np.flatnonzero(inside & (contigs == contig))
        keys = _keys(bins[chosen, 0], bins[chosen, 1])
        order = np.argsort(keys, kind="stable")
        found[contig] = (keys[order], values[chosen][order])
    logger.debug("contact maps of %s", ", ".join(found))
    return found


def _keys(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64] | np.int64) -> npt.NDArray[np.int64]:
    """One number for two bins, whichever comes first."""
    result: npt.NDArray[np.int64] = np.minimum(first, second) * _STRIDE + np.maximum(first, second)
    return result
