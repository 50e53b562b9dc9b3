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
    expected = ["ACGT".find(chr(value).upper()) % 5 if chr(value).upper() in "ACGT" else 4 for value in range(128)]
    assert encode(bytes(range(256))).tolist() == expected + [4] * 128


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
