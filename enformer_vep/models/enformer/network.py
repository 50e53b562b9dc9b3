"""Enformer (Avsec et al. 2021, Nature Methods 18:1196) in PyTorch.

Written after DeepMind's TensorFlow code (deepmind-research/enformer/enformer.py) and exact to it.
Shapes: B batch, L base pairs of the window, C channels, T = L / 128 tokens, N = target_length bins.
Convolutions work on [B, C, positions], the transformer on [B, T, C].
"""

from collections.abc import Collection, Iterator
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enformer_vep.effects.activations import gelu
from enformer_vep.effects.network import Footprint, Front, Network, Operations, Segment, make_heads
from enformer_vep.models.enformer.attention import RelativeAttention
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.operations import count_operations
from enformer_vep.models.initial_values import TRUNCATION, truncated_normal

NORM_EPSILON = 1e-5
TOKENS_AT_ONCE = 128
"""Tokens that `Enformer.convolve_in_parts` computes at a time: a tenth of the memory, and 5 % more to compute."""


class ConvBlock(nn.Module):
    """BatchNorm, GELU, 'same' convolution: [B, C_in, P] to [B, C_out, P].

    Args:
        channels_in: Input channels.
        channels_out: Output channels.
        width: Odd convolution width.
    """

    def __init__(self, channels_in: int, channels_out: int, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels_in, eps=NORM_EPSILON)
        self.conv = nn.Conv1d(channels_in, channels_out, width, padding=width // 2)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, P] to [B, C_out, P]."""
        return self.conv(gelu(self.norm(x)))


class AttentionPool(nn.Module):
    """Halve the sequence: of two neighbours, a softmax-weighted mean, per channel.

    DeepMind's `SoftmaxPooling1D` takes softmax(W x0, W x1). Of two logits only the difference counts, so
    one product W (x0 - x1) and a sigmoid give the same weights at half the cost.

    Args:
        channels: Input and output channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.empty(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, P] to [B, C, P / 2]."""
        left, right = x[:, :, 0::2], x[:, :, 1::2]
        difference = left - right
        return right + torch.sigmoid(F.conv1d(difference, self.logit[:, :, None])) * difference


class ConvStage(nn.Module):
    """A convolution, a residual convolution of width 1, and pooling: [B, C_in, P] to [B, C_out, P / 2].

    Args:
        conv: Maps [B, C_in, P] to [B, C_out, P].
        channels: C_out.
    """

    def __init__(self, conv: nn.Module, channels: int) -> None:
        super().__init__()
        self.conv = conv
        self.pointwise = ConvBlock(channels, channels, 1)
        self.pool = AttentionPool(channels)

    @property
    def reach(self) -> int:
        """Positions to either side that an output of the convolution sees."""
        convolution = self.conv.conv if isinstance(self.conv, ConvBlock) else self.conv
        return int(cast(nn.Conv1d, convolution).kernel_size[0]) // 2

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, P] to [B, C_out, P / 2]."""
        x = self.conv(x)
        return self.pool(x + self.pointwise(x))


class FeedForward(nn.Module):
    """Two linear maps with a ReLU between them: [B, T, C] to [B, T, C].

    Args:
        config: Shape of the model.
    """

    def __init__(self, config: EnformerConfig) -> None:
        super().__init__()
        self.expand = nn.Linear(config.channels, 2 * config.channels)
        self.contract = nn.Linear(2 * config.channels, config.channels)
        self.dropout = config.dropout

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, C] to [B, T, C]."""
        hidden = torch.relu(F.dropout(self.expand(x), self.dropout, self.training))
        return F.dropout(self.contract(hidden), self.dropout, self.training)


class TransformerBlock(nn.Module):
    """Residual attention, then residual feed-forward, each behind a LayerNorm.

    Args:
        config: Shape of the model.
    """

    def __init__(self, config: EnformerConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.channels, eps=NORM_EPSILON)
        self.attention = RelativeAttention(config)
        self.feed_forward_norm = nn.LayerNorm(config.channels, eps=NORM_EPSILON)
        self.feed_forward = FeedForward(config)
        self.dropout = config.dropout

    def forward(self, x: Tensor, kept: slice | None = None) -> Tensor:
        """Transform.

        Args:
            x: [B, T, C].
            kept: Tokens that are wanted; all of them when None. Attention sees every token either way.

        Returns:
            [B, Q, C], Q the number of wanted tokens.
        """
        attended = self.attention(self.attention_norm(x), kept)
        return self.add(x if kept is None else x[:, kept], attended)

    def add(self, x: Tensor, attended: Tensor) -> Tensor:
        """What follows attention: its result [B, Q, C] is added to `x` [B, Q, C], then the feed-forward part's."""
        x = x + F.dropout(attended, self.dropout, self.training)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Enformer(Network):
    """DNA in, tracks out.

    Attributes:
        config: Shape of the model.
        heads: Organism to linear layer; may be fewer than `config.output_tracks` names.

    Args:
        config: Shape of the model.
        organisms: Heads to build; all of `config.output_tracks` when None.
    """

    def __init__(self, config: EnformerConfig, organisms: Collection[str] | None = None) -> None:
        super().__init__()
        self.config = config
        widths = (config.channels // 2, *config.tower_channels)
        self.stem = ConvStage(nn.Conv1d(4, widths[0], 15, padding=7), widths[0])
        self.tower = nn.ModuleList(
            ConvStage(ConvBlock(before, after, 5), after)
            for before, after in zip(widths, config.tower_channels, strict=False)
        )
        self.blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.transformer_layers))
        self.final = ConvBlock(config.channels, 2 * config.channels, 1)
        self.heads = make_heads(2 * config.channels, config.output_tracks, organisms)
        if next(self.parameters()).device.type != "meta":
            self.apply(_initialise)

    @property
    def footprint(self) -> Footprint:
        """The output of the first convolution, and one layer's attention maps."""
        config = self.config
        return Footprint(
            window=config.window * config.channels // 2 * torch.float32.itemsize,
            alternate=config.attention_heads * config.tokens**2 * torch.float32.itemsize,
        )

    @property
    def front(self) -> Front:
        """Stem and tower: each stage convolves at its own resolution, and pools pairs that begin at even positions."""
        reaches = (stage.reach * 2**halvings for halvings, stage in enumerate(self.stages))
        return Front(self.config.bin_width, sum(reaches))

    @property
    def operations(self) -> Operations:
        """Convolutions and matrix products, heads excepted."""
        return count_operations(self.config)

    @property
    def stages(self) -> list[ConvStage]:
        """Stem and tower blocks, in order."""
        return [self.stem, *(cast(ConvStage, stage) for stage in self.tower)]

    @property
    def transformer_blocks(self) -> list[TransformerBlock]:
        """Transformer blocks, in order."""
        return [cast(TransformerBlock, block) for block in self.blocks]

    def embed(self, x: Tensor, bins: slice | None = None) -> Tensor:
        """Everything below the heads.

        Args:
            x: [B, L, 4].
            bins: Output bins that are wanted; all N when None.

        Returns:
            [B, bins, 2 C].

        Raises:
            ModelError: When the sequence has another length than the configured window.
        """
        self.require_window(x)
        return self.finish(self.transform(self.convolve(x), bins))

    def segments(self, bins: slice | None = None) -> list[Segment]:
        """Every stage and every transformer block is one."""
        turn = partial(torch.transpose, dim0=1, dim1=2)
        return [turn, *self.stages, turn, *self.segments_above(bins)]

    def segments_above(self, bins: slice | None = None) -> list[Segment]:
        """Those behind the tower: from [B, T, C] to [B, bins, 2 C]."""
        return [*self.transformer_blocks[:-1], partial(self._transform_last, bins=bins), self.finish]

    def convolve(self, x: Tensor) -> Tensor:
        """Stem and tower, for any whole number of bins: [B, positions, 4] to [B, positions / 128, C]."""
        x = x.transpose(1, 2)
        for stage in self.stages:
            x = stage(x)
        return x.transpose(1, 2)

    def convolve_in_parts(self, x: Tensor) -> Tensor:
        """As `convolve`, a stretch at a time with its neighbourhood: equal to rounding, in a part of the memory."""
        width, edge = self.config.bin_width, self.front.edge
        tokens = x.shape[1] // width
        parts = []
        for start in range(0, tokens, TOKENS_AT_ONCE):
            before, end = max(start - edge, 0), min(start + TOKENS_AT_ONCE, tokens)
            part = self.convolve(x[:, before * width : (end + edge) * width])
            parts.append(part[:, start - before : end - before])
        return torch.cat(parts, dim=1)

    @property
    def attention_shape(self) -> tuple[int, int]:
        """Attention layers, and heads of each."""
        return self.config.transformer_layers, self.config.attention_heads

    def attention_layers(self, x: Tensor) -> Iterator[Tensor]:
        """Attention maps [B, heads, T, T], a layer at a time: see `Network.attention_layers`."""
        self.require_window(x)
        return self._attention_layers(x)

    def _attention_layers(self, x: Tensor) -> Iterator[Tensor]:
        x = self.convolve_in_parts(x)
        for number, block in enumerate(self.transformer_blocks, start=1):
            normalised = block.attention_norm(x)
            weights = block.attention.weights(normalised)
            yield weights
            if number < len(self.blocks):
                x = block.add(x, block.attention.combine(weights, normalised))
            del weights

    def transform(self, x: Tensor, bins: slice | None = None) -> Tensor:
        """Transformer and crop: [B, T, C] to [B, bins, C]. The last block computes only what is kept."""
        for block in self.blocks[:-1]:
            x = block(x)
        return self._transform_last(x, bins)

    def _transform_last(self, x: Tensor, bins: slice | None) -> Tensor:
        kept = self.kept_tokens(bins)
        return self.blocks[-1](x, kept) if len(self.blocks) else x[:, kept]

    def kept_tokens(self, bins: slice | None = None) -> slice:
        """Tokens that become the given output bins; all bins when None."""
        bins = bins or slice(0, self.config.target_length)
        return slice(self.config.crop + bins.start, self.config.crop + bins.stop)

    def finish(self, x: Tensor) -> Tensor:
        """Final pointwise block: [B, N, C] to [B, N, 2 C]."""
        x = self.final(x.transpose(1, 2)).transpose(1, 2)
        return gelu(F.dropout(x, self.config.dropout / 8, self.training))


def _initialise(module: nn.Module) -> None:
    """DeepMind's initial values: Sonnet's defaults, pools at 2 I, attention scaled by 2 with its output at 0."""
    if isinstance(module, nn.Conv1d | nn.Linear):
        truncated_normal(module.weight, module.weight[0].numel() ** -0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, AttentionPool):
        nn.init.eye_(module.logit).data.mul_(2.0)
    elif isinstance(module, RelativeAttention):
        for layer in (module.query, module.key, module.value, module.relative_key):
            truncated_normal(layer.weight, (2.0 / layer.in_features) ** 0.5 / TRUNCATION)
        for bias in (module.content_bias, module.position_bias):
            truncated_normal(bias, (2.0 / module.heads) ** 0.5 / TRUNCATION)
        nn.init.zeros_(module.output.weight)
