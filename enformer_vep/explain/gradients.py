"""Gradients of predictions with respect to the bases of a window."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from enformer_vep.effects.network import Network, Segment, one_hot, placed_on
from enformer_vep.effects.precision import arithmetic
from enformer_vep.errors import ModelError, UsageError
from enformer_vep.settings import Precision

TARGETS_AT_ONCE = 4
"""Gradients that are carried down together: each is as large as the widest activation, 0.3 GB of Enformer."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is differentiated: a weighted sum of predictions.

    Attributes:
        weights: float [tracks of the head]; what a track counts in every bin. 1 / (tracks x bins) for those wanted
            gives their mean.
        bins: Output bins of the network that are summed over, 0-based.
    """

    weights: Tensor
    bins: Sequence[int] | slice

    def reverse_complement(self, bins: int, partners: Sequence[int] | None = None) -> "Target":
        """The same target where a network predicts the other strand.

        Args:
            bins: Number of the network's output bins.
            partners: For each track of the head the one that has its place on the other strand; None where no
                track is of one strand.
        """
        weights = self.weights if partners is None else self.weights[torch.tensor(partners)]
        return Target(weights, [bins - 1 - one for one in self.listed(bins)])

    def listed(self, bins: int) -> list[int]:
        """Its bins, of a network with so many.

        Raises:
            UsageError: There are none, or the network does not predict one of them.
        """
        wanted = list(range(bins)[self.bins] if isinstance(self.bins, slice) else self.bins)
        if not wanted:
            raise UsageError("a target has no bins: give at least one")
        wrong = [one for one in wanted if not 0 <= one < bins]
        if wrong:
            raise UsageError(f"a target has bin {wrong[0]}, which is not predicted: choose from 0 to {bins - 1}")
        return wanted


@dataclass(frozen=True, slots=True)
class Gradients:
    """Targets of windows, and how they depend on the input.

    Attributes:
        values: [B, targets].
        inputs: [B, targets, L, 4], derivatives with respect to the one-hot input.
    """

    values: Tensor
    inputs: Tensor


def input_gradients(
    network: Network,
    organism: str,
    windows: Tensor,
    targets: Sequence[Target],
    precision: Precision = Precision.FLOAT32,
) -> Tensor:
    """Differentiate targets with respect to the one-hot input.

    Args:
        network: The model, wherever it lies; its own weights get no gradient.
        organism: Which head.
        windows: uint8 [B, L], base codes.
        targets: What is differentiated, at least one.
        precision: See `differentiate`.

    Returns:
        [B, targets, L, 4] in the order A, C, G, T, on the network's device and of its type.
    """
    weight = network.head(organism).weight
    return differentiate(network, organism, one_hot(windows.to(weight.device), weight.dtype), targets, precision).inputs


def differentiate(
    network: Network,
    organism: str,
    x: Tensor,
    targets: Sequence[Target],
    precision: Precision = Precision.FLOAT32,
) -> Gradients:
    """Compute targets and their derivatives with respect to the input, a window at a time.

    The gradient is carried back through one segment of the network after the other, each of which is run again for
    it (checkpointing): memory holds the output of every segment, and the intermediate values of one.

    Args:
        network: The model, wherever it lies; its own weights get no gradient.
        organism: Which head.
        x: [B, L, 4], one-hot or any other real values, on the network's device and of its type.
        targets: What is differentiated, at least one: a forward pass for all, and a backward pass for each.
        precision: Arithmetic of convolutions and matrix products.

    Returns:
        On the network's device and of its type.

    Raises:
        ModelError: The windows have another length than the network reads.
        UsageError: There is no target, one has bins that are not predicted or another number of tracks than the head.
    """
    window = network.output.window
    if x.shape[1:] != (window, 4):
        raise ModelError(f"the model reads [B, {window}, 4], not {list(x.shape)}: cut windows of its length")
    device = network.head(organism).weight.device
    # Nothing that inference mode has made can take part in a gradient.
    with arithmetic(precision, device), torch.inference_mode(False):
        readout = _Readout.of(network, organism, targets)
        # A network in training gets a copy that has its weights and drops nothing.
        evaluated = placed_on(network, device)
        parts = [_one_window(evaluated, one, readout) for one in torch.split(x, 1)]
    return Gradients(torch.stack([one.values for one in parts]), torch.stack([one.inputs for one in parts]))


def integrated_gradients(
    network: Network,
    organism: str,
    windows: Tensor,
    targets: Sequence[Target],
    precision: Precision = Precision.FLOAT32,
    steps: int = 32,
) -> Gradients:
    """Average gradients along the straight line from no bases (all zeros) to the window.

    Sundararajan et al. 2017, with the middles of equal steps. Multiplied with the input and summed they come to the
    target minus that of no bases, the nearer the more steps there are.

    Args:
        network: As for `differentiate`.
        organism: Which head.
        windows: uint8 [B, L], base codes.
        targets: What is differentiated, at least one.
        precision: As for `differentiate`.
        steps: Points on the line, each a forward pass and a backward pass for each target.

    Returns:
        Targets of the windows themselves, and mean gradients.
    """
    head = network.head(organism)
    x = one_hot(windows.to(head.weight.device), head.weight.dtype)
    total = torch.zeros(len(x), len(targets), *x.shape[1:]).to(x)
    for step in range(steps):
        part = differentiate(network, organism, x * ((step + 0.5) / steps), targets, precision)
        total += part.inputs / steps
    with arithmetic(precision, x.device):
        readout, evaluated = _Readout.of(network, organism, targets), placed_on(network, x.device)
        values = [
            readout.values(evaluated, evaluated.embed(one, readout.bins), readout.mask) for one in torch.split(x, 1)
        ]
    return Gradients(torch.stack(values), total)


@dataclass(frozen=True, slots=True)
class _Readout:
    """Targets as a function of what lies below the head.

    Attributes:
        bins: The stretch of output bins that all targets lie in.
        weight: [tracks, channels], of the tracks that any target has.
        bias: [tracks].
        mask: [targets, bins, tracks], what each prediction counts.
    """

    bins: slice
    weight: Tensor
    bias: Tensor
    mask: Tensor

    @classmethod
    def of(cls, network: Network, organism: str, targets: Sequence[Target]) -> "_Readout":
        """Raises UsageError on targets that the head does not have."""
        if not targets:
            raise UsageError("there is no target to differentiate: give at least one")
        head, count = network.head(organism), network.output.bins
        for target in targets:
            if target.weights.shape != (head.out_features,):
                raise UsageError(
                    f"a target has weights {list(target.weights.shape)}: give one for each of the "
                    f"{head.out_features} {organism} tracks"
                )
        listed = [target.listed(count) for target in targets]
        bins = slice(min(map(min, listed)), max(map(max, listed)) + 1)
        weights = torch.stack([target.weights for target in targets]).to(head.weight)
        rows = weights.abs().amax(dim=0).nonzero()[:, 0]
        mask = weights.new_zeros(len(targets), bins.stop - bins.start, len(rows))
        for number, some in enumerate(listed):
            mask[number, torch.tensor(some) - bins.start] = weights[number, rows]
        return cls(bins, head.weight.detach()[rows], head.bias.detach()[rows], mask)

    def values(self, network: Network, embedding: Tensor, mask: Tensor) -> Tensor:
        """Targets [n] of one window's embedding [1, bins, channels], given the mask [n, bins, tracks] of some."""
        with torch.autocast(embedding.device.type, enabled=False):
            logits = F.linear(embedding.to(self.weight), self.weight, self.bias)
            return torch.einsum("wbt,nbt->n", network.activate(logits), mask)


def _one_window(network: Network, x: Tensor, readout: _Readout) -> Gradients:
    """Differentiate in one window [1, L, 4]: values [targets] and inputs [targets, L, 4]."""
    segments, inputs = network.segments(readout.bins), [x.clone()]
    with torch.no_grad():
        for segment in segments:
            inputs.append(segment(inputs[-1]))
    parts = [_backward(network, segments, inputs, mask, readout) for mask in torch.split(readout.mask, TARGETS_AT_ONCE)]
    return Gradients(torch.cat([one.values for one in parts]), torch.cat([one.inputs for one in parts]))


def _backward(
    network: Network, segments: Sequence[Segment], inputs: Sequence[Tensor], mask: Tensor, readout: _Readout
) -> Gradients:
    """Carry some targets' gradients down, given what goes into every segment and what comes out of the last."""
    with torch.enable_grad():
        top = inputs[-1].detach().requires_grad_()
        values = readout.values(network, top, mask)
        gradients = _pull(values, top, torch.eye(len(values)).to(values))
        for segment, below in zip(reversed(segments), reversed(inputs[:-1]), strict=True):
            x = below.detach().requires_grad_()
            gradients = _pull(segment(x), x, gradients)
    return Gradients(values.detach(), gradients[:, 0])


def _pull(output: Tensor, x: Tensor, gradients: Tensor) -> Tensor:
    """Carry gradients [n, ...] with respect to `output`, which was computed of `x`, to `x`: [n, ...]."""
    last = len(gradients) - 1
    return torch.stack(
        [torch.autograd.grad(output, x, one, retain_graph=number < last)[0] for number, one in enumerate(gradients)]
    )
