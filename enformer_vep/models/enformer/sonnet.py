"""DeepMind's released Sonnet/TensorFlow checkpoint: its names, its shapes, its reader.

The checkpoint holds no configuration; the shape of the model is read off the tensors. TensorFlow keeps the
axes of a kernel in the reverse of PyTorch's order.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from enformer_vep.errors import DependencyError, ModelError
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.layouts import Layout, Shape, translate_module

_PREFIX, _SUFFIX = "module/", "/.ATTRIBUTES/VARIABLE_VALUE"
_BLOCK = "_trunk/_layers/2/_layers/*/_layers"
_TOWER = "_trunk/_layers/1/_layers/*/_layers"
_MODULES = {
    "stem.conv": "_trunk/_layers/0/_layers/0",
    "stem.pointwise.norm": "_trunk/_layers/0/_layers/1/_module/_layers/0",
    "stem.pointwise.conv": "_trunk/_layers/0/_layers/1/_module/_layers/2",
    "stem.pool": "_trunk/_layers/0/_layers/2",
    "tower.*.conv.norm": f"{_TOWER}/0/_layers/0",
    "tower.*.conv.conv": f"{_TOWER}/0/_layers/2",
    "tower.*.pointwise.norm": f"{_TOWER}/1/_module/_layers/0",
    "tower.*.pointwise.conv": f"{_TOWER}/1/_module/_layers/2",
    "tower.*.pool": f"{_TOWER}/2",
    "blocks.*.attention_norm": f"{_BLOCK}/0/_module/_layers/0",
    "blocks.*.attention": f"{_BLOCK}/0/_module/_layers/1",
    "blocks.*.attention.query": f"{_BLOCK}/0/_module/_layers/1/_q_layer",
    "blocks.*.attention.key": f"{_BLOCK}/0/_module/_layers/1/_k_layer",
    "blocks.*.attention.value": f"{_BLOCK}/0/_module/_layers/1/_v_layer",
    "blocks.*.attention.relative_key": f"{_BLOCK}/0/_module/_layers/1/_r_k_layer",
    "blocks.*.attention.output": f"{_BLOCK}/0/_module/_layers/1/_embedding_layer",
    "blocks.*.feed_forward_norm": f"{_BLOCK}/1/_module/_layers/0",
    "blocks.*.feed_forward.expand": f"{_BLOCK}/1/_module/_layers/1",
    "blocks.*.feed_forward.contract": f"{_BLOCK}/1/_module/_layers/4",
    "final.norm": "_trunk/_layers/4/_layers/0/_layers/0",
    "final.conv": "_trunk/_layers/4/_layers/0/_layers/2",
    "heads.*": "_heads/*/_layers/0",
}
_LEAVES = {
    "weight": "w",
    "bias": "b",
    "logit": "_logit_linear/w",
    "content_bias": "_r_w_bias",
    "position_bias": "_r_r_bias",
}
# `average` is what inference uses; `_hidden` is the same without the correction for its start at zero.
_NORM_LEAVES = {
    "weight": "scale",
    "bias": "offset",
    "running_mean": "moving_mean/average",
    "running_var": "moving_variance/average",
}
_BIASES = ("content_bias", "position_bias")
_STATISTICS = ("running_mean", "running_var")


def _locate(name: str, shape: Shape) -> tuple[str, Shape]:
    module, _, leaf = name.rpartition(".")
    leaves = _NORM_LEAVES if module.endswith("norm") else _LEAVES
    theirs = f"{translate_module(module, _MODULES)}/{leaves[leaf]}"
    if leaf in _STATISTICS:
        return theirs, (1, 1, *shape)
    if leaf in _BIASES:
        return theirs, (1, shape[0], 1, shape[1])
    return theirs, shape[::-1]


def _restore(tensor: Tensor, name: str, shape: Shape) -> Tensor:
    if name.endswith((*_STATISTICS, *_BIASES)):
        return tensor.reshape(shape)
    return tensor.permute(*reversed(range(tensor.ndim))).contiguous()


SONNET = Layout(
    locate=_locate,
    restore=_restore,
    is_state=lambda name: name.endswith(("/_hidden", "/_counter")),
)


class SonnetStore:
    """Tensors of a TensorFlow checkpoint under their Sonnet paths.

    Attributes:
        path: Prefix of the checkpoint's files.
        shapes: Sonnet path, such as "_trunk/_layers/0/_layers/0/w", to shape.
    """

    def __init__(self, path: Path) -> None:
        """Open the checkpoint.

        Args:
            path: Prefix of the .index and .data files.

        Raises:
            DependencyError: When TensorFlow is not installed.
            ModelError: When the files are damaged.
        """
        # TensorFlow logs to stderr on import, before its own switches can be reached.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        try:
            import tensorflow as tf
        except ImportError as error:
            raise DependencyError(
                f"{path}: reading DeepMind's checkpoint needs TensorFlow: "
                "pip install 'enformer-vep[tensorflow]', then `enformer-vep convert` it once"
            ) from error
        self.path = path
        self._errors = (tf.errors.OpError, RuntimeError, ValueError)
        try:
            self._reader = tf.train.load_checkpoint(str(path))
            shapes = self._reader.get_variable_to_shape_map()
        except self._errors as error:
            raise self._damaged(error) from error
        self.shapes: Mapping[str, Shape] = {
            name.removeprefix(_PREFIX).removesuffix(_SUFFIX): tuple(shape)
            for name, shape in sorted(shapes.items())
            if name.startswith(_PREFIX) and name.endswith(_SUFFIX)
        }

    def read(self, name: str) -> Tensor:
        """Read one tensor as it is stored."""
        try:
            return torch.from_numpy(self._reader.get_tensor(f"{_PREFIX}{name}{_SUFFIX}"))
        except self._errors as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> ModelError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return ModelError(f"{self.path}: cannot read this TensorFlow checkpoint ({reason}): download it again")


def find_prefix(path: Path) -> Path | None:
    """Prefix of a TensorFlow checkpoint.

    Args:
        path: The prefix itself, its .index file, or a directory that holds exactly one.

    Returns:
        The prefix, or None when there is no checkpoint.
    """
    if path.is_dir():
        indices = sorted(path.glob("*.index"))
        return indices[0].with_suffix("") if len(indices) == 1 else None
    if path.suffix == ".index" and path.is_file():
        return path.with_suffix("")
    return path if path.with_name(path.name + ".index").is_file() else None


def deduce_config(shapes: Mapping[str, Shape], path: Path) -> dict[str, Any]:
    """Read the configuration off the tensors.

    Args:
        shapes: Sonnet path to shape.
        path: Named in errors.

    Returns:
        Keyword arguments of `EnformerConfig`, all but window and target length.

    Raises:
        ModelError: When this is not an Enformer.
    """
    try:
        heads, key_size = shapes[f"{_BLOCK}/0/_module/_layers/1/_r_w_bias".replace("*", "0")][1::2]
        blocks = _count(shapes, r"_trunk/_layers/1/_layers/(\d+)/")
        tower = [shapes[f"{_TOWER}/0/_layers/2/b".replace("*", str(block))][0] for block in range(blocks)]
        values: dict[str, Any] = {
            "channels": shapes["_trunk/_layers/4/_layers/0/_layers/0/scale"][0],
            "transformer_layers": _count(shapes, r"_trunk/_layers/2/_layers/(\d+)/"),
            "attention_heads": heads,
            "key_size": key_size,
            "pooling_stages": blocks + 1,
            "output_tracks": _track_counts(shapes),
        }
        return {**values, "channel_multiple": _channel_multiple(values, tuple(tower))}
    except (KeyError, IndexError, ValueError, ModelError) as error:
        raise ModelError(
            f"{path}: not an Enformer checkpoint of DeepMind's layout ({error}): "
            "use the files of deepmind-research/enformer"
        ) from error


def _count(shapes: Mapping[str, Shape], pattern: str) -> int:
    return len({match[1] for name in shapes if (match := re.match(pattern, name))})


def _track_counts(shapes: Mapping[str, Shape]) -> dict[str, int]:
    found = ((re.fullmatch(r"_heads/(\w+)/_layers/0/b", name), shape) for name, shape in shapes.items())
    return {match[1]: shape[0] for match, shape in found if match}


def _channel_multiple(values: Mapping[str, Any], widths: tuple[int, ...]) -> int:
    for multiple in (128, 64, 32, 16, 8, 4, 2, 1):
        if EnformerConfig(**values, channel_multiple=multiple).tower_channels == widths:
            return multiple
    raise ModelError(f"tower widths {widths} do not follow from {values['channels']} channels")
