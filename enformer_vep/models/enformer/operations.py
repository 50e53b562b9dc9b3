"""How much there is to compute: floating-point operations of convolutions and matrix products, by the formulas.

A multiply-add is two operations. tests/models/test_counted_operations.py compares with torch's count of a run.
"""

import itertools

from enformer_vep.effects.network import Operations
from enformer_vep.models.enformer.config import EnformerConfig

STEM_WIDTH = 15
TOWER_WIDTH = 5


def count_operations(config: EnformerConfig) -> Operations:
    """Operations of a network of this shape, without its heads, whose share depends on the tracks."""
    return Operations(_token(config), _window(config), _alternate(config))


def _token(config: EnformerConfig) -> float:
    """Stem and tower: a convolution, one of width 1, and pooling with a product for each pair of positions."""
    widths = (4, config.channels // 2, *config.tower_channels)
    total = 0
    for stage, (before, after) in enumerate(itertools.pairwise(widths)):
        kernel = TOWER_WIDTH if stage else STEM_WIDTH
        positions = config.bin_width >> stage
        total += positions * (before * after * kernel + after * after) + positions // 2 * after * after
    return 2.0 * total


def _window(config: EnformerConfig) -> float:
    """All transformer blocks and the final one; the last block computes wanted tokens only."""
    tokens, kept, channels = config.tokens, config.target_length, config.channels
    keys = config.attention_heads * config.key_size
    total = 2 * kept * channels * channels
    for block in range(config.transformer_layers):
        queries = kept if block == config.transformer_layers - 1 else tokens
        total += tokens * channels * (keys + channels) + queries * channels * (keys + 5 * channels)
        total += queries * (tokens * (keys + channels) + (2 * tokens - 1) * keys)
    return 2.0 * total


def _alternate(config: EnformerConfig) -> float:
    """As a window, but for the products of attention: d(q k) and d(p v) are two products each."""
    kept, tokens, channels = config.target_length, config.tokens, config.channels
    keys = config.attention_heads * config.key_size
    queries = max(config.transformer_layers - 1, 0) * tokens + (kept if config.transformer_layers else 0)
    return _window(config) + 2.0 * queries * tokens * (keys + channels)
