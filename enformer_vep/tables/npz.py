"""Arrays as .npz (numpy's), the largest of them written part by part."""

import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from enformer_vep.files.atomic import complete_or_absent, explained

Array = npt.NDArray[Any]


@dataclass(slots=True)
class GrowingArray:
    """An array that takes its parts along the first axis, in order.

    Attributes:
        shape: Of the complete array.
        dtype: Of its numbers.
        filled: Parts that were taken.
    """

    shape: tuple[int, ...]
    dtype: npt.DTypeLike
    _file: IO[bytes]
    _path: Path
    filled: int = 0

    def add(self, part: Array) -> None:
        """Take the next part; raises ValueError when it has another shape, OutputError when it cannot be written."""
        if part.shape != self.shape[1:]:
            raise ValueError(f"a part has the shape {part.shape}, not {self.shape[1:]}")
        with explained(self._path):
            self._file.write(np.ascontiguousarray(part, dtype=self.dtype).tobytes())
        self.filled += 1


@contextmanager
def growing_npz(
    path: Path, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike, others: Mapping[str, Array]
) -> Iterator[GrowingArray]:
    """Write an .npz with one array that grows and others that are known; complete or not at all.

    Args:
        path: The file.
        name: Of the array that grows.
        shape: Of the complete array.
        dtype: Of the array that grows.
        others: Further arrays by name.

    Yields:
        What takes the parts; as many as `shape` says.

    Raises:
        OutputError: The file cannot be written.
        ValueError: There were fewer parts, or more.
    """
    with complete_or_absent(path) as temporary, explained(path), zipfile.ZipFile(temporary, "w") as archive:
        for other, values in others.items():
            with _member(archive, other) as handle:
                np.lib.format.write_array(handle, np.asanyarray(values), allow_pickle=False)
        with _member(archive, name) as handle:
            _write_header(handle, shape, dtype)
            array = GrowingArray(shape, dtype, handle, path)
            yield array
            if array.filled != shape[0]:
                raise ValueError(f"{path}: {array.filled} of {shape[0]} parts were written")


@contextmanager
def several_growing(
    path: Path, arrays: Mapping[str, tuple[tuple[int, ...], npt.DTypeLike]], others: Mapping[str, Array]
) -> Iterator[Mapping[str, GrowingArray]]:
    """Write an .npz with several arrays that grow side by side; complete or not at all.

    They wait in files beside it, without names, since an archive takes one after the other.

    Args:
        path: The file.
        arrays: By name the shape of each complete array, and the type of its numbers.
        others: Further arrays by name.

    Yields:
        By name what takes the parts; as many as the shape says.

    Raises:
        OutputError: A file cannot be written.
        ValueError: There were fewer parts, or more.
    """
    with ExitStack() as stack:
        with explained(path):
            files = {name: stack.enter_context(TemporaryFile(dir=path.parent)) for name in arrays}
        yield {name: GrowingArray(*arrays[name], file, path) for name, file in files.items()}
        with complete_or_absent(path) as temporary, explained(path), zipfile.ZipFile(temporary, "w") as archive:
            for other, values in others.items():
                with _member(archive, other) as handle:
                    np.lib.format.write_array(handle, np.asanyarray(values), allow_pickle=False)
            for name, (shape, dtype) in arrays.items():
                size = int(np.prod(shape)) * np.dtype(dtype).itemsize
                if files[name].tell() != size:
                    raise ValueError(f"{path}: {files[name].tell()} of {size} bytes of {name} were written")
                files[name].seek(0)
                with _member(archive, name) as handle:
                    _write_header(handle, shape, dtype)
                    shutil.copyfileobj(files[name], handle)


def _write_header(handle: IO[bytes], shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_2_0(handle, header)


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    # Without a date: the same arrays are the same file.
    return archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True)
