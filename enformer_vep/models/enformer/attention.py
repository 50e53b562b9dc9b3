"""Multi-head attention with relative positions, as Enformer has it.

Source: `MultiheadAttention` in deepmind-research/enformer/attention_module.py (after Transformer-XL,
Dai et al. 2019). Shapes: B batch, H heads, T tokens, Q queries, K key size, V value size.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.positional import positional_features


def align_relative(logits: Tensor, tokens: int, first_query: int = 0) -> Tensor:
    """Pick, for every query and key, the logit of their distance.

    Args:
        logits: [B, H, Q, 2 T - 1], contiguous; the last axis is the distance key - query, from 1 - T.
        tokens: T.
        first_query: Token that row 0 of the queries stands for.

    Returns:
        [B, H, Q, T] view with out[.., q, k] = logits[.., q, k - (first_query + q) + T - 1]. Going down one
        query moves one step back in the row, so a stride shorter by one does what DeepMind's pad-and-reshape
        (`relative_shift`) does, without a copy.
    """
    batch, heads, queries, distances = logits.shape
    return logits.as_strided(
        (batch, heads, queries, tokens),
        (heads * queries * distances, queries * distances, distances - 1, 1),
        logits.storage_offset() + tokens - 1 - first_query,
    )


class RelativeAttention(nn.Module):
    """Attention over tokens whose logits also depend on the distance between key and query.

    logits[q, k] = (q / sqrt(K) + content_bias) . k + (q / sqrt(K) + position_bias) . r[k - q]; the relative
    keys r are a linear map of `positional_features`. Only the output projection has a bias.

    Args:
        config: Shape of the model.
    """

    def __init__(self, config: EnformerConfig) -> None:
        super().__init__()
        heads, key_size = config.attention_heads, config.key_size
        self.heads, self.key_size = heads, key_size
        self.positional_tokens = config.positional_tokens if config.positional_window else None
        self.attention_dropout, self.position_dropout = config.attention_dropout, config.position_dropout
        self.query = nn.Linear(config.channels, heads * key_size, bias=False)
        self.key = nn.Linear(config.channels, heads * key_size, bias=False)
        self.value = nn.Linear(config.channels, heads * config.value_size, bias=False)
        self.relative_key = nn.Linear(config.positional_features, heads * key_size, bias=False)
        self.content_bias = nn.Parameter(torch.empty(heads, key_size))
        self.position_bias = nn.Parameter(torch.empty(heads, key_size))
        self.output = nn.Linear(heads * config.value_size, config.channels)
        self._cached_relative_keys: tuple[tuple[object, ...], Tensor] | None = None

    def forward(self, x: Tensor, kept: slice | None = None) -> Tensor:
        """Attend.

        Args:
            x: [B, T, channels], layer-normalised.
            kept: Queries that are wanted; all tokens when None. Keys are always all tokens.

        Returns:
            [B, Q, channels].
        """
        return self.combine(self.weights(x, kept), x)

    def weights(self, x: Tensor, kept: slice | None = None) -> Tensor:
        """Attention maps: [B, H, Q, T], each row summing to one."""
        weights = torch.softmax(self.logits(x, kept), dim=-1)
        return F.dropout(weights, self.attention_dropout, self.training)

    def combine(self, weights: Tensor, x: Tensor) -> Tensor:
        """Mix the values of `x` [B, T, channels] by `weights` [B, H, Q, T] and project: [B, Q, channels]."""
        mixed = weights @ self.split(self.value(x))
        return self.output(mixed.transpose(1, 2).flatten(2))

    def logits(self, x: Tensor, kept: slice | None = None) -> Tensor:
        """Content plus position logits: [B, H, Q, T]."""
        tokens = x.shape[1]
        first_query = 0 if kept is None else kept.indices(tokens)[0]
        query = self.split(self.query(x if kept is None else x[:, kept])) * self.key_size**-0.5
        relative = (query + self.position_bias[:, None]) @ self.relative_keys(tokens).transpose(1, 2)
        content = (query + self.content_bias[:, None]) @ self.split(self.key(x)).transpose(2, 3)
        return content + align_relative(relative.contiguous(), tokens, first_query)

    def relative_keys(self, tokens: int) -> Tensor:
        """Relative keys [H, 2 T - 1, K], row d + T - 1 for the distance d = key - query.

        They depend on the weights alone, so outside training they are computed once per length and weights.
        """
        weight = self.relative_key.weight
        if self.training or (torch.is_grad_enabled() and weight.requires_grad):
            return self._make_relative_keys(tokens)
        identity = (tokens, weight.data_ptr(), weight._version, weight.device, weight.dtype)
        if self._cached_relative_keys is None or self._cached_relative_keys[0] != identity:
            # Usable in any later mode: not an inference tensor, and not in autocast's half precision.
            with (
                torch.inference_mode(False),
                torch.no_grad(),
                torch.autocast(weight.device.type, enabled=False),
            ):
                self._cached_relative_keys = (identity, self._make_relative_keys(tokens))
        return self._cached_relative_keys[1]

    def _make_relative_keys(self, tokens: int) -> Tensor:
        weight = self.relative_key.weight
        reach = self.positional_tokens or tokens
        features = positional_features(reach, weight.shape[1])[reach - tokens : reach + tokens - 1].to(weight)
        features = F.dropout(features, self.position_dropout, self.training)
        return self.relative_key(features).unflatten(1, (self.heads, self.key_size)).transpose(0, 1).contiguous()

    def split(self, x: Tensor) -> Tensor:
        """[B, T, H * size] to [B, H, T, size]."""
        batch, tokens, _ = x.shape
        return x.view(batch, tokens, self.heads, -1).transpose(1, 2)
