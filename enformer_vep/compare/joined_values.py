"""Columns of two tables side by side, in the order of their common rows; in a file where memory would not do."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
import numpy.typing as npt

from enformer_vep.compare.column_pairs import ColumnPair
from enformer_vep.compare.table_keys import Joined, Ordinals
from enformer_vep.tables.reader import ScoredTable

Floats = npt.NDArray[np.float32]

LARGEST_IN_MEMORY = 256 << 20
"""Bytes of a table's values beyond which they lie in a temporary file (in TMPDIR), which has no name."""
_CHUNK_VALUES = 1 << 22


class JoinedValues:
    """The values of pairs of columns, used as a context manager, which lets go of the temporary files.

    Args:
        tables: The two tables, each of which is gone through once.
        pairs: Their columns.
        joined: Their common rows.
    """

    def __init__(self, tables: tuple[ScoredTable, ScoredTable], pairs: Sequence[ColumnPair], joined: Joined) -> None:
        self._files = ExitStack()
        shape = len(pairs), len(joined.rows[0])
        self._values: list[Floats] = []
        with ExitStack() as undone:
            undone.push(self._files)
            for side, table in enumerate(tables):
                store = self._store(shape)
                _fill(store, table, [pair.places[side] for pair in pairs], joined.rows[side], joined.total[side])
                self._values.append(store)
            undone.pop_all()

    def __enter__(self) -> "JoinedValues":
        """Is itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Lets go of the files."""
        self._values.clear()
        self._files.close()

    def pair(self, number: int) -> tuple[Floats, Floats]:
        """The values of one pair: float32 [rows] of each table, NaN where a value was left out."""
        return np.array(self._values[0][number]), np.array(self._values[1][number])

    def at(self, number: int, place: int) -> tuple[float, float]:
        """The values of one pair in one row."""
        return float(self._values[0][number, place]), float(self._values[1][number, place])

    def _store(self, shape: tuple[int, int]) -> Floats:
        if 4 * shape[0] * shape[1] <= LARGEST_IN_MEMORY:
            return np.empty(shape, np.float32)
        file = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 (it is one, of the whole object)
        return np.memmap(file, np.float32, "w+", shape=shape)


def _fill(store: Floats, table: ScoredTable, columns: Sequence[int], rows: Ordinals, total: int) -> None:
    """Put a table's columns, [columns, rows], where its rows have their places."""
    places = np.full(total, -1, np.intp)
    places[rows] = np.arange(len(rows))
    begin = 0
    for texts, values in table.chunks(columns, max(1, _CHUNK_VALUES // len(columns))):
        own = places[begin : begin + len(texts)]
        begin += len(texts)
        kept = own >= 0
        store[:, own[kept]] = values[kept].T
