import gzip

import pytest

from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.regions import (
    CONTIG_END,
    Region,
    RegionFilter,
    merge_regions,
    parse_region,
    read_regions_file,
)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("chr22:1000-2000", Region("chr22", 999, 2000)),
        ("chr22:1,000-2,000", Region("chr22", 999, 2000)),
        ("22:1-1", Region("22", 0, 1)),
        ("chr22", Region("chr22", 0, CONTIG_END)),
        ("chr22:1000", Region("chr22", 999, 1000)),
        ("chr22:1000-", Region("chr22", 999, CONTIG_END)),
        ("chr1_KI270706v1_random:5-9", Region("chr1_KI270706v1_random", 4, 9)),
        (" chr22 ", Region("chr22")),
        ("chr1:1-99999999999", Region("chr1", 0, CONTIG_END)),
    ],
)
def test_parse_region(text, region):
    assert parse_region(text) == region


@pytest.mark.parametrize(
    "text",
    ["", ":", "chr1:", "chr1:a-b", "chr1:0-5", "chr1:9-5", "chr1:-5", "chr1:1-2-3", "chr1 5 9", "chr1:,-5"],
)
def test_parse_region_refuses(text):
    with pytest.raises(UsageError, match="region"):
        parse_region(text)


@pytest.mark.parametrize(
    ("name", "text", "regions"),
    [
        ("r.bed", "chr1\t0\t10\nchr2\t5\t6\tname\t0\t+\n", [("chr1", 0, 10), ("chr2", 5, 6)]),
        ("r.bed", "track name=x\nbrowser position\n#c\n\nchr1\t0\t10\n", [("chr1", 0, 10)]),
        ("R.BED", "chr1 3 10\r\n", [("chr1", 3, 10)]),
        ("r.txt", "chr1\t1\t10\nchr2\t5\n", [("chr1", 0, 10), ("chr2", 4, 5)]),
        ("r.tsv", "#CHROM\tPOS\tREF\nchr2\t5\tA\n", [("chr2", 4, 5)]),
        ("r.txt", "chr1:1-10\nchr3\n", [("chr1", 0, 10), ("chr3", 0, CONTIG_END)]),
    ],
)
def test_read_regions_file(tmp_path, name, text, regions):
    path = tmp_path / name
    path.write_bytes(text.encode())
    expected = tuple(Region(*fields) for fields in regions)
    assert read_regions_file(path) == expected
    compressed = tmp_path / f"{name}.gz"
    compressed.write_bytes(gzip.compress(text.encode()))
    assert read_regions_file(compressed) == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.bed", b"chr1\t0\t10\nchr1\tx\t10\n", "line 2.*BED"),
        ("r.bed", b"chr1\t10\t5\n", "line 1.*BED"),
        ("r.bed", b"chr1\t5\n", "line 1.*BED"),
        ("r.txt", b"chr1\t0\t5\n", "line 1.*CHROM POS"),
        ("r.txt", b"#only\n", "no region"),
        ("r.txt", b"", "is empty"),
        ("r.txt", b"\xff\xfe\x00", "cannot be read"),
        ("r.bed.gz", gzip.compress(b"chr1\t0\t10\n")[:-6], "cannot be read"),
    ],
)
def test_bad_regions_file(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_regions_file(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_regions_file(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_regions_file(tmp_path / "none.bed")


def test_merge():
    in_a = [Region("a", 20, 30), Region("a", 0, 10), Region("a", 9, 12), Region("a", 12, 13)]
    assert merge_regions([Region("b", 5, 9), *in_a]) == (
        Region("b", 5, 9),
        Region("a", 0, 13),
        Region("a", 20, 30),
    )


@pytest.mark.parametrize(
    ("contig", "start", "end", "overlaps"),
    [
        ("chr1", 10, 11, True),
        ("1", 10, 11, True),
        ("1", 9, 10, False),
        ("1", 19, 20, True),
        ("1", 20, 21, False),
        ("1", 0, 11, True),
        ("1", 0, 100, True),
        ("1", 25, 35, True),
        ("2", 10, 11, False),
        ("MT", 5, 6, True),
        ("M", 5, 6, True),
    ],
)
def test_filter(contig, start, end, overlaps):
    wanted = RegionFilter([Region("1", 30, 40), Region("chr1", 10, 20), Region("chrM", 5, 6)])
    assert wanted.overlaps(contig, start, end) is overlaps


@pytest.mark.parametrize("start", [-5, 0, 11, 25])
@pytest.mark.parametrize("contig", ["1", "chr1", "2"])
def test_covered_positions(contig, start):
    regions = [
        Region("1", 30, 40),
        Region("chr1", 10, 20),
        Region("1", 12, 15),
        Region("chr1", 55, CONTIG_END),
    ]
    covered = RegionFilter(regions).covered(contig, start, 60)
    expected = [contig != "2" and any(r.start <= p < r.end for r in regions) for p in range(start, 60)]
    assert covered.tolist() == expected
