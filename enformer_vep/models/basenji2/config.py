"""The shape of a Basenji2, and the arithmetic that follows from it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from enformer_vep.errors import ModelError
from enformer_vep.genome.bins import Geometry

ACTIVATIONS = ("sigmoid", "tanh")
"""x * sigmoid(1.702 x), which the published weights were trained with; and GELU's tanh form, which basenji's code has
had since 13 April 2022."""


@dataclass(frozen=True)
class Basenji2Config:
    """Everything that fixes the tensors of a Basenji2 and the sequence it reads.

    The defaults are the published human and mouse models (Kelley 2020), which are two files.

    Attributes:
        tower_widths: Channels of stem and tower, each of which halves the sequence.
        stem_kernel: Width of the first convolution, odd.
        tower_kernel: Width of the tower's convolutions, odd.
        narrow_width: Channels between the two convolutions of a dilated block.
        dilations: Of the dilated blocks.
        final_width: Channels before the head.
        target_length: Bins that are predicted, the central ones.
        window: Base pairs read, a multiple of twice the bin width.
        output_tracks: Organism to number of tracks, one head each.
        activation: One of `ACTIVATIONS`.
        dropout: After a dilated block; a sixth of it before the head.
    """

    tower_widths: tuple[int, ...] = (288, 339, 399, 470, 554, 652, 768)
    stem_kernel: int = 15
    tower_kernel: int = 5
    narrow_width: int = 384
    dilations: tuple[int, ...] = (1, 2, 3, 4, 6, 9, 14, 21, 32, 48, 72)
    final_width: int = 1536
    target_length: int = 896
    window: int = 131_072
    output_tracks: Mapping[str, int] = field(default_factory=lambda: {"human": 5313})
    activation: str = ACTIVATIONS[0]
    dropout: float = 0.3

    def __post_init__(self) -> None:
        """Refuse shapes that the network cannot have.

        Raises:
            ModelError: When a width is none or the crop is impossible.
        """
        widths = (*self.tower_widths, *self.dilations, self.narrow_width, self.final_width)
        if not self.tower_widths or not all(type(width) is int and width > 0 for width in widths):
            raise ModelError(f"widths and dilations have to be positive whole numbers, not {widths}")
        if self.stem_kernel % 2 == 0 or self.tower_kernel % 2 == 0:
            raise ModelError(f"convolutions have odd widths, not {self.stem_kernel} and {self.tower_kernel}")
        if self.activation not in ACTIVATIONS:
            raise ModelError(f"activation {self.activation!r}: choose from {', '.join(ACTIVATIONS)}")
        if self.window <= 0 or self.window % (2 * self.bin_width):
            raise ModelError(f"a window must be a multiple of {2 * self.bin_width} bp, not {self.window}: use --window")
        if not 0 < self.target_length <= self.tokens or (self.tokens - self.target_length) % 2:
            raise ModelError(
                f"{self.target_length} bins cannot be cut from the middle of the {self.tokens} tokens "
                f"of a {self.window}-bp window: use --window"
            )

    @property
    def bin_width(self) -> int:
        """Base pairs per token and per output bin."""
        return int(2 ** len(self.tower_widths))

    @property
    def tokens(self) -> int:
        """Positions that the dilated blocks see."""
        return self.window // self.bin_width

    @property
    def tower_reach(self) -> int:
        """How far to either side, in bp, a base can change the tower's output: each stage at its own resolution."""
        kernels = (self.stem_kernel, *[self.tower_kernel] * (len(self.tower_widths) - 1))
        return sum(kernel // 2 * 2**halvings for halvings, kernel in enumerate(kernels))

    @property
    def crop(self) -> int:
        """Tokens cut from each side before the head."""
        return (self.tokens - self.target_length) // 2

    @property
    def output(self) -> Geometry:
        """The window and all its output bins."""
        return Geometry(self.window, self.crop * self.bin_width, self.bin_width, self.target_length)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        values = asdict(self)
        return {
            **values,
            "tower_widths": list(self.tower_widths),
            "dilations": list(self.dilations),
            "output_tracks": dict(self.output_tracks),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Basenji2Config":
        """Inverse of `to_dict`; raises ModelError on a key that is not known or a shape that cannot be."""
        unknown = sorted(values.keys() - cls.__dataclass_fields__.keys())
        if unknown:
            raise ModelError(
                f"unknown model configuration {', '.join(unknown)}: made by a newer version of this program?"
            )
        listed = {name: tuple(values[name]) for name in ("tower_widths", "dilations") if name in values}
        return cls(**{**values, **listed})
