"""Signal in elements from counts, BAM and bigWig."""

import numpy as np
import pysam
import pytest

from enformer_vep.errors import InputError
from enformer_vep.explain.candidate_elements import read_candidates
from enformer_vep.explain.element_signals import (
    NO_SIGNAL,
    SignalFiles,
    given_activity,
    measured_activity,
    read_quantiles,
    reads_per_million,
)
from enformer_vep.genome.variants import Status
from enformer_vep.settings.explain_abc import AbcSettings, Absent
from enformer_vep.tables.bigwig import write_bigwig

ELEMENTS = (("chr1", 100, 200), ("chr1", 150, 400), ("chr2", 0, 50), ("chr3", 10, 20))
LENGTHS = {"1": 1000, "2": 500}


@pytest.fixture
def elements(tmp_path):
    path = tmp_path / "elements.bed"
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in ELEMENTS))
    return read_candidates(path)


def make_bam(path, reads):
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": name, "LN": n} for name, n in LENGTHS.items()]}
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        for number, (contig, start, length) in enumerate(sorted(reads)):
            read = pysam.AlignedSegment(file.header)
            read.query_name, read.query_sequence = f"r{number}", "A" * length
            read.flag, read.reference_id, read.reference_start = 0, contig, start
            read.mapping_quality, read.cigartuples = 30, [(0, length)]
            file.write(read)
    return path


def test_reads_of_a_bam_are_counted_where_they_overlap(tmp_path, elements):
    random = np.random.default_rng(5)
    reads = [(int(contig), int(start), 20) for contig, start in random.integers(0, [2, 450], (200, 2))]
    path = make_bam(tmp_path / "reads.bam", reads)
    with pytest.raises(InputError, match="samtools index"):
        reads_per_million(path, elements, Absent.UNKNOWN)
    pysam.index(str(path))
    status = np.full(len(elements), Status.OK, dtype=object)
    found = reads_per_million(path, elements, Absent.UNKNOWN, status)
    expected = [
        sum(f"chr{contig + 1}" == name and at < end and at + length > start for contig, at, length in reads)
        for name, start, end in ELEMENTS[:3]
    ]
    np.testing.assert_allclose(found[:3], np.array(expected) * 1e6 / 200)
    assert np.isnan(found[3])
    assert status.tolist() == [Status.OK] * 3 + [Status.UNKNOWN_CONTIG]


def test_a_bigwig_that_leaves_bases_out(tmp_path, elements):
    pytest.importorskip("pybigtools")
    path = tmp_path / "signal.bw"
    write_bigwig(path, LENGTHS, [("1", 100, 150, 2.0), ("1", 300, 400, 1.0), ("2", 0, 10, 3.0)])
    zero = reads_per_million(path, elements, Absent.ZERO)
    np.testing.assert_allclose(zero[:3], np.array([100, 100, 30]) * 1e6 / 230)
    # As published: means of what is covered, times the length; of the whole contigs as well.
    unknown = reads_per_million(path, elements, Absent.UNKNOWN)
    total = 200 / 150 * 1000 + 3 * 500
    np.testing.assert_allclose(unknown[:3], np.array([200, 250, 150]) * 1e6 / total)
    assert np.isnan(zero[3])


def test_an_element_past_the_end_of_its_contig(tmp_path):
    pytest.importorskip("pybigtools")
    path, bed = tmp_path / "signal.bw", tmp_path / "far.bed"
    write_bigwig(path, LENGTHS, [("1", 0, 1000, 1.0)])
    bed.write_text("chr1\t990\t1010\nchr1\t1000\t1010\n")
    far = read_candidates(bed)
    status = np.full(2, Status.OK, dtype=object)
    found = reads_per_million(path, far, Absent.ZERO, status)
    assert found[0] == pytest.approx(10 * 1e6 / 1000)
    assert np.isnan(found[1])
    assert status.tolist() == [Status.OK, Status.OUTSIDE_CONTIG]


def test_counts_are_of_these_very_elements(tmp_path, elements):
    path = tmp_path / "counts.bed"
    path.write_text("1\t100\t200\t6\nchr1\t150\t400\t3\nchr1\t150\t401\t90\nchr2\t0\t50\t1\n")
    status = np.full(len(elements), Status.OK, dtype=object)
    found = reads_per_million(path, elements, Absent.UNKNOWN, status)
    np.testing.assert_allclose(found[:3], np.array([6, 3, 1]) * 1e4)
    assert status.tolist() == [Status.OK] * 3 + [NO_SIGNAL]


def test_replicates_are_averaged_and_signals_multiplied(tmp_path, elements):
    for name, values in (("a", (1, 1, 1, 7)), ("b", (3, 1, 2, 4)), ("c", (4, 0, 2, 4))):
        rows = zip(ELEMENTS, values, strict=True)
        (tmp_path / name).write_text("".join(f"{c}\t{s}\t{e}\t{count}\n" for (c, s, e), count in rows))
    promoter = np.zeros(4, dtype=bool)
    files = SignalFiles((tmp_path / "a", tmp_path / "b"), (tmp_path / "c",))
    found = measured_activity(elements, promoter, files, AbcSettings())
    rates = np.array([[0.1, 0.1, 0.1, 0.7], [0.3, 0.1, 0.2, 0.4], [0.4, 0.0, 0.2, 0.4]]) * 1e6
    np.testing.assert_allclose(found.activity, np.sqrt(rates[:2].mean(axis=0) * rates[2]))
    assert (found.status == Status.OK).all()


def test_files_that_know_nothing(tmp_path, elements):
    path = tmp_path / "counts.bed"
    path.write_text("chr9\t100\t200\t6\n")
    with pytest.raises(InputError, match="knows none of the 4 elements"):
        reads_per_million(path, elements, Absent.ZERO)
    path.write_text("chr1\t100\t200\t0\n")
    with pytest.raises(InputError, match="no signal at all"):
        reads_per_million(path, elements, Absent.ZERO)
    path.write_text("chr1\t100\t200\n")
    with pytest.raises(InputError, match="no column count"):
        reads_per_million(path, elements, Absent.ZERO)
    for name in ("absent.bam", "absent.bw"):
        if name.endswith("bw"):
            pytest.importorskip("pybigtools")
        with pytest.raises(InputError, match="does not exist"):
            reads_per_million(tmp_path / name, elements, Absent.ZERO)
    with pytest.raises(InputError, match="no column activity"):
        given_activity(elements)


def test_a_bigwig_without_the_contigs(tmp_path, elements):
    pytest.importorskip("pybigtools")
    path = tmp_path / "other.bw"
    write_bigwig(path, {"chrX": 100}, [("chrX", 0, 100, 1.0)])
    with pytest.raises(InputError, match="the first is on chr1"):
        reads_per_million(path, elements, Absent.ZERO)


def test_reference_quantiles(tmp_path):
    path = tmp_path / "reference.tsv"
    rows = ["enh_class\trank\tDHS.RPM", *(f"{kind}\t{rank}\t{10 - rank}" for kind in ("promoter", "nonpromoter", "any")
            for rank in (4, 2, 1))]  # fmt: skip
    path.write_text("\n".join(rows) + "\n")
    found = read_quantiles(path, "ATAC.RPM")
    assert found[True].rank.tolist() == [1, 2, 4]
    assert found[False].signal.tolist() == [9, 8, 6]
    with pytest.raises(InputError, match=r"no column H3K27ac\.RPM"):
        read_quantiles(path, "H3K27ac.RPM")
    path.write_text("\n".join(row for row in rows if not row.startswith("promoter")) + "\n")
    with pytest.raises(InputError, match="0 quantiles of the class promoter"):
        read_quantiles(path, "DHS.RPM")
