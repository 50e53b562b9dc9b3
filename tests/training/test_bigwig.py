"""What a bin of a bigWig is, beside numpy on coverage that is written here."""

import logging

import numpy as np
import pytest

pytest.importorskip("pybigtools")

from enformer_vep.errors import InputError
from enformer_vep.genome.bins import Geometry
from enformer_vep.tracks.table import TrackTable
from enformer_vep.training.configuration import DataConfig
from enformer_vep.training.coverage import BigWigReader, CoverageRule
from enformer_vep.training.datasets import open_organism
from enformer_vep.training.example_sources import Variation
from tests.builders import make_fasta

WIDTH = 128
NAN = np.nan
LENGTHS = {"chr1": 1000, "chr2": 512, "chr3": 300}
STATISTICS = {"sum": np.sum, "mean": np.mean, "max": np.max, "median": np.median}
LAST = 7
"""Bins of chr1 that lie in it wholly; 104 bp are left."""

# chr1, bin by bin: one base of 5; covered, its last third with 0 written out; nothing; NaN over its end and the
# beginning of the next; a few scattered; full; across its end.
RECORDS = [
    ("chr1", 10, 11, 5.0),
    ("chr1", 128, 213, 2.0),
    ("chr1", 213, 256, 0.0),
    ("chr1", 500, 520, NAN),
    ("chr1", 520, 600, 3.5),
    ("chr1", 645, 646, 1.0),
    ("chr1", 700, 701, 4.0),
    ("chr1", 768, 896, 1.5),
    ("chr1", 980, 1000, 7.0),
    ("chr3", 0, 300, 1.0),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bigwig")
    make_fasta(folder / "genome.fa", {contig: "ACGT" * (length // 4) for contig, length in LENGTHS.items()})
    write(folder / "a.bw", LENGTHS, RECORDS)
    (folder / "black.bed").write_text("chr1\t5\t9\nchr1\t140\t141\nchr2\t0\t128\n2\t384\t999\nchrUn\t0\t9\n")
    return folder


def write(path, lengths, records):
    import pybigtools

    pybigtools.open(str(path), "w").write(lengths, iter(records))


def open_reader(folder, sum_stat="sum", file="a.bw", **rule):
    targets = TrackTable.from_text(f"identifier\tfile\tsum_stat\nA\t{file}\t{sum_stat}\n", "t")
    return BigWigReader(folder / "genome.fa", targets, folder, WIDTH, CoverageRule(**rule))


def coverage(contig, start, end, absent, black=()):
    """Position by position, from the records as they were written."""
    values = np.full(end - start, absent)
    for name, first, last, value in RECORDS:
        for position in range(first, last) if name == contig else ():
            if start <= position < end:
                values[position - start] = value
    for position in range(start, end):
        inside = 0 <= position < LENGTHS[contig]
        if not inside or any(first <= position < last for name, first, last in black if name == contig):
            values[position - start] = NAN
    return values


def expected(contig, start, bins, sum_stat, absent, black=()):
    bases = coverage(contig, start, start + bins * WIDTH, absent, black).reshape(bins, WIDTH)
    return np.array([NAN if np.isnan(own).any() else STATISTICS[sum_stat](own) for own in bases])


@pytest.mark.parametrize(("sum_stat", "value"), [("sum", 5), ("mean", 5 / 128), ("max", 5), ("median", 0)])
def test_one_base_of_five_in_a_bin(sum_stat, value, folder):
    """It was 640, 5, 5 and 5: the other 127 bases were guessed from it."""
    assert open_reader(folder, sum_stat).values("chr1", 0, 1)[0, 0] == np.float32(value)


@pytest.mark.parametrize("sum_stat", STATISTICS)
@pytest.mark.parametrize(("absent", "value"), [("zero", 0.0), ("unknown", NAN)])
@pytest.mark.parametrize(("contig", "start"), [("chr1", 0), ("chr1", -200), ("chr1", 37), ("chr2", 0), ("chr3", 0)])
def test_bins_are_what_numpy_makes_of_the_records(contig, start, absent, value, sum_stat, folder):
    values = open_reader(folder, sum_stat, absent=absent).values(contig, start, 10)[:, 0]
    np.testing.assert_allclose(values, expected(contig, start, 10, sum_stat, value), rtol=1e-6)


def test_by_default_only_a_stored_nan_and_the_ends_are_unknown(folder):
    unknown = np.isnan(open_reader(folder).values("chr1", 0, 10)[:, 0])
    # 500 to 520 are NaN: bins 3 and 4. 1000 is the contig's end: bins from 7 on.
    assert np.flatnonzero(unknown).tolist() == [3, 4, 7, 8, 9]
    assert not np.isnan(open_reader(folder).values("chr2", 0, 4)).any(), "a contig that the bigWig lacks"


def test_unknown_when_absent_is_unknown(folder):
    known = ~np.isnan(open_reader(folder, absent="unknown").values("chr1", 0, 10)[:, 0])
    assert np.flatnonzero(known).tolist() == [1, 6], "the bins that are covered from end to end"
    assert np.isnan(open_reader(folder, absent="unknown").values("chr2", 0, 4)).all()


@pytest.mark.parametrize(("absent", "value"), [("zero", 0.0), ("unknown", NAN)])
@pytest.mark.parametrize("contig", ["chr1", "chr2"])
def test_blacklisted_positions_are_unknown(contig, absent, value, folder):
    black = [("chr1", 5, 9), ("chr1", 140, 141), ("chr2", 0, 128), ("chr2", 384, 999)]
    reader = open_reader(folder, blacklist=folder / "black.bed", absent=absent)
    values = reader.values(contig, -50, 9)[:, 0]
    np.testing.assert_allclose(values, expected(contig, -50, 9, "sum", value, black), rtol=1e-6)
    if absent == "zero":
        plain = open_reader(folder).values(contig, 0, 4)[:, 0]
        assert np.isnan(reader.values(contig, 0, 4)[:, 0]).sum() > np.isnan(plain).sum()


def test_names_with_and_without_chr_are_the_same_contig(folder):
    bare = [(contig.removeprefix("chr"), *rest) for contig, *rest in RECORDS]
    write(folder / "bare.bw", {"1": 1000, "3": 300}, bare)
    for contig in LENGTHS:
        np.testing.assert_array_equal(
            open_reader(folder, file="bare.bw").values(contig, 0, 8), open_reader(folder).values(contig, 0, 8)
        )


def test_a_contig_that_the_bigwig_has_shorter_is_absent_from_there(folder):
    write(folder / "short.bw", {"chr1": 140}, [("chr1", 130, 135, 2.0)])
    np.testing.assert_array_equal(
        open_reader(folder, file="short.bw").values("chr1", -128, 5)[:, 0], [NAN, 0, 10, 0, 0]
    )


def test_files_of_another_genome_are_refused(folder):
    write(folder / "other.bw", {"scaffold9": 100}, [("scaffold9", 0, 5, 1.0)])
    with pytest.raises(InputError, match=r"other\.bw has none of the genome's contigs \(it has scaffold9, the"):
        open_reader(folder, file="other.bw")
    (folder / "other.bed").write_text("scaffold9\t0\t5\n")
    with pytest.raises(InputError, match=r"other\.bed covers nothing of the genome"):
        open_reader(folder, blacklist=folder / "other.bed")


def data_section(folder, table, **keys):
    (folder / "targets.txt").write_text(table)
    (folder / "sequences.bed").write_text("chr1\t0\t256\ttest\nchr2\t0\t256\ttest\n")
    return DataConfig("human", folder / "targets.txt", folder / "sequences.bed", folder / "genome.fa", **keys)


def read_all(section):
    source = open_organism("human", [section], Geometry(256, 0, WIDTH, 2), ("test",)).splits["test"]
    return np.concatenate([source.read(number, Variation()).values[:, 0] for number in range(len(source))])


@pytest.mark.parametrize(
    ("keys", "values"),
    [
        # Bins 5 and 85 * 2 = 170, and the two of chr2, which the bigWig lacks.
        ({}, [10, 64, 0, 0]),
        ({"squash": "scale-first"}, [10, 32, 0, 0]),
        ({"absent": "unknown"}, [NAN, 64, NAN, NAN]),
        ({"blacklist": "black.bed"}, [NAN, NAN, NAN, 0]),
    ],
)
def test_examples_follow_the_data_section(keys, values, folder):
    if "blacklist" in keys:
        keys = {"blacklist": folder / keys["blacklist"]}
    table = "identifier\tfile\tsum_stat\tclip\tscale\nA\ta.bw\tsum\t32\t2\n"
    np.testing.assert_array_equal(read_all(data_section(folder, table, **keys)), values)


def test_a_contig_without_coverage_is_said(folder, caplog):
    section = data_section(folder, "identifier\tfile\nA\ta.bw\nB\ta.bw\n")
    with caplog.at_level(logging.WARNING):
        read_all(section)
    [message] = [record.getMessage() for record in caplog.records]
    assert message == (
        "2 of 2 bigWigs have nothing on contig chr2 (the first is a.bw): there every position counts as zero"
    )
