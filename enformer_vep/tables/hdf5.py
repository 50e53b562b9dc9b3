"""HDF5 in the layout of the published scores of 1000 Genomes variants.

Names: `snp chr pos ref alt target_ids target_labels` and a dataset per score, as in the files published with
Enformer (github.com/google-deepmind/deepmind-research, enformer); `ref_allele` and `alt_allele`, as basenji_sad.py
(github.com/calico/basenji) has them, are second names of the same datasets. `status` is ours. The published
values are float16 and come with percentiles; ours are float32 and do not.
"""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from enformer_vep.errors import DependencyError
from enformer_vep.genome.alleles import VariantClass
from enformer_vep.tables.row import Layout, ScoredVariant, context_column
from enformer_vep.tables.rowlog import RowLog

if TYPE_CHECKING:
    import h5py

# Values gathered before they are handed on, and values per chunk in the file.
_BLOCK_BYTES = 16 << 20
_CHUNK_BYTES = 1 << 20
_LARGEST_BLOCK = 1 << 14
_LONGEST_CONTEXT = max(map(len, VariantClass))
_STRINGS = ("snp", "chr", "ref", "alt", "status")
# Level 1 with shuffled bytes: more takes several times as long for a few per cent.
_COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def require_h5py() -> Any:
    """Imports h5py.

    Raises:
        DependencyError: It is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise DependencyError("HDF5 needs h5py; pip install 'enformer-vep[formats]'") from None
    return h5py


def write_hdf5(rows: RowLog, path: Path) -> None:
    """Makes an HDF5 file of all rows.

    Datasets [variants]: `snp` (ID), `chr`, `ref` and `alt` as bytes, `pos` (1-based) as uint32, `status`;
    [targets]: `target_ids`, `target_labels`; [variants, targets]: one float32 dataset per score, NaN where an
    allele was not scored or has no such value. A score with other targets than the first has its own `SCORE_ids`.

    Raises:
        DependencyError: h5py is not installed.
        OSError: It cannot be written.
    """
    h5py = require_h5py()
    count, lengths = _measure(rows)
    with h5py.File(path, "w") as file:
        _create(file, rows.layout, count, lengths)
        _fill(file, rows)


def _strings(row: ScoredVariant) -> tuple[bytes, ...]:
    contig, _, name, reference, alternate, status = row.identity
    return tuple(text.encode() for text in (name, contig, reference, alternate, status))


def _measure(rows: RowLog) -> tuple[int, dict[str, int]]:
    """Number of rows, and the longest string of each kind in bytes."""
    count, lengths = 0, Counter(dict.fromkeys(_STRINGS, 1))
    for row in rows.identities():
        count += 1
        for name, text in zip(_STRINGS, _strings(row), strict=True):
            lengths[name] = max(lengths[name], len(text))
    return count, dict(lengths)


def _create(file: "h5py.File", layout: Layout, count: int, lengths: dict[str, int]) -> None:
    packed = {**_COMPRESSION, "chunks": (1 << 14,), "maxshape": (None,)}
    for name in _STRINGS:
        file.create_dataset(name, (count,), f"S{lengths[name]}", **packed)
    file.create_dataset("pos", (count,), np.uint32, **packed)
    for column in layout.context:
        kind = np.int64 if column.kind is int else f"S{_LONGEST_CONTEXT}"
        file.create_dataset(column.name.lower(), (count,), kind, **packed)
    # Second names, not copies.
    file["ref_allele"], file["alt_allele"] = file["ref"], file["alt"]
    targets = layout.blocks[0].labels if layout.blocks else ()
    titles = layout.blocks[0].titles if layout.blocks else ()
    file["target_ids"] = _encoded(targets)
    file["target_labels"] = _encoded(titles or targets)
    for block in layout.blocks:
        width = len(block.labels)
        chunk = (max(1, min(_LARGEST_BLOCK, _CHUNK_BYTES // (4 * width))), width)
        values = file.create_dataset(
            block.score, (count, width), np.float32, chunks=chunk, maxshape=(None, width), **_COMPRESSION
        )
        values.attrs["description"] = block.description
        if block.labels != targets:
            file[f"{block.score}_ids"] = _encoded(block.labels)
    for name, value in layout.notes:
        file.attrs[name] = value


def _fill(file: "h5py.File", rows: RowLog) -> None:
    columns = len(rows.layout.values)
    limit = max(1, min(_LARGEST_BLOCK, _BLOCK_BYTES // (4 * max(columns, 1))))
    start, block = 0, []
    for row in rows:
        block.append(row)
        if len(block) == limit:
            _put(file, rows.layout, start, block)
            start, block = start + limit, []
    if block:
        _put(file, rows.layout, start, block)


def _put(file: "h5py.File", layout: Layout, start: int, rows: list[ScoredVariant]) -> None:
    place = slice(start, start + len(rows))
    for name, texts in zip(_STRINGS, zip(*map(_strings, rows), strict=True), strict=True):
        file[name][place] = np.array(texts, file[name].dtype)
    file["pos"][place] = np.array([row.variant.position for row in rows], np.uint32)
    for number, column in enumerate(layout.context):
        dataset, nothing = file[column.name.lower()], -1 if column.kind is int else ""
        cells = [nothing if cell is None else cell for cell in context_column(rows, number)]
        dataset[place] = np.array(cells, dataset.dtype)
    values = np.full((len(rows), len(layout.values)), np.nan, np.float32)
    for number, row in enumerate(rows):
        if row.values is not None:
            values[number] = row.values
    first = 0
    for part in layout.blocks:
        file[part.score][place] = values[:, first : first + len(part.labels)]
        first += len(part.labels)


def _encoded(texts: tuple[str, ...]) -> "np.ndarray[Any, np.dtype[np.bytes_]]":
    return np.array([text.encode() for text in texts], "S")
