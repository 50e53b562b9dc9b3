"""The shape of an Enformer, and the arithmetic that follows from it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from enformer_vep.errors import ModelError
from enformer_vep.genome.bins import Geometry

FULL_WINDOW = 196_608
"""Base pairs that the published model reads."""


@dataclass(frozen=True)
class EnformerConfig:
    """Everything that fixes the tensors of an Enformer and the sequence it reads.

    The defaults are the published model (Avsec et al. 2021).

    Attributes:
        channels: Width of the transformer; the stem has half of it.
        transformer_layers: Number of transformer blocks.
        attention_heads: Heads of each attention layer. Value size is channels / attention_heads.
        key_size: Query and key size of one head.
        pooling_stages: Halvings of the sequence: the stem's and one per tower block. A bin has 2 ** of it bp.
        channel_multiple: Tower widths are rounded to multiples of this.
        target_length: Bins that are predicted, the central ones.
        window: Base pairs read, a multiple of the bin width.
        output_tracks: Organism to number of tracks, one head each.
        dropout: After attention and in the feed-forward part; an eighth of it before the heads.
        attention_dropout: On attention weights.
        position_dropout: On positional features.
        positional_window: Window in bp that the positional features are made for; None for `window`. A model
            trained on short windows with the features of a long one can go on with the long one.
    """

    channels: int = 1536
    transformer_layers: int = 11
    attention_heads: int = 8
    key_size: int = 64
    pooling_stages: int = 7
    channel_multiple: int = 128
    target_length: int = 896
    window: int = FULL_WINDOW
    output_tracks: Mapping[str, int] = field(default_factory=lambda: {"human": 5313, "mouse": 1643})
    dropout: float = 0.4
    attention_dropout: float = 0.05
    position_dropout: float = 0.01
    positional_window: int | None = None

    def __post_init__(self) -> None:
        """Refuse shapes that the network cannot have.

        Raises:
            ModelError: When the widths do not divide or the crop is impossible.
        """
        if self.channels % (2 * self.attention_heads):
            raise ModelError(f"{self.channels} channels cannot be halved and split over {self.attention_heads} heads")
        if self.positional_features < 6:
            raise ModelError(f"channels / attention_heads must be at least 6, not {self.value_size}")
        if self.window % (2 * self.bin_width):
            raise ModelError(f"a window must be a multiple of {2 * self.bin_width} bp, not {self.window}: use --window")
        if self.positional_tokens < self.tokens:
            raise ModelError(f"positional_window {self.positional_window} is below the window {self.window}")
        if not 0 < self.target_length <= self.tokens or (self.tokens - self.target_length) % 2:
            raise ModelError(
                f"{self.target_length} bins cannot be cut from the middle of the {self.tokens} tokens "
                f"of a {self.window}-bp window: use --window"
            )

    @property
    def bin_width(self) -> int:
        """Base pairs per token and per output bin."""
        return int(2**self.pooling_stages)

    @property
    def tokens(self) -> int:
        """Positions that the transformer sees."""
        return self.window // self.bin_width

    @property
    def positional_tokens(self) -> int:
        """Tokens that the positional features are made for."""
        return (self.positional_window or self.window) // self.bin_width

    @property
    def crop(self) -> int:
        """Tokens cut from each side before the heads."""
        return (self.tokens - self.target_length) // 2

    @property
    def output(self) -> Geometry:
        """The window and all its output bins."""
        return Geometry(self.window, self.crop * self.bin_width, self.bin_width, self.target_length)

    @property
    def value_size(self) -> int:
        """Value size of one attention head."""
        return self.channels // self.attention_heads

    @property
    def positional_features(self) -> int:
        """Length of the positional feature vector: the value size, rounded down to a multiple of 6.

        Source: `num_relative_position_features` in deepmind-research/enformer/attention_module.py.
        """
        return self.value_size // 6 * 6

    @property
    def tower_channels(self) -> tuple[int, ...]:
        """Width of each tower block: a geometric series from half the channels to all of them.

        Source: `exponential_linspace_int` in deepmind-research/enformer/enformer.py.
        """
        blocks = self.pooling_stages - 1
        start = self.channels / 2
        growth = math.exp(math.log(self.channels / start) / (blocks - 1)) if blocks > 1 else 1.0
        multiple = self.channel_multiple
        return tuple(int(round(start * growth**block / multiple) * multiple) for block in range(blocks))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "output_tracks": dict(self.output_tracks)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "EnformerConfig":
        """Inverse of `to_dict`.

        Raises:
            ModelError: On a key this version does not know.
        """
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown:
            raise ModelError(f"unknown model configuration {', '.join(unknown)}: written by a newer enformer-vep?")
        return cls(**values)
