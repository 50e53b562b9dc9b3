"""A hash of the weights themselves, the same whatever file they came in.

The network falls into parts: the trunk and one part per head. A part's digest is the SHA-256 over its tensors
in the order of their names, each as the line `name shape` and its values in little-endian float32. A model's
identity is the SHA-256 over the lines `part digest`. A file of ours records the digests, so that a head that
is not wanted need not be read to know the identity.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def part_of(name: str) -> str:
    """Part that a tensor belongs to: "heads.human" for "heads.human.weight", otherwise "trunk"."""
    return name.rpartition(".")[0] if name.startswith("heads.") else "trunk"


def digest_parts(names: Iterable[str], read: Callable[[str], Tensor]) -> dict[str, str]:
    """Digest every part, hexadecimal SHA-256 by part, of whole parts' names and what reads float32 on the CPU."""
    hashes: dict[str, hashlib._Hash] = {}
    for name in sorted(names):
        tensor = read(name)
        part = hashes.setdefault(part_of(name), hashlib.sha256())
        part.update(f"{name} {list(tensor.shape)}\n".encode())
        part.update(_bytes(tensor))
    return {part: state.hexdigest() for part, state in hashes.items()}


def identity(digests: Mapping[str, str]) -> str:
    """Combine the digests of all parts into the identity of the weights (hexadecimal SHA-256)."""
    lines = "".join(f"{part} {digest}\n" for part, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    values: NDArray[np.float32] = tensor.contiguous().numpy()
    return values.astype("<f4", copy=False).reshape(-1).view(np.uint8).data
