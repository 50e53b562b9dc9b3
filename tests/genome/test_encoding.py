import numpy as np
import pytest

from enformer_vep.genome.encoding import encode, reverse_complement


@pytest.mark.parametrize(
    ("sequence", "codes"),
    [
        ("ACGT", [0, 1, 2, 3]),
        (b"ACGT", [0, 1, 2, 3]),
        ("acgt", [0, 1, 2, 3]),
        ("NnRYKM-.*U", [4] * 10),
        ("", []),
        ("AéC", [0, 4, 1]),
    ],
)
def test_encode(sequence, codes):
    result = encode(sequence)
    assert result.dtype == np.uint8
    assert result.tolist() == codes


def test_encode_covers_every_byte():
    codes = encode(bytes(range(256))).tolist()
    known = {chr(value): code for value, code in enumerate(codes) if code != 4}
    assert known == {"A": 0, "C": 1, "G": 2, "T": 3, "a": 0, "c": 1, "g": 2, "t": 3}


def test_encoded_array_may_be_written_to():
    codes = encode(b"AAAA")
    codes[0] = 3
    assert encode(b"AAAA").tolist() == [0, 0, 0, 0]


def test_reverse_complement():
    assert reverse_complement(encode("AACGTN")).tolist() == encode("NACGTT").tolist()


def test_reverse_complement_works_on_the_last_axis_and_is_its_own_inverse():
    codes = np.stack([encode("ACGTN"), encode("GGGGA")])
    assert reverse_complement(codes).tolist() == [encode("NACGT").tolist(), encode("TCCCC").tolist()]
    assert np.array_equal(reverse_complement(reverse_complement(codes)), codes)
