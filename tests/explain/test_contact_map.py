"""Contact from BEDPE."""

import numpy as np
import pytest

from enformer_vep.errors import InputError
from enformer_vep.explain.contact_map import read_contact_map

ROWS = (
    ("chr1", 0, 5000, "chr1", 10000, 15000, 0.25),
    ("chr1", 20000, 25000, "chr1", 5000, 10000, 0.5),
    ("chr1", 0, 5000, "chr2", 0, 5000, 9.0),
    ("chr2", 5000, 10000, "chr2", 5000, 9000, 0.75),
)


def write(path, rows, name=False):
    lines = ["\t".join(map(str, (*row[:6], *(["pair"] if name else []), *row[6:]))) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.mark.parametrize("name", [False, True])
def test_bins_are_found_in_either_order(tmp_path, name):
    contacts = read_contact_map(write(tmp_path / "hic.bedpe", ROWS, name))
    assert contacts.width == 5000
    np.testing.assert_array_equal(
        contacts.between("1", np.array([0.0, 4999.5, 5000.0, 12_000.0]), 10_001), [0.25, 0.25, np.nan, np.nan]
    )
    assert contacts.between("chr1", np.array([6000.0]), 20_000).tolist() == [0.5]
    assert contacts.between("chr2", np.array([5000.5]), 9999).tolist() == [0.75]
    assert np.isnan(contacts.between("chr3", np.array([1.0, 2.0]), 9)).all()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("chr1", 0, 5000, "chr1", 0.5)], "5 columns"),
        ([("chrom1", "start1", "end1", "chrom2", "start2", "end2", "count"), *ROWS], "row 1: a position"),
        ([("chr1", 100, 5100, "chr1", 0, 5000, 1.0)], "multiples"),
    ],
)
def test_what_is_no_matrix(tmp_path, rows, message):
    path = tmp_path / "hic.bedpe"
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    with pytest.raises(InputError, match=message):
        read_contact_map(path)
