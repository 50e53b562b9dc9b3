"""BCF: records made by hand from the specification, and what a pipe, a name or a region may do to its reading."""

import gzip
import os
import resource
import shutil
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from enformer_vep.errors import InputError
from enformer_vep.genome.regions import Region
from enformer_vep.genome.vcf import read_variants
from tests.builders import bgzip, index_variants, make_bcf, make_vcf, vcf_text

Row = tuple[str, int, str, str, str]
HEADER = vcf_text([], {"chr1": 1000, "chr2": 100})
CHAR = 7  # the specification's type of text


def text_value(content: bytes) -> bytes:
    assert len(content) < 15
    return bytes([len(content) << 4 | CHAR]) + content


def record(
    contig: int = 0,
    start: int = 9,
    length: int = 1,
    name: bytes = b"rs1",
    alleles: tuple[bytes, ...] = (b"A", b"C"),
) -> bytes:
    """One record without INFO and samples (VCF specification, section 6.3.1); start is 0-based."""
    fixed = struct.pack("<iIifHHI", contig, start, length, 0.0, 0, len(alleles), 0)
    shared = fixed + text_value(name) + b"".join(map(text_value, alleles)) + b"\0"
    return struct.pack("<II", len(shared), 0) + shared


def write_raw(path: Path, *records: bytes) -> Path:
    header = HEADER.encode() + b"\0"
    path.write_bytes(b"BCF\2\2" + struct.pack("<I", len(header)) + header + b"".join(records))
    return path


def rows(path: Path | str, *regions: Region) -> list[Row]:
    return [(v.contig, v.position, v.id, v.reference, v.alternate) for v in read_variants(str(path), regions)]


@pytest.mark.parametrize(
    ("made", "row"),
    [
        (record(), ("chr1", 10, "rs1", "A", "C")),
        (record(contig=1, start=4, name=b"", alleles=(b"AC",)), ("chr2", 5, ".", "AC", ".")),
        (record(start=0xFFFFFFFF), ("chr1", 0, "rs1", "A", "C")),  # the specification's telomere
        (record(start=2**31 - 2), ("chr1", 2**31 - 1, "rs1", "A", "C")),
        (record(start=2**31 + 6), ("chr1", 2**31 + 7, "rs1", "A", "C")),
        (record(name="né".encode()), ("chr1", 10, "né", "A", "C")),
        (record(name=b"n\xe9"), ("chr1", 10, "n\ufffd", "A", "C")),
    ],
    ids=lambda value: repr(value[1:]) if isinstance(value, tuple) else "",
)
def test_a_record(tmp_path: Path, made: bytes, row: Row) -> None:
    assert rows(write_raw(tmp_path / "in.bcf", record(), made)) == [("chr1", 10, "rs1", "A", "C"), row]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (record(contig=2), "damaged or truncated"),
        (record(contig=-1), "damaged or truncated"),
        (record(alleles=()), "damaged or truncated"),
        (record(length=0), "record at position 10: it ends before it begins"),
        (record(start=2**31 + 6, length=0), "record at position 2147483655: it ends before it begins"),
        (record(alleles=(b"A", b"C", b".")), "record at position 10: one of several ALT alleles is missing"),
        (record(alleles=(b"A", b"", b"C")), "record at position 10: one of several ALT alleles is missing"),
        (record(name=b"a\tb"), "record at position 10: a tab or line end"),
        (record(alleles=(b"A", b"C\n")), "record at position 10: a tab or line end"),
        (record(alleles=(b"A", b"\xff")), "damaged or truncated"),
        (record()[:-1], "damaged or truncated"),
        (record()[:20], "damaged or truncated"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_malformed_record_is_one_line(tmp_path: Path, made: bytes, message: str) -> None:
    path = write_raw(tmp_path / "in.bcf", record(), made)
    found = []
    with pytest.raises(InputError, match=message) as error:
        found.extend(read_variants(str(path)))
    assert len(found) == 1
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_malformed_allele_of_text_is_malformed_as_bcf(tmp_path: Path) -> None:
    vcf = make_vcf(tmp_path / "in.vcf", ["chr1\t10\tx\tA\tC,,G\t.\t.\t."])
    for path in (vcf, make_bcf(tmp_path / "in.bcf", vcf)):
        with pytest.raises(InputError, match="ALT"):
            rows(path)


def test_unused_columns_need_not_be_text(tmp_path: Path) -> None:
    lines = HEADER.encode() + b"chr1\t10\trs1\tA\tC\t.\tn\xe9\tX=\xff\n"
    plain = tmp_path / "in.vcf"
    plain.write_bytes(lines)
    indexed = bgzip(tmp_path / "in.vcf.gz", lines)
    index_variants(indexed)
    expected = [("chr1", 10, "rs1", "A", "C")]
    assert rows(plain) == rows(indexed) == rows(indexed, Region("1", 0, 100)) == expected


MANY = [("chr1", 3 * i + 1, f"id{i}", "ACGT"[i % 4], "CGTA"[i % 4]) for i in range(3_000)]


@pytest.mark.parametrize("name", ["in.bcf", "in.bcf.gz", "in.vcf.gz", "in", "\u00e9.bcf", "b\udcff.bcf", "http:in.bcf"])
def test_regions_by_index_whatever_the_name(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    made = make_bcf(tmp_path / "made.bcf", make_vcf(tmp_path / "made.vcf", MANY))
    index = index_variants(made)
    path = made.rename(tmp_path / name)
    index.rename(tmp_path / f"{name}.csi")
    caplog.set_level("INFO")
    assert rows(path) == MANY
    assert rows(path, Region("1", 3000, 6000)) == [row for row in MANY if 3000 < row[1] <= 6000]
    assert not caplog.records  # which would say that an index is missing


def test_a_contig_with_a_colon(tmp_path: Path) -> None:
    contigs = {"HLA-A*01:01": 1000, "HLA-A*01:01:02": 1000}
    records = [(contig, 10, "x", "A", "C") for contig in contigs]
    path = make_bcf(tmp_path / "in.bcf", make_vcf(tmp_path / "in.vcf", records, contigs))
    index_variants(path)
    for one in records:
        assert rows(path, Region(str(one[0]), 5, 20)) == [one]


def test_a_path_called_minus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_raw(tmp_path / "-", record())
    assert rows("./-") == [("chr1", 10, "rs1", "A", "C")]


def test_a_damaged_index_is_named(tmp_path: Path) -> None:
    path = make_bcf(tmp_path / "in.bcf", make_vcf(tmp_path / "in.vcf", MANY))
    index = index_variants(path)
    index.write_bytes(b"CSI\1")
    with pytest.raises(InputError, match=r"in\.bcf\.csi cannot be read"):
        rows(path, Region("chr1"))


@pytest.mark.parametrize("kind", ["vcf", "vcf.gz", "bcf", "raw.bcf"])
@pytest.mark.parametrize("regions", [(), (Region("chr1", 3000, 6000),)])
def test_a_named_pipe_is_read_once(tmp_path: Path, kind: str, regions: tuple[Region, ...]) -> None:
    vcf = make_vcf(tmp_path / "in.vcf", MANY)
    path = bgzip(tmp_path / "in.vcf.gz", vcf.read_bytes()) if kind == "vcf.gz" else vcf
    if kind.endswith("bcf"):
        path = make_bcf(tmp_path / "in.bcf", vcf)
    content = path.read_bytes() if kind != "raw.bcf" else gzip.decompress(path.read_bytes())
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=pipe.write_bytes, args=(content,), daemon=True)
    feeder.start()
    assert rows(pipe, *regions) == [row for row in MANY if not regions or 3000 < row[1] <= 6000]
    feeder.join(10)
    assert not feeder.is_alive()


@pytest.fixture
def folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def gzipped(tmp_path: Path) -> Path:
    """A BCF in plain gzip, whose checksum htslib does not look at: it goes through a temporary file as well."""
    made = make_bcf(tmp_path / "made.bcf", make_vcf(tmp_path / "made.vcf", MANY))
    path = tmp_path / "gzipped.bcf"
    path.write_bytes(gzip.compress(gzip.decompress(made.read_bytes())))
    return path


def test_nothing_is_left_of_a_temporary_file(gzipped: Path, folder_for_temporary_files: Path) -> None:
    variants = read_variants(str(gzipped))
    next(variants)
    assert not list(folder_for_temporary_files.iterdir())  # gone while it is still read
    assert len(list(variants)) == len(MANY) - 1


def test_damage_in_plain_gzip_is_noticed(gzipped: Path, folder_for_temporary_files: Path) -> None:
    content = bytearray(gzipped.read_bytes())
    content[-5] ^= 1  # in the checksum
    gzipped.write_bytes(content)
    with pytest.raises(InputError, match="damaged or truncated"):
        read_variants(str(gzipped))
    assert not list(folder_for_temporary_files.iterdir())


def test_no_room_for_a_temporary_file(gzipped: Path, folder_for_temporary_files: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(InputError, match=r"cannot be copied to a temporary file .* TMPDIR"):
            read_variants(str(gzipped))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(folder_for_temporary_files.iterdir())
    folder_for_temporary_files.rmdir()
    with pytest.raises(InputError, match="cannot be copied to a temporary file"):
        read_variants(str(gzipped))


def by_bcftools(path: Path, region: Region | None = None) -> list[Row]:
    """Rows by `bcftools query`, which has no part of cyvcf2; of a region, those whose REF overlaps it."""
    command = ["bcftools", "query", "-f", "%CHROM\t%POS\t%ID\t%REF\t%ALT\n"]
    if region is not None:
        command += ["-r", f"{region.contig}:{region.start + 1}-{region.end}"]
    told = subprocess.run([*command, str(path)], capture_output=True, text=True, check=True).stdout
    records = [line.split("\t") for line in told.splitlines()]
    return [
        (contig, int(position), name, reference, alternate)
        for contig, position, name, reference, alternates in records
        for alternate in alternates.split(",")
        if region is None or int(position) - 1 + len(reference) > region.start
    ]


@pytest.mark.parametrize(
    "source", ["data/variants/1000G.chr22.sites.vcf.gz", "golden/haplotypes/snv10.vcf.gz",
               "golden/haplotypes/indel5.vcf.gz", "golden/haplotypes/edge.vcf"],
)  # fmt: skip
def test_real_variants_against_bcftools(source: str, shared_directory: Path, tmp_path: Path) -> None:
    if shutil.which("bcftools") is None:
        pytest.skip("needs bcftools")
    path = tmp_path / "in.bcf"
    subprocess.run(["bcftools", "view", "-Ob", "-o", path, shared_directory / source], check=True)
    subprocess.run(["bcftools", "index", path], check=True)
    expected = by_bcftools(path)
    assert rows(path) == expected
    positions = [row[1] for row in expected]
    for number in range(40):
        start = positions[number * 7919 % len(positions)] + 97 * (number % 5) - 200
        region = Region(expected[0][0], start, start + (1, 50, 1_000, 30_000)[number % 4])
        assert rows(path, region) == by_bcftools(path, region), region
