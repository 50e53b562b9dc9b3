"""Joins finished shards into the file that one uninterrupted run would have written, byte for byte."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from enformer_vep.errors import EnformerVepError, InputError, OutputError, UsageError
from enformer_vep.files.writing import OutputStream, is_stream, open_stream
from enformer_vep.genome.alleles import VariantClass
from enformer_vep.genome.variants import Status
from enformer_vep.jobs.manifest import Manifest, manifest_path, read_manifest
from enformer_vep.jobs.shards import as_array
from enformer_vep.resume.computed import in_words, ways_of
from enformer_vep.resume.journal import differences
from enformer_vep.tables.formats import FormatChoice, choose_format, parse_format
from enformer_vep.tables.row import counts_report, warn_of_classes
from enformer_vep.tables.tabix import TabixIndex

logger = logging.getLogger(__name__)

_CHUNK = 1 << 20


class IncompleteError(EnformerVepError):
    """Shards, by their numbers from 1, are missing or stale."""

    exit_code = 3

    def __init__(self, numbers: Iterable[int], count: int) -> None:
        """Takes the shards to run again, and how many there should be."""
        self.numbers = tuple(sorted(numbers))
        super().__init__(
            f"{len(self.numbers)} of {count} shards are missing or stale: run shards {self.array} again "
            f"(such as sbatch --array={self.array}), then merge"
        )

    @property
    def array(self) -> str:
        """The numbers as an array job takes them: "3,6"."""
        return as_array(self.numbers)


@dataclass(frozen=True, slots=True)
class MergeSummary:
    """How many shards were joined, their rows by status, and alleles without quantiles by class."""

    shards: int
    counts: Counter[Status]
    not_calibrated: Counter[VariantClass]

    def to_dict(self) -> dict[str, object]:
        """Plain values for `--summary`."""
        return {"shards": self.shards, **counts_report(self.counts, self.not_calibrated)}


def merge(shards: Sequence[Path], destination: str, tabix: bool = False) -> MergeSummary:
    """Verifies shards and joins them.

    Every byte that goes into the result is hashed on its way and compared with the shard's manifest; the
    result takes its name only when all agree.

    Args:
        shards: Outputs of `score --shard`, in any order; each has its manifest beside it.
        destination: File name, or "-" for standard output.
        tabix: Also write an index.

    Raises:
        IncompleteError: Shards are missing, damaged, or of another run than most.
        InputError: There is no shard at all, or two files hold the same one.
        UsageError: The destination's name promises another format, or cannot be indexed.
        OutputError: The destination cannot be written.
    """
    found = [one for path in shards if (one := _find(path)) is not None]
    if not found:
        raise InputError(
            f"no manifest ({manifest_path(Path('SHARD'))}) beside any of {len(shards)} files: "
            "give outputs of enformer-vep score --shard"
        )
    complete = _select(found)
    choice = _check_destination(destination, complete[0], tabix)
    index = TabixIndex(destination, choice.format).build if tabix else None
    try:
        with open_stream(destination, finish=index) as stream:
            bad = _join(complete, stream)
            if bad:
                raise IncompleteError(bad, len(complete))
    except OutputError as error:
        if tabix and "order" in str(error):
            raise OutputError(f"{error}; the shards are whole: merge without --tabix") from None
        raise
    counts = sum((one.counts for one in complete), Counter[Status]())
    not_calibrated = sum((one.not_calibrated for one in complete), Counter[VariantClass]())
    warn_of_classes(not_calibrated)
    return MergeSummary(len(complete), counts, not_calibrated)


def _find(path: Path) -> Manifest | None:
    try:
        manifest = read_manifest(path)
    except InputError as error:
        logger.warning("%s", error)
        return None
    if manifest is None:
        logger.warning("%s has no manifest: its shard is not finished", path)
    return manifest


def _select(found: Sequence[Manifest]) -> list[Manifest]:
    """All shards of the run that most files belong to, in order."""
    runs = [one.run for one in found]
    run = max(runs, key=runs.count)
    count = found[runs.index(run)].shard.count
    current: dict[int, Manifest] = {}
    for one in found:
        differing = differences(one.run, run)
        if differing:
            logger.warning("%s is of another run than most: %s", one.file, "; ".join(differing))
        elif not one.file.is_file() or one.file.stat().st_size != one.facts.size:
            logger.warning("%s is not the file that its manifest describes", one.file)
        elif one.shard.number in current:
            other = current[one.shard.number].file
            raise InputError(f"{other} and {one.file} are the same shard; give it once")
        else:
            current[one.shard.number] = one
    missing = set(range(1, count + 1)) - set(current)
    if missing:
        raise IncompleteError(missing, count)
    _warn_of_mixture(current.values())
    return [current[number] for number in sorted(current)]


def _warn_of_mixture(manifests: Iterable[Manifest]) -> None:
    kinds = {in_words(way) for one in manifests for way in ways_of(one.facts.computed)}
    if len(kinds) > 1:
        logger.warning(
            "shards were computed in different ways (%s): their last digits may differ from those of one run "
            "in one way",
            "; ".join(sorted(kinds)),
        )


def _check_destination(destination: str, first: Manifest, tabix: bool) -> FormatChoice:
    """The format of the shards, which must be that of the result."""
    choice = parse_format(str(first.identity.get("format")))
    if destination != "-" and choose_format(destination) != choice:
        raise UsageError(
            f"{destination}: the shards are .{choice} files, which merge joins as they are; give -o a name "
            f"that ends in .{choice} (enformer-vep export makes other formats of it)"
        )
    if tabix and (not choice.compressed or is_stream(destination)):
        raise UsageError(f"--tabix cannot index {destination}; it takes .gz shards and -o FILE.gz")
    return choice


def _join(shards: Sequence[Manifest], stream: OutputStream) -> list[int]:
    """Header of the first, rows of all, trailer of the last; gives the numbers of damaged shards."""
    damaged = []
    for position, one in enumerate(shards):
        facts = one.facts
        begin = 0 if position == 0 else facts.header
        end = facts.size - (0 if position == len(shards) - 1 else facts.trailer)
        if not _copy(one, begin, end, stream):
            logger.warning("%s was changed after it was written", one.file)
            damaged.append(one.shard.number)
    return damaged


def _copy(one: Manifest, begin: int, end: int, stream: OutputStream) -> bool:
    """Copies [begin, end) of a shard and tells whether all of it is as its manifest says."""
    running, position = hashlib.sha256(), 0
    with one.file.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            running.update(chunk)
            stream.write(chunk[max(begin - position, 0) : max(end - position, 0)])
            position += len(chunk)
    return running.hexdigest() == one.facts.sha256
