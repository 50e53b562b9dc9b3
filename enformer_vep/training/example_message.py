"""`tf.train.Example` messages with byte features, decoded without TensorFlow or protobuf.

The message is Example { Features features = 1 }, Features { map<string, Feature> feature = 1 }, a map entry
{ string key = 1; Feature value = 2 }, Feature { BytesList bytes_list = 1 }, BytesList { repeated bytes value
= 1 }. Source: tensorflow/core/example/{example,feature}.proto and the protocol buffer encoding guide.
"""

from collections.abc import Iterator

_VARINT, _EIGHT_BYTES, _LENGTH_DELIMITED, _FOUR_BYTES = 0, 1, 2, 5
_FIXED_SIZES = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_LONGEST_VARINT = 10


def decode_example(message: bytes) -> dict[str, bytes]:
    """Feature name to its first value; features that hold numbers are left out.

    Raises:
        ValueError: It is not a serialised `tf.train.Example`.
    """
    found: dict[str, bytes] = {}
    for entry in _inside(memoryview(message), 1, 1):
        name, content = next(_inside(entry, 1), None), next(_inside(entry, 2, 1, 1), None)
        if name is not None and content is not None:
            found[str(name, "utf-8")] = bytes(content)
    return found


def _inside(message: memoryview, number: int, *deeper: int) -> Iterator[memoryview]:
    """The messages under a path of field numbers."""
    for part in _messages(message, number):
        if deeper:
            yield from _inside(part, *deeper)
        else:
            yield part


def _messages(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """The length-delimited fields of a number."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, position = _varint(message, position)
            continue
        if kind == _LENGTH_DELIMITED:
            size, position = _varint(message, position)
        elif kind in _FIXED_SIZES:
            size = _FIXED_SIZES[kind]
        else:
            raise ValueError(f"wire type {kind} at byte {position}")
        if position + size > len(message):
            raise ValueError(f"field {number} is {size} bytes long, but only {len(message) - position} are left")
        if kind == _LENGTH_DELIMITED and number == wanted:
            yield message[position : position + size]
        position += size


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """A variable-length integer, seven bits a byte, and the position after it."""
    value = 0
    for index, byte in enumerate(message[position : position + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise ValueError(f"an integer at byte {position} does not end")
