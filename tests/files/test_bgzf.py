"""Our BGZF is BGZF: htslib and gzip read it, and its bytes depend on the content alone."""

import gzip
import random

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enformer_vep.files.bgzf import EOF_MARKER, BgzfEncoder, encode_block


class Collected:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


def encode(*pieces: bytes) -> bytes:
    collected = Collected()
    encoder = BgzfEncoder(collected)
    for piece in pieces:
        encoder.write(piece)
    encoder.finish()
    return collected.data


def test_the_end_marker_is_the_specification_s():
    assert encode() == EOF_MARKER
    assert len(EOF_MARKER) == 28
    assert gzip.decompress(EOF_MARKER) == b""


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_gzip_reads_back_what_went_in(pieces):
    assert gzip.decompress(encode(*pieces)) == b"".join(pieces)


def test_bytes_do_not_depend_on_how_the_content_is_divided():
    content = random.Random(1).randbytes(200_000)
    pieces = [content[start : start + 777] for start in range(0, len(content), 777)]
    assert encode(content) == encode(*pieces)


@pytest.mark.parametrize("content", [bytes(0xFF00), random.Random(2).randbytes(0xFF00)])
def test_a_full_block_keeps_to_the_format_s_limit(content):
    block = encode_block(content)
    assert len(block) <= 1 << 16
    assert int.from_bytes(block[16:18], "little") == len(block) - 1


def test_htslib_seeks_in_it(tmp_path):
    lines = [f"line {number}\n".encode() for number in range(50_000)]
    path = tmp_path / "lines.gz"
    path.write_bytes(encode(*lines))
    with pysam.BGZFile(str(path)) as handle:
        for _ in range(30_000):
            next(handle)
        place = handle.tell()
        expected = next(handle)
        handle.seek(0)
        handle.seek(place)
        assert next(handle) == expected == b"line 30000"
