"""Files of named tensors, opened without running code from them and read tensor by tensor.

Both kinds are memory-mapped: a tensor that is read shares the file's pages, so that a loaded model costs no
more memory than its weights. The file must not be overwritten in place while the model lives; replacing it
by renaming another over it is fine.
"""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from enformer_vep.errors import ModelError
from enformer_vep.models.layouts import Shape


class WeightStore(Protocol):
    """An open file of tensors under the file's own names."""

    path: Path
    shapes: Mapping[str, Shape]

    def read(self, name: str) -> Tensor:
        """Read one tensor as it is stored."""
        ...


def require_finite(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Refuse weights that are not all numbers, which would make scores that are none; raises ModelError."""
    bad = [name for name, tensor in weights.items() if not bool(torch.isfinite(tensor).all())]
    if bad:
        more = f" and {len(bad) - 1} more tensors" if len(bad) > 1 else ""
        raise ModelError(f"{path}: {bad[0]}{more} not finite (NaN or infinite): copy or convert the weights again")


class SafetensorsStore:
    """A .safetensors file; raises ModelError when it is not complete.

    Attributes:
        path: The file.
        shapes: Tensor name to shape.
        metadata: The file's text metadata.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            file: Any = safe_open(path, framework="pt")
            self._file = file
            self.metadata: Mapping[str, str] = file.metadata() or {}
            self.shapes: Mapping[str, Shape] = {
                name: tuple(file.get_slice(name).get_shape()) for name in sorted(file.keys())
            }
        except (OSError, SafetensorError) as error:
            raise _damaged(path, error) from error

    def read(self, name: str) -> Tensor:
        """Read one tensor as it is stored; raises ModelError when the file cannot be read."""
        try:
            # A narrower type is copied into the network: a mapping of its own gives the pages back.
            mapped = self._file.get_slice(name).get_dtype() == "F32"
            file = self._file if mapped else safe_open(self.path, framework="pt")
            tensor: Tensor = file.get_tensor(name)
        except (OSError, SafetensorError) as error:
            raise _damaged(self.path, error) from error
        return tensor


class TorchStore:
    """A state dict written by `torch.save`, read with `weights_only=True`.

    Raises ModelError when it is damaged, or holds anything but named tensors.

    Attributes:
        path: The file.
        shapes: Tensor name to shape.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # The format before PyTorch 1.6 is not a zip archive and cannot be mapped.
            self._tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
        except pickle.UnpicklingError as error:
            raise ModelError(
                f"{path}: damaged, or holds more than tensors, which is never run: "
                "download it again or use a .safetensors file"
            ) from error
        except (OSError, RuntimeError, EOFError, ValueError, KeyError, AttributeError) as error:
            raise _damaged(path, error) from error
        some: Any = self._tensors.items() if isinstance(self._tensors, dict) else [(None, None)]
        if not all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in some):
            raise ModelError(f"{path}: not a dictionary of named tensors: save its state_dict() alone")
        self.shapes: Mapping[str, Shape] = {name: tuple(tensor.shape) for name, tensor in some}

    def read(self, name: str) -> Tensor:
        """Read one tensor as it is stored."""
        tensor: Tensor = self._tensors[name]
        return tensor.detach()


def open_store(path: Path) -> SafetensorsStore | TorchStore:
    """Open a weight file by its suffix; raises ModelError when it is damaged."""
    return SafetensorsStore(path) if path.suffix == ".safetensors" else TorchStore(path)


def _damaged(path: Path, error: Exception) -> ModelError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ModelError(f"{path}: cannot read these weights ({reason}): the file is incomplete, copy it again")
