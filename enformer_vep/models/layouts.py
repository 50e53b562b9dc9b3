"""How a weight file names and shapes the tensors of the network.

A layout translates from our names: the network says which tensors it needs, the layout says under which name
and shape a file of its kind must hold them. What is then missing, extra or misshapen follows by comparison.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

Shape = tuple[int, ...]

_NUMBERED = ("tower", "blocks", "heads")


@dataclass(frozen=True, slots=True)
class Layout:
    """Names and shapes of one kind of file.

    Attributes:
        locate: Our tensor name and shape to the file's name and shape.
        restore: The file's tensor, our name and our shape to our tensor.
        canonical: A file's name to the name that it repeats; to itself for all but aliases.
        is_state: Whether a file's name is training state that has no part in a prediction.
    """

    locate: Callable[[str, Shape], tuple[str, Shape]]
    restore: Callable[[Tensor, str, Shape], Tensor]
    canonical: Callable[[str], str] = lambda name: name
    is_state: Callable[[str], bool] = lambda name: False


def translate_module(module: str, table: Mapping[str, str]) -> str:
    """Look up a module path in a table where `*` stands for a block's number or a head's organism.

    "tower.3.conv.norm" by "tower.*.conv.norm" to "conv_tower.*.0.0" is "conv_tower.3.0.0".
    """
    parts = module.split(".")
    if parts[0] not in _NUMBERED:
        return table[module]
    return table[".".join([parts[0], "*", *parts[2:]])].replace("*", parts[1])


NATIVE = Layout(
    locate=lambda name, shape: (name, shape),
    restore=lambda tensor, name, shape: tensor,
)
"""Our own safetensors files."""
