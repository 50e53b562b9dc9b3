"""What the rows of a table are about, in a few bytes each: enough to find the same rows in another table."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.variants import Status
from enformer_vep.tables.matching import VariantKey
from enformer_vep.tables.reader import ScoredTable
from enformer_vep.tables.row import GENE_ID, VARIANT_COLUMNS

Ordinals = npt.NDArray[np.intp]

_ROWS = 1 << 14
_DIGEST, _PLACE = 16, 8
_RECORD = np.dtype([("digest", f"S{_DIGEST}"), ("scored", bool), ("place", f"S{_PLACE}"), ("base", "S1")])
# Of two assemblies three in four first bases differ where positions happen to be the same.
_MOST_CONFLICTS = 0.1


@dataclass(frozen=True, slots=True)
class TableKeys:
    """The rows of a table, in its order.

    Attributes:
        digests: bytes of 16 [rows], the same for the same allele (and gene): contig by any name, position, REF, ALT.
        scored: bool [rows], status ok.
        places: bytes of 8 [rows], the same for the same contig and position.
        bases: bytes of 1 [rows], the first base of REF.
    """

    digests: npt.NDArray[np.bytes_]
    scored: npt.NDArray[np.bool_]
    places: npt.NDArray[np.bytes_]
    bases: npt.NDArray[np.bytes_]


@dataclass(frozen=True, slots=True)
class Joined:
    """What two tables have in common.

    Attributes:
        rows: int [n] each, the rows of each table that are about the same and scored in both, in the first's order.
        total: Rows of each table.
        only: Rows of each table that the other one does not have.
        not_scored: Rows that both have, of which at least one has no scores.
    """

    rows: tuple[Ordinals, Ordinals]
    total: tuple[int, int]
    only: tuple[int, int]
    not_scored: int


def read_keys(table: ScoredTable) -> TableKeys:
    """Go through a table once.

    Raises:
        InputError: The table cannot be read.
        UsageError: It is a pipe, which can be read only once.
    """
    if not table.again:
        raise UsageError(f"compare goes through {table.name} several times: write it to a file first")
    gene = _gene_column(table)
    parts = [np.empty(0, _RECORD)]
    for texts, _ in table.chunks([0], _ROWS):
        parts.append(np.array([_record(cells, gene) for cells in texts], _RECORD))
    rows = np.concatenate(parts)
    return TableKeys(*(np.ascontiguousarray(rows[name]) for name in _RECORD.names or ()))


def _record(cells: Sequence[str], gene: int | None) -> tuple[bytes, bool, bytes, bytes]:
    contig, position, _, reference, alternate, status, *_ = cells
    key = VariantKey.of(contig, position, reference, alternate, "" if gene is None else cells[gene])
    return (
        blake2b(str(key).encode(), digest_size=_DIGEST).digest(),
        status == Status.OK,
        blake2b(f"{key.contig}:{position}".encode(), digest_size=_PLACE).digest(),
        key.reference[:1].encode("ascii", "replace"),
    )


def join(first: ScoredTable, second: ScoredTable) -> Joined:
    """Find the rows that two tables have in common: same contig, position, REF, ALT and, where there are any, gene.

    Raises:
        InputError: One is by gene alone, an allele is scored twice in one of them, they are of different assemblies,
            or no row is scored in both.
    """
    if (_gene_column(first) is None) is not (_gene_column(second) is None):
        by_gene, other = (first, second) if _gene_column(second) is None else (second, first)
        raise InputError(
            f"{by_gene.name} has a row for each gene and {other.name} has not: score both with --genes, or neither"
        )
    keys = read_keys(first), read_keys(second)
    rows = _scored_once(first, keys[0]), _scored_once(second, keys[1])
    _require_one_assembly((first, second), keys)
    common = _in_common(keys[0].digests[rows[0]], keys[1].digests[rows[1]])
    joined = rows[0][common[0]], rows[1][common[1]]
    if not len(joined[0]):
        raise InputError(
            f"no allele is scored in both {first.name} and {second.name}: give scores of the same variants, "
            "of one assembly"
        )
    order = np.argsort(joined[0])
    shared = [np.isin(one.digests, other.digests) for one, other in (keys, keys[::-1])]
    return Joined(
        (joined[0][order], joined[1][order]),
        (len(keys[0].digests), len(keys[1].digests)),
        (int((~shared[0]).sum()), int((~shared[1]).sum())),
        int(shared[0].sum()) - len(order),
    )


def identities(table: ScoredTable, ordinals: Ordinals) -> dict[int, list[str]]:
    """The cells before the values of some rows, by row."""
    wanted, found, begin = set(ordinals.tolist()), dict[int, list[str]](), 0
    for texts, _ in table.chunks([0], _ROWS):
        found |= {begin + at: cells for at, cells in enumerate(texts) if begin + at in wanted}
        begin += len(texts)
        if len(found) == len(wanted):
            break
    return found


def _gene_column(table: ScoredTable) -> int | None:
    context = table.layout.context
    return len(VARIANT_COLUMNS) + context.index(GENE_ID) if GENE_ID in context else None


def _scored_once(table: ScoredTable, keys: TableKeys) -> Ordinals:
    """The rows with scores; an allele that has two would be compared with either."""
    rows = np.flatnonzero(keys.scored)
    order = np.argsort(keys.digests[rows], kind="stable")
    ranked = keys.digests[rows][order]
    repeated = np.flatnonzero(ranked[1:] == ranked[:-1])
    if len(repeated):
        row = int(rows[order[repeated[0] + 1]])
        contig, position, _, reference, alternate, *_ = identities(table, np.array([row]))[row]
        raise InputError(
            f"{table.name} has scores of {contig}:{position} {reference}>{alternate} in two rows, the second in row "
            f"{row + 1}, and {len(repeated)} such rows in all: keep one of each (bcftools norm -d exact before scoring)"
        )
    return rows


def _require_one_assembly(tables: tuple[ScoredTable, ScoredTable], keys: tuple[TableKeys, TableKeys]) -> None:
    """REF of a scored row is the genome's own, so that it says which genome that is."""
    found = []
    for one in keys:
        places, rows = np.unique(one.places[one.scored], return_index=True)
        found.append((places, one.bases[one.scored][rows]))
    common = _in_common(found[0][0], found[1][0])
    conflicts = int((found[0][1][common[0]] != found[1][1][common[1]]).sum())
    if conflicts > _MOST_CONFLICTS * len(common[0]):
        raise InputError(
            f"{tables[0].name} and {tables[1].name} are of different assemblies: REF differs at {conflicts} of "
            f"{len(common[0])} positions that both have; score the variants of one assembly"
        )


def _in_common(first: npt.NDArray[np.bytes_], second: npt.NDArray[np.bytes_]) -> tuple[Ordinals, Ordinals]:
    """Where the same values, each there once, stand in both."""
    _, one, other = np.intersect1d(first, second, assume_unique=True, return_indices=True)
    return one, other
