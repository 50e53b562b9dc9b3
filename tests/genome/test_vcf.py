import gc
import gzip
import io
import logging
import os
import types

import numpy as np
import pytest

from enformer_vep.errors import InputError
from enformer_vep.files.bgzf import EOF_MARKER
from enformer_vep.genome.regions import Region
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.vcf import read_variants
from enformer_vep.genome.vcf_count import count_every_record, count_records
from tests.builders import index_variants, make_bcf, make_vcf, vcf_text

RECORDS = [
    ("chr1", 10, "snv", "A", "C"),
    ("chr1", 20, "multi", "AT", "A,ATT,<DEL>,*"),
    ("chr1", 30, ".", "g", "t"),
    ("chr2", 5, "none", "A", "."),
]
VARIANTS = [
    Variant("chr1", 10, "snv", "A", "C", 0, 1),
    Variant("chr1", 20, "multi", "AT", "A", 1, 1),
    Variant("chr1", 20, "multi", "AT", "ATT", 1, 2),
    Variant("chr1", 20, "multi", "AT", "<DEL>", 1, 3),
    Variant("chr1", 20, "multi", "AT", "*", 1, 4),
    Variant("chr1", 30, ".", "g", "t", 2, 1),
    Variant("chr2", 5, "none", "A", ".", 3, 1),
]
CONTIGS = {"chr1": 100_000_000, "chr2": 1_000}
KINDS = ["plain", "bgzf", "gzip", "bcf", "raw_bcf"]
GOOD = "chr1\t10\tgood\tA\tC\t.\t.\t."


def write(folder, kind, records=RECORDS, contigs=CONTIGS):
    plain = make_vcf(folder / "in.vcf", records, contigs)
    if kind == "plain":
        return plain
    if kind == "bgzf":
        return make_vcf(folder / "in.vcf.gz", records, contigs)
    if kind == "gzip":
        path = folder / "plain-gzip.vcf.gz"
        path.write_bytes(gzip.compress(plain.read_bytes()))
        return path
    bcf = make_bcf(folder / "in.bcf", plain)
    if kind == "bcf":
        return bcf
    path = folder / "raw.bcf"
    path.write_bytes(gzip.decompress(bcf.read_bytes()))
    return path


@pytest.fixture
def standard_input(monkeypatch):
    """Gives bytes to standard input through a real pipe."""
    opened = []

    def give(content: bytes) -> str:
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(content)  # below the pipe's capacity
        handle = os.fdopen(reading, "rb")
        opened.append(handle)
        monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=handle))
        return "-"

    yield give
    for handle in opened:
        handle.close()


def read(path, *arguments):
    """Variants read before the error, and the error's message."""
    variants = []
    with pytest.raises(InputError) as error:
        variants.extend(read_variants(str(path), *arguments))
    message = str(error.value)
    assert "\n" not in message
    return variants, message


@pytest.mark.parametrize("kind", KINDS)
def test_every_format(tmp_path, kind):
    assert list(read_variants(str(write(tmp_path, kind)))) == VARIANTS


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_on_standard_input(tmp_path, kind, standard_input):
    assert list(read_variants(standard_input(write(tmp_path, kind).read_bytes()))) == VARIANTS


@pytest.mark.parametrize("kind", KINDS)
def test_header_without_records(tmp_path, kind):
    assert list(read_variants(str(write(tmp_path, kind, records=[])))) == []


def test_genotypes_are_passed_over(tmp_path):
    text = vcf_text([f"{GOOD}\tGT\t0/1\t1/1"]).replace("\tINFO\n", "\tINFO\tFORMAT\tS1\tS2\n")
    path = tmp_path / "in.vcf"
    path.write_text(text)
    assert [variant.id for variant in read_variants(str(path))] == ["good"]


def test_windows_line_ends(tmp_path):
    path = tmp_path / "in.vcf"
    path.write_bytes(vcf_text(RECORDS).replace("\n", "\r\n").encode())
    assert list(read_variants(str(path))) == VARIANTS


def test_short_header_without_trailing_columns(tmp_path):
    path = tmp_path / "in.vcf"
    path.write_bytes(b"##fileformat=VCFv4.2\r\n#CHROM\tPOS\tID\tREF\tALT\r\nchr1\t1\t.\tA\tC\r\n")
    assert [variant.alternate for variant in read_variants(str(path))] == ["C"]


def test_no_newline_at_the_end(tmp_path):
    path = tmp_path / "in.vcf"
    path.write_text(vcf_text(RECORDS).rstrip("\n"))
    assert list(read_variants(str(path))) == VARIANTS


def test_blank_lines_hold_nothing_and_are_mentioned(tmp_path, caplog):
    path = tmp_path / "in.vcf"
    path.write_text(vcf_text([GOOD, "", GOOD, ""]))
    assert len(list(read_variants(str(path)))) == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "line 5: blank line" in caplog.text


@pytest.mark.parametrize("position", ["0", "2147483648", "99999999999999999999999"])
def test_positions_outside_of_every_contig_are_kept(tmp_path, position):
    path = make_vcf(tmp_path / "in.vcf", [("chr1", position, ".", "A", "C"), GOOD])
    assert [variant.position for variant in read_variants(str(path))] == [int(position), 10]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("chr1\tabc\t.\tA\tC\t.\t.\t.", "POS is 'abc'"),
        ("chr1\t12x\t.\tA\tC\t.\t.\t.", "POS is '12x'"),
        ("chr1\t-5\t.\tA\tC\t.\t.\t.", "POS is '-5'"),
        ("chr1\t\t.\tA\tC\t.\t.\t.", "POS is ''"),
        ("chr1\t\u0661\t.\tA\tC\t.\t.\t.", "POS is"),
        ("chr1\t12\t.\tA", "4 columns where the #CHROM line has 8"),
        (f"{GOOD}\tGT\t0/1", "10 columns where the #CHROM line has 8"),
        (GOOD.replace("\t", " "), "separated by spaces"),
        ("chr1\t12\t.\tA\0\tC\t.\t.\t.", "NUL byte"),
        ("\t12\t.\tA\tC\t.\t.\t.", "CHROM, REF or ALT is empty"),
        ("chr1\t12\t.\t\tC\t.\t.\t.", "CHROM, REF or ALT is empty"),
        ("chr1\t12\t.\tA\tC,,G\t.\t.\t.", "CHROM, REF or ALT is empty"),
        ("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO", "line with # among the records"),
        ("##fileformat=VCFv4.2", "line with # among the records"),
    ],
)
def test_malformed_row_is_an_error_that_names_its_line(tmp_path, row, message):
    path = make_vcf(tmp_path / "in.vcf", [GOOD, row, GOOD])
    variants, found = read(path)
    assert len(variants) == 1
    assert f"{path}, line 5: " in found
    assert message in found


def test_row_that_is_not_utf8(tmp_path):
    path = tmp_path / "in.vcf"
    path.write_bytes(vcf_text([GOOD]).encode() + b"chr1\t12\t\xff\tA\tC\t.\t.\t.\n")
    assert "line 5: not UTF-8" in read(path)[1]


def test_last_line_cut_short(tmp_path):
    path = tmp_path / "in.vcf"
    path.write_text(vcf_text([GOOD]) + "chr1\t12\t.\tA")
    variants, message = read(path)
    assert len(variants) == 1
    assert "line 5: 4 columns" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello\nworld\n", "line 1 does not begin with ##fileformat"),
        (vcf_text([GOOD]).partition("\n")[2].encode(), "line 1 does not begin with ##fileformat"),
        (b"\xef\xbb\xbf" + vcf_text([GOOD]).encode(), "byte order mark"),
        (f"##fileformat=VCFv4.2\n{GOOD}\n".encode(), "line 2: expected #CHROM"),
        (b"##fileformat=VCFv4.2\n##x\n", "no #CHROM line"),
        (b"##fileformat=VCFv4.2\n#CHROM POS ID REF ALT\n", "line 2: columns are separated by spaces"),
        (gzip.compress(b""), "line 1 does not begin|no #CHROM"),
        (b"BCF\2\2garbage", "damaged or truncated"),
        (b"\x1f\x8b\x08\x00garbage-that-is-long-enough", "damaged or truncated"),
    ],
)
def test_not_a_vcf(tmp_path, content, message, standard_input):
    path = tmp_path / "in.vcf"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_variants(str(path))  # known before the first row is asked for
    assert str(path) in str(error.value)
    with pytest.raises(InputError, match=message) as error:
        read_variants(standard_input(content))
    assert "standard input" in str(error.value)


def test_missing_file_and_directory(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_variants(str(tmp_path / "none.vcf"))
    with pytest.raises(InputError, match="is a directory"):
        read_variants(str(tmp_path))


@pytest.mark.parametrize("kind", ["bgzf", "bcf"])
def test_missing_end_of_file_block(tmp_path, kind, standard_input):
    path = write(tmp_path, kind)
    path.write_bytes(path.read_bytes().removesuffix(EOF_MARKER))
    with pytest.raises(InputError, match="truncated"):
        read_variants(str(path))
    variants, message = read(standard_input(path.read_bytes()))
    # A pipe's end is only known at its end, which for BCF is before its beginning is read.
    assert variants == (VARIANTS if kind == "bgzf" else [])
    assert "truncated" in message


MANY = [("chr1", 100 * i + 1, f"id{i}-{hash((i, 7)) % 10**9}", "A", "C") for i in range(20_000)]


@pytest.mark.parametrize("kind", ["bgzf", "gzip", "bcf", "raw_bcf"])
def test_cut_in_the_middle(tmp_path, kind):
    path = write(tmp_path, kind, MANY)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + (EOF_MARKER if kind in ("bgzf", "bcf") else b""))
    variants, message = read(path)
    assert len(variants) < len(MANY)
    assert "damaged or truncated" in message


@pytest.mark.parametrize("regions", [(), (Region("1"),)])
@pytest.mark.parametrize("kind", ["bgzf", "bcf"])
def test_damaged_block_in_the_middle(tmp_path, capfd, kind, regions):
    path = write(tmp_path, kind, MANY)
    index = index_variants(path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 500] = np.random.default_rng(0).bytes(500)
    path.write_bytes(content)
    os.utime(index)
    variants, message = read(path, regions)
    assert 0 < len(variants) < len(MANY)
    assert "damaged or truncated" in message
    gc.collect()
    assert capfd.readouterr().err == ""


def test_undeclared_contigs_and_filters_make_no_noise(tmp_path, capfd):
    path = make_vcf(tmp_path / "in.vcf", ["chrUn\t1\t.\tA\tC\tx\tLOW\tXX=3"], contigs=[])
    assert len(list(read_variants(str(path)))) == 1
    assert capfd.readouterr().err == ""


REGION_RECORDS = [
    ("chr1", 10, "a", "A", "C"),
    ("chr1", 15, "long", "ACGTACGTAC", "A"),  # positions 15 to 24
    ("chr1", 20, "b", "A", "C,G"),
    ("chr1", 40, "c", "A", "C"),
    ("chr2", 5, "d", "A", "C"),
]


@pytest.mark.parametrize("setting", ["plain", "bgzf", "bcf", "bgzf+tbi", "bgzf+csi", "bcf+csi", "-"])
@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ([Region("chr1", 9, 10)], ["a"]),
        ([Region("1", 9, 10)], ["a"]),
        ([Region("chr1", 10, 14)], []),
        ([Region("chr1", 23, 24)], ["long"]),
        ([Region("chr1", 24, 39)], []),
        ([Region("chr1", 14, 17), Region("chr1", 19, 22)], ["long", "b", "b"]),
        ([Region("chr1", 19, 22), Region("1", 14, 17)], ["long", "b", "b"]),
        ([Region("chr1", 0, 30), Region("chr1", 5, 50)], ["a", "long", "b", "b", "c"]),
        ([Region("chr2"), Region("chr1", 39, 40)], ["c", "d"]),
        ([Region("2"), Region("chr2", 4, 5)], ["d"]),
    ],
)
def test_regions(tmp_path, standard_input, setting, regions, expected):
    kind, _, index = setting.partition("+")
    path = write(tmp_path, "bgzf" if kind == "-" else kind, REGION_RECORDS)
    if index:
        index_variants(path, csi=index == "csi")
    source = standard_input(path.read_bytes()) if kind == "-" else str(path)
    assert [variant.id for variant in read_variants(source, regions)] == expected


def test_regions_without_index_say_that_one_would_help(tmp_path, caplog):
    path = write(tmp_path, "bgzf", REGION_RECORDS)
    with caplog.at_level(logging.INFO):
        list(read_variants(str(path), [Region("chr1")]))
    assert "an index (`tabix`) would be faster" in caplog.text
    caplog.clear()
    index_variants(path)
    with caplog.at_level(logging.INFO):
        list(read_variants(str(path), [Region("chr1")]))
    assert not caplog.records


def test_stale_index_is_not_used(tmp_path, caplog):
    path = write(tmp_path, "bgzf", REGION_RECORDS)
    os.utime(index_variants(path), (1, 1))
    assert [variant.id for variant in read_variants(str(path), [Region("chr2")])] == ["d"]
    assert "is older than" in caplog.text


@pytest.mark.parametrize("setting", ["plain", "bcf", "bgzf+tbi", "bcf+csi"])
def test_region_on_an_unknown_contig(tmp_path, setting):
    kind, _, index = setting.partition("+")
    path = write(tmp_path, kind, REGION_RECORDS)
    if index:
        index_variants(path)
    assert "no contig 'chr9'" in read(path, [Region("chr9")])[1]
    assert list(read_variants(str(path), [Region("chr9")], {"9": 100})) == []


def test_region_on_a_contig_that_only_the_rows_name(tmp_path):
    path = make_vcf(tmp_path / "in.vcf", REGION_RECORDS, contigs=[])
    assert [variant.id for variant in read_variants(str(path), [Region("2")])] == ["d"]


def test_malformed_row_in_an_indexed_region(tmp_path):
    path = make_vcf(tmp_path / "in.vcf.gz", [GOOD, "chr1\t12\t.\tA\tC,,G\t.\t.\t."])
    index_variants(path)
    variants, message = read(path, [Region("chr1")])
    assert len(variants) == 1
    assert "in chr1:1-" in message
    assert "ALT is empty" in message


@pytest.mark.parametrize("setting", ["plain", "bgzf", "gzip", "bgzf+tbi", "bgzf+csi", "bcf+csi"])
def test_count_records(tmp_path, setting):
    kind, _, index = setting.partition("+")
    path = write(tmp_path, kind)
    if index:
        index_variants(path, csi=index == "csi")
    assert count_records(str(path)) == len(RECORDS)


def test_count_is_unknown_where_it_would_cost(tmp_path):
    assert count_records("-") is None
    assert count_records(str(tmp_path / "none.vcf")) is None
    path = write(tmp_path, "plain")
    assert count_records(str(path), [Region("chr1")]) is None
    assert count_records(str(write(tmp_path, "bcf"))) is None


def test_dropped_iterator_closes_its_file(tmp_path):
    variants = read_variants(str(write(tmp_path, "bcf")))
    next(variants)
    del variants
    gc.collect()  # a ResourceWarning would be an error


def test_standard_input_without_descriptor(tmp_path, monkeypatch):
    content = write(tmp_path, "bcf").read_bytes()
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=io.BytesIO(content)))
    assert list(read_variants("-")) == VARIANTS


@pytest.mark.parametrize("setting", ["plain", "bgzf", "bcf", "bgzf+tbi", "bgzf+csi", "bcf+csi"])
def test_reading_from_the_middle(tmp_path, setting):
    kind, _, index = setting.partition("+")
    path = write(tmp_path, kind)
    if index:
        index_variants(path, csi=index == "csi")
    for first in range(len(RECORDS) + 1):
        for end in range(first, len(RECORDS) + 1):
            wanted = [variant for variant in VARIANTS if first <= variant.record < end]
            assert list(read_variants(str(path), first_record=first, end_record=end)) == wanted


def test_records_before_the_first_are_not_parsed(tmp_path):
    path = make_vcf(tmp_path / "v.vcf", ["chr1\tnonsense", *RECORDS])
    assert [variant.id for variant in read_variants(str(path), first_record=3)] == [".", "none"]


def test_an_index_spares_the_contigs_before(tmp_path):
    path = make_vcf(tmp_path / "v.vcf.gz", [("chr1", 9 + i, "x" * 50, "A", "C") for i in range(9000)] + RECORDS[3:])
    index_variants(path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 40] = bytes(40)  # damage in the middle of chr1
    stamp = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert [variant.id for variant in read_variants(str(path), first_record=9000)] == ["none"]


@pytest.mark.parametrize("kind", ["plain", "bgzf", "bcf"])
def test_there_is_nothing_beyond_the_end(tmp_path, kind):
    assert list(read_variants(str(write(tmp_path, kind)), first_record=len(RECORDS) + 1)) == []


@pytest.mark.parametrize("setting", ["plain", "bgzf", "bcf"])
def test_count_every_record(tmp_path, setting):
    path = str(write(tmp_path, setting))
    assert count_every_record(path) == len(RECORDS)
    assert count_every_record(path, [Region("chr1", 0, 25)]) == 2


def test_closed_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="standard input is closed"):
        read_variants("-")
