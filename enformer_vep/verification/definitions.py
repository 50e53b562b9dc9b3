"""The operations of both architectures in plain float64 numpy, as their papers and first implementations define them.

Written apart from the networks, and not for speed, so that a mistake in one is not in the other. Sources:
deepmind-research/enformer (enformer.py, attention_module.py) and calico/basenji (basenji/blocks.py). Shapes: C
channels, P positions, T tokens, H heads; sequences are [C, P] in convolutions and [T, C] in the transformer.
"""

from math import lgamma, log, log2, sqrt

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def gelu(x: Array) -> Array:
    """X s(1.702 x), the approximation that both models were trained with."""
    return x * sigmoid(1.702 * x)


def gelu_tanh(x: Array) -> Array:
    """GELU's tanh form, of basenji since April 2022."""
    return 0.5 * x * (1 + np.tanh(sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def softplus(x: Array) -> Array:
    """log(1 + exp(x))."""
    return np.logaddexp(0, x)


def batch_norm(x: Array, mean: Array, variance: Array, scale: Array, offset: Array, epsilon: float) -> Array:
    """Per channel of [C, P], with running moments."""
    normalised = (x - mean[:, None]) / np.sqrt(variance + epsilon)[:, None]
    return scale[:, None] * normalised + offset[:, None]


def layer_norm(x: Array, scale: Array, offset: Array, epsilon: float = 1e-5) -> Array:
    """Per token of [T, C]."""
    mean, variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    return scale * (x - mean) / np.sqrt(variance + epsilon) + offset


def convolve(x: Array, weight: Array, bias: Array | None = None, dilation: int = 1) -> Array:
    """'Same' convolution of [C_in, P] with [C_out, C_in, width]: zeros beyond both ends."""
    width, positions = weight.shape[2], x.shape[1]
    reach = dilation * (width // 2)
    padded = np.pad(x, ((0, 0), (reach, reach)))
    result = np.zeros((len(weight), positions))
    for tap in range(width):
        result += weight[:, :, tap] @ padded[:, tap * dilation : tap * dilation + positions]
    return result if bias is None else result + bias[:, None]


def softmax_pool(x: Array, logit_weight: Array) -> Array:
    """Of positions 2 i and 2 i + 1 of [C, P] the mean, weighted by a softmax over the two of W x."""
    logits = logit_weight @ x
    shares = np.stack([logits[:, 0::2], logits[:, 1::2]])
    shares = np.exp(shares - shares.max(axis=0))
    shares /= shares.sum(axis=0)
    return np.asarray(shares[0] * x[:, 0::2] + shares[1] * x[:, 1::2])


def max_pool(x: Array) -> Array:
    """The larger of positions 2 i and 2 i + 1 of [C, P]."""
    return np.maximum(x[:, 0::2], x[:, 1::2])


def positional_features(tokens: int, reach: int, count: int) -> Array:
    """Features of the distances -(T - 1) to T - 1 between key and query, [2 T - 1, count].

    A sixth each: exponentials with half lives from 8 to `reach` (evenly on the log scale), central masks of 2^k - 1,
    gamma densities with means up to `reach` and standard deviation reach / (2 count / 6), each divided by its largest
    value over the 2 `reach` - 1 distances; then the same times the distance's sign.
    """
    family = count // 6
    distances = np.arange(-(reach - 1), reach, dtype=np.float64)
    away = np.abs(distances)
    columns = []
    for number in range(family):
        step = number / (family - 1) if family > 1 else 0.0
        columns.append(0.5 ** (away / 2 ** (3 + step * (log2(reach) - 3))))
    columns += [(away < 2**power - 1).astype(np.float64) for power in range(1, family + 1)]
    for number in range(family):
        step = number / (family - 1) if family > 1 else 0.0
        mean, deviation = reach / family + step * (reach - reach / family), reach / (2 * family)
        shape, rate = (mean / deviation) ** 2, mean / deviation**2
        with np.errstate(divide="ignore", invalid="ignore"):
            powers = np.where(away == 0, 0.0 if shape == 1 else -np.inf, (shape - 1) * np.log(away))
        density = np.exp(shape * log(rate) - lgamma(shape) + powers - rate * away) + 1e-8
        columns.append(density / density.max())
    even = np.stack(columns, axis=1)
    both = np.concatenate([even, np.sign(distances)[:, None] * even], axis=1)
    return np.asarray(both[reach - tokens : reach + tokens - 1])


def attend(query: Array, key: Array, value: Array, relative: Array, content: Array, position: Array) -> Array:
    """Multi-head attention with relative positions.

    Args:
        query: [H, T, K], not yet scaled.
        key: [H, T, K].
        value: [H, T, V].
        relative: [H, 2 T - 1, K], keys of distances from -(T - 1) on.
        content: [H, K], added to the scaled queries before they meet keys.
        position: [H, K], the same before they meet relative keys.

    Returns:
        [T, H V].
    """
    heads, tokens, size = query.shape
    distance = np.arange(tokens)[None, :] - np.arange(tokens)[:, None] + tokens - 1
    mixed = []
    for head in range(heads):
        scaled = query[head] / sqrt(size)
        logits = (scaled + content[head]) @ key[head].T
        by_distance = (scaled + position[head]) @ relative[head].T
        logits = logits + np.take_along_axis(by_distance, distance, axis=1)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        mixed.append(shares / shares.sum(axis=1, keepdims=True) @ value[head])
    return np.concatenate(mixed, axis=1)
