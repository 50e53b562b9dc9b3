"""How much there is to compute: floating-point operations of convolutions, by the formulas.

A multiply-add is two operations. tests/models/test_counted_operations.py compares with torch's count of a run.
"""

import itertools
from collections.abc import Sequence

from enformer_vep.effects.edits import affected_tokens
from enformer_vep.effects.network import Front, Operations
from enformer_vep.models.basenji2.config import Basenji2Config
from enformer_vep.models.basenji2.dilation import changed_tokens, needed_tokens


def count_operations(config: Basenji2Config) -> Operations:
    """Operations of a network of this shape, without its heads, whose share depends on the tracks.

    An alternate is a substitution at the window's centre.
    """
    front, centre = Front(config.bin_width, config.tower_reach), config.window // 2 - 1
    kept = slice(config.crop, config.crop + config.target_length)
    needed = needed_tokens(config.dilations, kept, config.tokens)
    changed = affected_tokens(front, config.tokens, centre, centre + 1)
    reached = changed_tokens(config.dilations, changed, needed)
    return Operations(_token(config), _above(config, needed), _above(config, reached))


def _token(config: Basenji2Config) -> float:
    """Stem and tower, for one token."""
    total = 0
    for stage, (before, after) in enumerate(itertools.pairwise((4, *config.tower_widths))):
        kernel = config.tower_kernel if stage else config.stem_kernel
        total += (config.bin_width >> stage) * before * after * kernel
    return 2.0 * total


def _above(config: Basenji2Config, tokens: Sequence[slice]) -> float:
    """Dilated blocks, whose outputs are computed at these tokens, and the last block at the last of them."""
    width, narrow = config.tower_widths[-1], config.narrow_width
    counts = [some.stop - some.start for some in tokens]
    return 2.0 * (sum(counts[1:]) * (3 + 1) * width * narrow + counts[-1] * width * config.final_width)
