"""What the writers of all formats of scored variants share: their columns and the index."""

from collections.abc import Mapping
from pathlib import Path

from enformer_vep.files.bgzf import ByteSink
from enformer_vep.tables.line_writer import LineWriter
from enformer_vep.tables.row import NO_CONTIGS, Contigs, Layout, ScoredVariant
from enformer_vep.tables.rowlog import check_row
from enformer_vep.tables.tabix import TabixIndex


class ScoreWriter(LineWriter[ScoredVariant]):
    """Writes rows of scored variants in input order; a subclass makes the lines.

    Args:
        sink: Takes the file's bytes.
        layout: What stands right of STATUS.
        contigs: For a header that declares them.
        compressed: Write BGZF.
        index: The index to be made of the file, if any.
    """

    def __init__(
        self,
        sink: ByteSink,
        layout: Layout,
        contigs: Contigs = NO_CONTIGS,
        *,
        compressed: bool = False,
        index: TabixIndex | None = None,
    ) -> None:
        super().__init__(sink, compressed=compressed)
        self._layout, self._contigs, self._index = layout, contigs, index
        self._shape = len(layout.values), len(layout.context)
        self._header = self._prepare()

    def write(self, row: ScoredVariant) -> None:
        """Writes one row: an ALT allele; its values, if any, are as many as the columns.

        Raises:
            ValueError: The row's cells do not fit its status or the layout.
            OutputError: The destination cannot take it, or the row is out of order and an index is wanted.
            BrokenPipeError: Nobody reads the other end any more.
        """
        check_row(row, *self._shape)
        if self._index is not None:
            self._index.check(row.variant)
        super().write(row)

    def complete(self, path: Path) -> Path:
        """Makes the index, with all bytes on disk, just before the file takes its name.

        Args:
            path: Where the bytes are.

        Returns:
            The file that takes the name, its index beside it: `path` itself, or another file made from it.
        """
        if self._index is not None:
            self._index.build(path)
        return path

    def state(self) -> dict[str, object]:
        """What is held back, and what the index has to remember: plain JSON values."""
        state = super().state()
        if self._index is not None:
            state["order"] = self._index.state()
        return state

    def restore(self, state: Mapping[str, object]) -> None:
        """Goes on from a state, in place of `begin`, given the bytes handed on so far."""
        super().restore(state)
        if self._index is not None:
            self._index.restore(state["order"])

    def _prepare(self) -> bytes:
        """Makes ready what lines are made with; gives the header."""
        return b""
