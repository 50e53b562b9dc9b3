"""bigWig files, read back."""

import numpy as np
import pytest

from enformer_vep.errors import InputError
from enformer_vep.tables.bigwig import write_bigwig

pybigtools = pytest.importorskip("pybigtools")
LENGTHS = {"chr2": 500, "chr10": 300, "chrEmpty": 50}


def test_values_come_back(tmp_path):
    path = tmp_path / "values.bw"
    write_bigwig(path, LENGTHS, [("chr2", 0, 128, 1.5), ("chr2", 200, 201, -2e-7), ("chr10", 290, 300, 3.0)])
    handle = pybigtools.open(str(path))
    assert handle.chroms() == {"chr2": 500, "chr10": 300}
    assert np.allclose(handle.values("chr2", 0, 128, fillna=None), 1.5)
    assert handle.values("chr2", 200, 201, fillna=None)[0] == np.float32(-2e-7)
    assert list(handle.records("chr10")) == [(290, 300, 3.0)]
    assert [entry.name for entry in tmp_path.iterdir()] == ["values.bw"]


def test_values_that_are_not_finite_are_left_out(tmp_path):
    path = tmp_path / "values.bw"
    write_bigwig(path, LENGTHS, [("chr2", 0, 1, float("nan")), ("chr2", 1, 2, 1.0), ("chr2", 2, 3, float("inf"))])
    assert list(pybigtools.open(str(path)).records("chr2")) == [(1, 2, 1.0)]


@pytest.mark.parametrize("interval", [("chr2", 490, 501, 1.0), ("chr2", -1, 5, 1.0), ("chrZ", 0, 1, 1.0)])
def test_outside_the_reference(tmp_path, interval):
    with pytest.raises(InputError, match="outside the reference"):
        write_bigwig(tmp_path / "values.bw", LENGTHS, [("chr2", 0, 1, 1.0), interval])
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_write(tmp_path):
    with pytest.raises(InputError, match="cannot be empty"):
        write_bigwig(tmp_path / "values.bw", LENGTHS, [("chr2", 0, 1, float("nan"))])
