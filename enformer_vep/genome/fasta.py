"""Reference sequence from an indexed FASTA, plain or BGZF. The only user of pyfaidx."""

import logging
import os
import shutil
import tempfile
import threading
import weakref
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pyfaidx

from enformer_vep.errors import InputError
from enformer_vep.files.reading import READ_ERRORS, one_line, open_input
from enformer_vep.genome.contigs import other_names

logger = logging.getLogger(__name__)

_COMPRESSED_SUFFIXES = (".gz", ".bgz")
_SNIFFED_BYTES = 1 << 20
_READ_AHEAD = 1 << 20
_FETCH_ERRORS = (*READ_ERRORS, RuntimeError, pyfaidx.FetchError)


class Genome:
    """A reference genome.

    Safe over threads and forks: a FASTA handle that is shared between either returns wrong sequence without
    a word, so every thread of every process opens its own. Pickles as its path.

    Attributes:
        path: The FASTA file.
    """

    def __init__(self, path: Path | str) -> None:
        """Checks the FASTA and makes its index when there is none, or none that is current.

        Args:
            path: FASTA file, plain or BGZF (`.gz`). `.fai` (and `.gzi`) are expected beside it. Where they
                cannot be written, they are kept in a private temporary folder.

        Raises:
            InputError: The file is missing, empty, truncated, not a FASTA, or not fit for random access.
        """
        self.path = Path(path)
        compressed = _check_format(self.path)
        self._index, temporary = _current_index(self.path, compressed)
        if temporary is not None:
            weakref.finalize(self, _remove_folder, temporary, os.getpid())
        self._local = threading.local()
        self._mappings_logged: set[str] = set()
        self._contigs = MappingProxyType(_contig_lengths(self.path, self._handle()))

    def __reduce__(self) -> tuple[type["Genome"], tuple[Path]]:
        """Pickles as the path: handles belong to one process."""
        return (Genome, (self.path,))

    @property
    def contigs(self) -> Mapping[str, int]:
        """Length in bp of every contig, in the order of the FASTA."""
        return self._contigs

    def resolve(self, name: str) -> str | None:
        """The FASTA's own name of a contig, with or without `chr`, `M` for `MT`; None when it has no such contig."""
        if name in self._contigs:
            return name
        for kind, candidate in other_names(name):
            if candidate in self._contigs:
                self._log_mapping(kind, name, candidate)
                return candidate
        return None

    def fetch(self, contig: str, start: int, end: int) -> bytes:
        """Reads sequence.

        Args:
            contig: Contig name as in the FASTA (see `resolve`).
            start: 0-based; may be negative.
            end: 0-based half-open; may lie past the contig's end.

        Returns:
            Exactly end - start upper-case letters, N past either end of the contig. Letters other than
            A, C, G, T and N are kept.

        Raises:
            InputError: The FASTA has no such contig, is damaged, or does not fit its index.
        """
        if contig not in self._contigs:
            raise InputError(f"FASTA file {self.path} has no contig {contig!r}; give another genome")
        first, last = max(start, 0), min(end, self._contigs[contig])
        if first >= last:
            return b"N" * (end - start)
        return b"N" * (first - start) + self._read(contig, first, last) + b"N" * (end - last)

    def _read(self, contig: str, start: int, end: int) -> bytes:
        """Letters from the block at hand, else from the file; windows that move along a contig read ahead."""
        block_contig, first, letters = getattr(self._local, "block", ("", 0, b""))
        follows = contig == block_contig and first <= start <= first + len(letters)
        if not follows or end > first + len(letters):
            ahead = min(end + _READ_AHEAD, self._contigs[contig]) if follows else end
            first, letters = start, self._read_file(contig, start, ahead)
            self._local.block = (contig, first, letters)
        return letters[start - first : end - first]

    def _read_file(self, contig: str, start: int, end: int) -> bytes:
        try:
            letters: bytes = self._handle().fetch(contig, start + 1, end).encode("ascii", "replace").upper()
        except _FETCH_ERRORS as error:
            raise InputError(
                f"FASTA file {self.path} cannot be read at {contig}:{start + 1}-{end} ({one_line(error)}); "
                "copy or compress it again"
            ) from None
        if len(letters) != end - start or b">" in letters:
            raise InputError(
                f"FASTA file {self.path} does not fit its index at {contig}:{start + 1}-{end}; "
                f"delete {self._index[0]} and run again"
            )
        return letters

    def _handle(self) -> pyfaidx.Faidx:
        # The process matters too: a child inherits the parent's handle, and with it the shared file offset.
        if getattr(self._local, "process", None) != os.getpid():
            self._local.faidx = _open(self.path, self._index)
            self._local.process = os.getpid()
        return self._local.faidx

    def _log_mapping(self, kind: str, name: str, candidate: str) -> None:
        if kind not in self._mappings_logged:
            self._mappings_logged.add(kind)
            logger.info("Contig names are matched (%s): %r is %r in %s", kind, name, candidate, self.path)


def _check_format(path: Path) -> bool:
    """Raises `InputError` unless the file can be a FASTA with random access; tells whether it is BGZF."""
    named_compressed = path.suffix.lower() in _COMPRESSED_SUFFIXES
    with open_input(path, "FASTA") as stream:
        if stream.file is None:
            raise InputError(f"FASTA file {path} is a pipe, which has no random access; give a file")
        if stream.is_gzip and not stream.is_bgzf:
            raise InputError(
                f"FASTA file {path} is plain gzip, which has no random access; "
                "run `gunzip` on it, then `bgzip` (or leave it uncompressed)"
            )
        if stream.is_bgzf and not named_compressed:
            raise InputError(f"FASTA file {path} is compressed; rename it to end in .gz")
        if named_compressed and not stream.is_bgzf:
            raise InputError(f"FASTA file {path} is not compressed; run `bgzip` or drop the {path.suffix}")
        if stream.head[:1] not in (b">", b";", b"\n", b"\r") and not stream.is_bgzf:
            raise InputError(f"{path} is not a FASTA file (no '>' at its start); give the genome's FASTA")
        start = stream.content.read(_SNIFFED_BYTES)
    carriage_return = start.find(b"\r")
    if carriage_return >= 0:
        line = start.count(b"\n", 0, carriage_return) + 1
        raise _windows_line_ends(path, f"line {line}")
    return named_compressed


def _windows_line_ends(path: Path, where: str) -> InputError:
    return InputError(
        f"FASTA file {path} has Windows line ends (CRLF), first at {where}; "
        "convert it with `dos2unix` or `sed -i 's/\\r$//'` and delete its .fai"
    )


def _index_files(path: Path, compressed: bool, folder: Path) -> tuple[Path, ...]:
    suffixes = (".fai", ".gzi") if compressed else (".fai",)
    return tuple(folder / f"{path.name}{suffix}" for suffix in suffixes)


def _current_index(path: Path, compressed: bool) -> tuple[tuple[Path, ...], Path | None]:
    """Finds or makes the index: its files, and the temporary folder that they live in if they do."""
    beside = _index_files(path, compressed, path.parent)
    stale = [file for file in beside if file.exists() and file.stat().st_mtime < path.stat().st_mtime]
    if not stale and all(file.exists() for file in beside):
        return beside, None
    reason = f"{stale[0].name} is older than the FASTA" if stale else "there is no index yet"
    logger.info("Indexing %s: %s (about 15 s for a human genome, a minute when compressed)", path, reason)
    try:
        # In a scratch folder beside the FASTA, and into place when it is whole.
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.index-", dir=path.parent) as scratch:
            for source, target in zip(_build(path, compressed, Path(scratch)), beside, strict=True):
                source.replace(target)
        return beside, None
    except OSError as error:
        logger.info(
            "The index of %s is kept in a temporary folder: no file can be made beside it (%s)",
            *(path, error.strerror or error),
        )
    folder = Path(tempfile.mkdtemp(prefix="enformer-vep-index-"))
    try:
        return _build(path, compressed, folder), folder
    except OSError as error:
        _remove_folder(folder, os.getpid())
        reason = one_line(error)
        raise InputError(f"FASTA file {path} cannot be indexed ({reason}); run `samtools faidx`") from None
    except InputError:
        _remove_folder(folder, os.getpid())
        raise


def _build(path: Path, compressed: bool, folder: Path) -> tuple[Path, ...]:
    index = _index_files(path, compressed, folder)
    try:
        pyfaidx.Faidx(str(path), indexname=str(index[0]), gzi_indexname=str(index[-1])).close()
    except (pyfaidx.FastaIndexingError, UnicodeDecodeError, ValueError, RuntimeError, zlib.error) as error:
        raise InputError(
            f"FASTA file {path} cannot be indexed: {one_line(error)}; "
            "every line of a contig but its last needs the same length and every contig its own name "
            "(`seqtk seq -l 60` rewraps)"
        ) from None
    return index


def _open(path: Path, index: tuple[Path, ...]) -> pyfaidx.Faidx:
    try:
        faidx = pyfaidx.Faidx(
            str(path),
            indexname=str(index[0]),
            gzi_indexname=str(index[-1]),
            as_raw=True,
            rebuild=False,
            build_index=False,
        )
    except OSError as error:
        raise InputError(f"FASTA file {path} cannot be opened ({one_line(error)}); check the path") from None
    except Exception as error:  # pyfaidx lets whatever a damaged index provokes through
        raise InputError(
            f"FASTA file {path} has an index that cannot be used ({one_line(error)}); delete {index[0]} and run again"
        ) from None
    if len(index) > 1:
        faidx.gzi_index = [_Block(*block) for block in faidx.gzi_index]
    return faidx


class _Block(pyfaidx.BgzfBlock):  # type: ignore[misc]
    """A BGZF block that compares so that pyfaidx finds the block which *begins* at an offset.

    pyfaidx 0.9 takes the block before, and asks for its byte 65,536 when that block is full: an error.
    """

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return bool(self.ustart <= other)


def _contig_lengths(path: Path, faidx: pyfaidx.Faidx) -> dict[str, int]:
    for name, record in faidx.index.items():
        if record.lenb - record.lenc > 1:
            raise _windows_line_ends(path, f"contig {name!r}")
    if not faidx.index:
        raise InputError(f"FASTA file {path} has an empty index; delete its .fai and run again")
    return {name: record.rlen for name, record in faidx.index.items()}


def _remove_folder(folder: Path, owner: int) -> None:
    # A forked child must not remove what its parent still reads.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
