"""Names of contigs under the habits of different files."""

import pytest

from enformer_vep.genome.contigs import contig_key, named_alike


@pytest.mark.parametrize(
    ("own", "example", "named"),
    [
        ({"chr1": 5, "chrM": 6}, "chr1", ["chr1", "chrM"]),
        ({"chr1": 5, "chrM": 6}, "1", ["1", "MT"]),
        ({"1": 5, "MT": 6}, "chr1", ["chr1", "chrM"]),
        ({"1": 5, "MT": 6}, "MT", ["1", "MT"]),
    ],
)
def test_contigs_are_called_as_in_the_rows(own, example, named):
    assert named_alike(own, example) == dict(zip(named, own.values(), strict=True))


@pytest.mark.parametrize(
    "names", [("1", "chr1", "01"), ("X", "chrX", "23"), ("MT", "chrM", "M", "26"), ("HLA-A*01", "HLA-A*01")]
)
def test_one_key_for_all_names_of_a_contig(names):
    assert len({contig_key(name) for name in names}) == 1
    assert contig_key(names[0]) != contig_key("2")
