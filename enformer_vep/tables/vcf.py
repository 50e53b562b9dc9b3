"""VCF: the input's records again, each value column an INFO field with one number per ALT allele."""

import base64
import io
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from enformer_vep.errors import UsageError
from enformer_vep.tables.row import Layout, ScoredVariant, context_column, is_missing
from enformer_vep.tables.rowlog import pack, unpack
from enformer_vep.tables.score_writer import ScoreWriter

_TAKEN = ("STATUS", "END")
_KINDS = {int: "Integer", str: "String"}
_END = '##INFO=<ID=END,Number=1,Type=Integer,Description="POS, for lack of a length of the symbolic allele">'
_ILLEGAL = re.compile(r"[^A-Za-z0-9_.]")


def info_keys(columns: Iterable[str]) -> tuple[str, ...]:
    """Makes INFO keys of column names: legal (VCF 4.3, 1.6.1) and different from each other.

    Every character that a key must not have becomes "_"; a name that is taken gets "_2", "_3" and so on.
    """
    keys: dict[str, None] = dict.fromkeys(_TAKEN)
    for column in columns:
        key = base = re.sub(r"^(?![A-Za-z_])", "_", _ILLEGAL.sub("_", column))
        number = 1
        while key in keys:
            number += 1
            key = f"{base}_{number}"
        keys[key] = None
    return tuple(keys)[len(_TAKEN) :]


class VcfWriter(ScoreWriter):
    """Writes one record for every record of the input, with all its ALT alleles.

    A value that is not finite is written as `nan`, `inf` or `-inf`; "." stands for alleles that were not
    scored, and for values that were left out. A record none of whose alleles was scored has STATUS only.
    """

    declares_end = False
    """Whether the header declares END."""

    def _prepare(self) -> bytes:
        keys, count = info_keys(self._layout.columns), len(self._layout.context)
        self._context_keys, self._keys = keys[:count], keys[count:]
        self._held: list[ScoredVariant] = []
        self._templates: dict[tuple[bool, ...], bytes] = {}
        lines = ["##fileformat=VCFv4.3", "##source=enformer-vep"]
        if self._layout.notes:
            notes = "; ".join(f"{name}: {value}" for name, value in self._layout.notes)
            lines.append(f"##enformer_vep={' '.join(notes.split())}")
        for name, length in self._contigs.items():
            lines.append(f"##contig=<ID={name}{'' if length is None else f',length={length}'}>")
        context = [_KINDS[column.kind] for column in self._layout.context]
        kinds = ["String", *context, *["Float"] * len(self._keys)]
        lines += [
            f'##INFO=<ID={key},Number=A,Type={kind},Description="{_quoted(text)}">'
            for key, kind, text in zip(("STATUS", *keys), kinds, _descriptions(self._layout), strict=True)
        ]
        lines += [_END] * self.declares_end
        return "\n".join((*lines, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")).encode()

    def end_piece(self) -> None:
        """Writes the record at hand, which is complete, and ends the BGZF block."""
        self._flush()
        super().end_piece()

    def finish(self) -> None:
        """Writes what is held back and what ends the file."""
        self._flush()
        super().finish()

    def state(self) -> dict[str, object]:
        """As for other lines; and the rows of a record that may have more."""
        state = super().state()
        if self._held:
            state["held"] = base64.b85encode(b"".join(map(pack, self._held))).decode()
        return state

    def restore(self, state: Mapping[str, object]) -> None:
        """Goes on from a state, in place of `begin`."""
        super().restore(state)
        self._held = list(unpack(io.BytesIO(base64.b85decode(cast(str, state.get("held", ""))))))

    def _take(self, row: ScoredVariant) -> None:
        if self._held and self._held[0].variant.record != row.variant.record:
            self._flush()
        self._held.append(row)

    def _flush(self) -> None:
        if self._held:
            self._text.write(self._record(self._held))
            self._held = []

    def _record(self, rows: Sequence[ScoredVariant]) -> bytes:
        one = rows[0].variant
        alternates = ",".join(row.variant.alternate for row in rows)
        status = ",".join(row.status for row in rows)
        fields = f"{one.contig}\t{one.position}\t{one.id}\t{one.reference}\t{alternates}\t.\t.\tSTATUS={status}"
        return f"{fields}{self._context(rows)}".encode() + self._values(rows)

    def _context(self, rows: Sequence[ScoredVariant]) -> str:
        text = ""
        for number, key in enumerate(self._context_keys):
            cells = context_column(rows, number)
            if any(cell is not None for cell in cells):
                text += f";{key}={','.join('.' if cell is None else str(cell) for cell in cells)}"
        return text

    def _values(self, rows: Sequence[ScoredVariant]) -> bytes:
        scored = [row.values.tolist() for row in rows if row.values is not None]
        if not scored:
            return b"\n"
        if any(is_missing(row.values).any() for row in rows if row.values is not None):
            return self._values_with_gaps(rows)
        mask = tuple(row.values is not None for row in rows)
        if mask not in self._templates:
            self._templates[mask] = self._template(mask)
        # Column by column, within a column allele by allele.
        cells = scored[0] if len(scored) == 1 else itertools.chain.from_iterable(zip(*scored, strict=True))
        return self._templates[mask] % tuple(cells)

    def _values_with_gaps(self, rows: Sequence[ScoredVariant]) -> bytes:
        columns: list[list[str]] = [[] for _ in self._keys]
        for row in rows:
            shown = ["."] * len(columns)
            if row.values is not None:
                cells = zip(row.values.tolist(), is_missing(row.values).tolist(), strict=True)
                shown = ["." if gone else f"{value:.9g}" for value, gone in cells]
            for column, cell in zip(columns, shown, strict=True):
                column.append(cell)
        pairs = zip(self._keys, columns, strict=True)
        return "".join(f";{key}={','.join(cells)}" for key, cells in pairs).encode() + b"\n"

    def _template(self, mask: tuple[bool, ...]) -> bytes:
        cells = ",".join("%.9g" if scored else "." for scored in mask)
        return "".join(f";{key}={cells}" for key in self._keys).encode() + b"\n"


class EndVcfWriter(VcfWriter):
    """A VCF that declares END, which readers of BCF make up for symbolic alleles."""

    declares_end = True


def refuse_genes(layout: Layout, destination: str, kind: str) -> None:
    """Raises UsageError when a layout has several rows per allele and the format has one."""
    if any(column.name == "GENE_ID" for column in layout.context):
        raise UsageError(
            f"{destination}: {kind} has one row per allele, and gene scores have one per allele and gene; "
            "write .tsv.gz or .parquet"
        )


def _descriptions(layout: Layout) -> list[str]:
    """What STATUS, context and values are."""
    texts = ["ok, or why the allele has no values", *(column.description for column in layout.context)]
    for block in layout.blocks:
        titles = block.titles or block.labels
        texts += [": ".join(filter(None, (block.description or block.score, title))) for title in titles]
    return texts


def _quoted(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
