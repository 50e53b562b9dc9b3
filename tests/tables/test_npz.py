"""Arrays that are written part by part, read back by numpy."""

from pathlib import Path

import numpy as np
import pytest

from enformer_vep.errors import OutputError
from enformer_vep.tables.npz import growing_npz, several_growing


def write(path: Path, parts: np.ndarray, count: int) -> None:
    names = {"names": np.array(["one", "two"]), "width": np.array(128)}
    with growing_npz(path, "maps", (count, *parts.shape[1:]), np.float32, names) as array:
        for part in parts:
            array.add(part)


def test_what_numpy_reads(tmp_path: Path) -> None:
    parts = np.random.default_rng(1).random((3, 4, 5))
    for name in ("one.npz", "two.npz"):
        write(tmp_path / name, parts, 3)
    with np.load(tmp_path / "one.npz") as file:
        assert sorted(file.files) == ["maps", "names", "width"]
        assert file["maps"].dtype == np.float32
        np.testing.assert_array_equal(file["maps"], parts.astype(np.float32))
        assert file["names"].tolist() == ["one", "two"]
        assert file["width"] == 128
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_an_array_of_no_parts(tmp_path: Path) -> None:
    write(tmp_path / "none.npz", np.empty((0, 2, 2)), 0)
    assert np.load(tmp_path / "none.npz")["maps"].shape == (0, 2, 2)


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_parts_leaves_nothing(tmp_path: Path, count: int) -> None:
    with pytest.raises(ValueError, match=f"2 of {count} parts"):
        write(tmp_path / "some.npz", np.zeros((2, 3)), count)
    assert list(tmp_path.iterdir()) == []


def test_parts_of_another_shape(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="shape"),
        growing_npz(tmp_path / "x.npz", "x", (1, 2), np.float32, {}) as array,
    ):
        array.add(np.zeros(3))
    with pytest.raises(OutputError, match="does not exist"):
        write(tmp_path / "none" / "x.npz", np.zeros((1, 2)), 1)
    assert list(tmp_path.iterdir()) == []


def write_several(path: Path, parts: np.ndarray, count: int) -> None:
    shapes = {"maps": ((count, *parts.shape[1:]), np.float32), "numbers": ((count,), np.int64)}
    with several_growing(path, shapes, {"width": np.array(128)}) as arrays:
        for number, part in enumerate(parts):
            arrays["numbers"].add(np.array(number))
            arrays["maps"].add(part)


def test_several_arrays_grow_side_by_side(tmp_path: Path) -> None:
    parts = np.random.default_rng(1).random((3, 4, 5))
    for name in ("one.npz", "two.npz"):
        write_several(tmp_path / name, parts, 3)
    with np.load(tmp_path / "one.npz") as file:
        assert sorted(file.files) == ["maps", "numbers", "width"]
        np.testing.assert_array_equal(file["maps"], parts.astype(np.float32))
        assert file["numbers"].tolist() == [0, 1, 2]
        assert file["width"] == 128
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["one.npz", "two.npz"]


@pytest.mark.parametrize("count", [1, 4])
def test_several_arrays_of_other_lengths_leave_nothing(tmp_path: Path, count: int) -> None:
    with pytest.raises(ValueError, match="bytes of maps were written"):
        write_several(tmp_path / "some.npz", np.zeros((3, 2)), count)
    assert list(tmp_path.iterdir()) == []
