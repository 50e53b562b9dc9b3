"""The layout of EleutherAI/enformer-official-rough: config.json and the tensors of enformer-pytorch."""

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from enformer_vep.errors import ModelError
from enformer_vep.models.layouts import Layout, Shape, translate_module
from enformer_vep.settings import DNABERT

CONFIG_NAME = "config.json"
WEIGHT_NAMES = ("model.safetensors", "pytorch_model.bin")
"""Files that a directory of this layout may hold, in the order of preference."""

_MODULES = {
    "stem.conv": "stem.0",
    "stem.pointwise.norm": "stem.1.fn.0",
    "stem.pointwise.conv": "stem.1.fn.2",
    "stem.pool": "stem.2",
    "tower.*.conv.norm": "conv_tower.*.0.0",
    "tower.*.conv.conv": "conv_tower.*.0.2",
    "tower.*.pointwise.norm": "conv_tower.*.1.fn.0",
    "tower.*.pointwise.conv": "conv_tower.*.1.fn.2",
    "tower.*.pool": "conv_tower.*.2",
    "blocks.*.attention_norm": "transformer.*.0.fn.0",
    "blocks.*.attention": "transformer.*.0.fn.1",
    "blocks.*.attention.query": "transformer.*.0.fn.1.to_q",
    "blocks.*.attention.key": "transformer.*.0.fn.1.to_k",
    "blocks.*.attention.value": "transformer.*.0.fn.1.to_v",
    "blocks.*.attention.relative_key": "transformer.*.0.fn.1.to_rel_k",
    "blocks.*.attention.output": "transformer.*.0.fn.1.to_out",
    "blocks.*.feed_forward_norm": "transformer.*.1.fn.0",
    "blocks.*.feed_forward.expand": "transformer.*.1.fn.1",
    "blocks.*.feed_forward.contract": "transformer.*.1.fn.4",
    "final.norm": "final_pointwise.1.0",
    "final.conv": "final_pointwise.1.2",
    "heads.*": "_heads.*.0",
}
_LEAVES = {
    "logit": "to_attn_logits.weight",
    "content_bias": "rel_content_bias",
    "position_bias": "rel_pos_bias",
}
# enformer-pytorch registers every layer a second time inside the nn.Sequential `_trunk`.
_ALIASES = {
    "_trunk.1.": "stem.",
    "_trunk.2.": "conv_tower.",
    "_trunk.4.": "transformer.",
    "_trunk.6.": "final_pointwise.",
}
_FIELDS = {
    "dim": "channels",
    "depth": "transformer_layers",
    "heads": "attention_heads",
    "attn_dim_key": "key_size",
    "num_downsamples": "pooling_stages",
    "dim_divisible_by": "channel_multiple",
    "target_length": "target_length",
    "output_heads": "output_tracks",
    "dropout_rate": "dropout",
    "attn_dropout": "attention_dropout",
    "pos_dropout": "position_dropout",
}


def _locate(name: str, shape: Shape) -> tuple[str, Shape]:
    module, _, leaf = name.rpartition(".")
    theirs = f"{translate_module(module, _MODULES)}.{_LEAVES.get(leaf, leaf)}"
    if leaf == "logit":
        return theirs, (*shape, 1, 1)
    if leaf in _LEAVES:
        return theirs, (1, shape[0], 1, shape[1])
    return theirs, shape


def _restore(tensor: Tensor, name: str, shape: Shape) -> Tensor:
    return tensor.reshape(shape)


def _canonical(name: str) -> str:
    for alias, original in _ALIASES.items():
        if name.startswith(alias):
            return original + name.removeprefix(alias)
    return name


HUGGING_FACE = Layout(
    locate=_locate,
    restore=_restore,
    canonical=_canonical,
    is_state=lambda name: name.endswith(".num_batches_tracked"),
)


def read_config(path: Path) -> dict[str, Any]:
    """Read a config.json.

    Args:
        path: The file.

    Returns:
        Keyword arguments of `EnformerConfig`, all but the window, which this layout does not record. A target
        length of -1 stands for "no crop".

    Raises:
        ModelError: When the file is missing or is not the configuration of an Enformer.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot read the model configuration ({error}): copy it again") from error
    if not isinstance(values, dict) or values.get("model_type", "enformer") != "enformer":
        is_bert = isinstance(values, dict) and values.get("model_type") == "bert"
        remedy = f"give a DNABERT as {DNABERT}:DIRECTORY" if is_bert else "use the file that came with the weights"
        raise ModelError(f"{path}: not the configuration of an Enformer: {remedy}")
    return {ours: values[theirs] for theirs, ours in _FIELDS.items() if theirs in values}
