"""Base codes: one byte a base, the form in which sequence travels to the device.

The one-hot expansion happens on the device: codes 0 to 3 become one-hot rows in the order A, C, G, T,
code 4 becomes four zeros.
"""

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8]

UNKNOWN = 4
"""Code of N, of every other letter that is not A, C, G or T, and of the padding past a contig's ends."""

_LETTERS = b"ACGT"
_TABLE = bytes(
    _LETTERS.index(letter) if letter in _LETTERS else UNKNOWN
    for letter in (bytes([value]).upper()[0] for value in range(256))
)
_COMPLEMENT = np.array([3, 2, 1, 0, UNKNOWN], dtype=np.uint8)


def encode(sequence: bytes | str) -> Codes:
    """Turns letters into base codes.

    Args:
        sequence: L letters; lower case means the same as upper case.

    Returns:
        uint8 [L], writable: A=0, C=1, G=2, T=3, anything else 4.
    """
    if isinstance(sequence, str):
        # One byte a letter, whatever the letter, so that the length is kept.
        sequence = sequence.encode("ascii", "replace")
    return np.frombuffer(bytearray(sequence.translate(_TABLE)), dtype=np.uint8)


def reverse_complement(codes: Codes) -> Codes:
    """Reads the other strand of uint8 [..., L] base codes: last axis reversed, A and T, C and G exchanged, 4 kept."""
    complement: Codes = _COMPLEMENT[codes[..., ::-1]]
    return complement
