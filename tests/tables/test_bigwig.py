"""bigWig files, read back."""

import numpy as np
import pytest

from enformer_vep.errors import InputError
from enformer_vep.tables.bigwig import BigWigCoverage, write_bigwig

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


def test_amounts_are_those_of_the_bases(tmp_path):
    """Random intervals with gaps, against sums over single bases."""
    random = np.random.default_rng(3)
    bases = np.full(500, np.nan)
    for start in range(0, 500, 20):
        bases[start : start + random.integers(1, 19)] = np.float32(random.normal())
    known = np.flatnonzero(np.isfinite(bases)).tolist()
    path = tmp_path / "values.bw"
    write_bigwig(path, {"chr2": 500}, [("chr2", at, at + 1, bases[at]) for at in known])
    zero, fill = (BigWigCoverage(path, fill=choice) for choice in (False, True))
    assert zero.lengths == {"chr2": 500}
    assert zero.total == pytest.approx(np.nansum(bases), abs=1e-5)
    for start, end in ((0, 500), (13, 14), (19, 20), (100, 333), (495, 520)):
        inside = bases[start:end]
        covered = np.isfinite(inside)
        assert zero.amount("chr2", start, end) == pytest.approx(np.nansum(inside), abs=1e-5)
        expected = inside[covered].mean() * (end - start) if covered.any() else 0
        assert fill.amount("chr2", start, end) == pytest.approx(expected, abs=1e-4)
    assert fill.total == pytest.approx(np.nanmean(bases) * 500, abs=1e-4)


def test_what_is_no_bigwig(tmp_path):
    path = tmp_path / "values.bw"
    with pytest.raises(InputError, match="does not exist"):
        BigWigCoverage(path, fill=False)
    path.write_text("not a bigWig")
    with pytest.raises(InputError, match="cannot be read"):
        BigWigCoverage(path, fill=False)
