"""All checks of one model, on one device and in one precision."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from enformer_vep.effects.devices import automatic_portions
from enformer_vep.effects.effect import EffectBatch
from enformer_vep.effects.network import Network, one_hot, placed_on
from enformer_vep.effects.precision import arithmetic
from enformer_vep.models.basenji2.network import Basenji2
from enformer_vep.models.checkpoints import LoadedModel
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.settings import Precision
from enformer_vep.verification import basenji2_stages, enformer_stages
from enformer_vep.verification.check import Check, Verdict, relative_error, within
from enformer_vep.verification.definitions import Array
from enformer_vep.verification.published import (
    PUBLISHED_WINDOW,
    TRACK,
    TRACKS,
    PublishedVariant,
    compare_published,
    read_published,
)
from enformer_vep.verification.stage import LIMITS, Stage

FEWEST_VARIANTS = 3
"""Fewer have no correlation worth the name."""
PUBLISHED_ON_CPU = 4
WHOLE_LIMIT_RATIO = 20
"""Errors of stages add up over a network."""


def verify(
    model: LoadedModel, device: torch.device, precision: Precision = Precision.FLOAT32, variants: int | None = None
) -> Iterator[Check]:
    """Check a model; lines come as they are found.

    Args:
        model: With all its heads; it stays where it is.
        device: Where to compute.
        precision: Arithmetic of the network.
        variants: How many published variants to score; None for all on a GPU and `PUBLISHED_ON_CPU` on a CPU, 0 for
            none.
    """
    network = placed_on(model.network, device, torch.float64 if precision is Precision.FLOAT64 else None)
    weights = _weights(network)
    yield weights
    if weights.verdict is Verdict.FAILED:
        return
    dtype = next(network.parameters()).dtype
    for stage in _stages(network):
        yield stage.check(device, precision, dtype)
    yield _whole(network, device, precision, dtype)
    yield from _published(replace(model, network=network), device, precision, variants)


def _weights(network: Network) -> Check:
    """Whether all are numbers, and not all of them 0."""
    tensors = [*network.named_parameters(), *network.named_buffers()]
    bad = [name for name, tensor in tensors if not bool(torch.isfinite(tensor).all())]
    count = sum(parameter.numel() for parameter in network.parameters())
    if not any(bool(parameter.any()) for parameter in network.parameters()):
        return Check("weights", Verdict.FAILED, f"{count:,} numbers, all 0", "an empty model: download it again")
    if not bad:
        return Check("weights", Verdict.PASSED, f"{count:,} numbers, all finite")
    return Check("weights", Verdict.FAILED, f"not finite: {', '.join(bad[:3])}", "a damaged file: download it again")


def _stages(network: Network) -> Iterator[Stage]:
    if isinstance(network, Enformer):
        return enformer_stages.stages(network)
    assert isinstance(network, Basenji2), "a family without definitions"
    return basenji2_stages.stages(network)


def _whole(network: Network, device: torch.device, precision: Precision, dtype: torch.dtype) -> Check:
    """A whole pass against the same weights in float64 on the CPU."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 4, (1, network.output.window), generator=generator, dtype=torch.uint8)
    exact = placed_on(network, torch.device("cpu"), torch.float64)
    with arithmetic(Precision.FLOAT64, torch.device("cpu")):
        expected = _predict(exact, codes, torch.float64)
    with arithmetic(precision, device):
        got = _predict(network, codes.to(device), dtype)
    limit = WHOLE_LIMIT_RATIO * LIMITS[precision]
    return within("whole network", relative_error(got, expected), limit, "the arithmetic of this device, such as TF32")


def _predict(network: Network, codes: torch.Tensor, dtype: torch.dtype) -> Array:
    hidden = network.embed(one_hot(codes, dtype))
    found = torch.cat([network.activate(network.head(one)(hidden)) for one in network.organisms], dim=2)
    return np.asarray(found.double().cpu().numpy())


def _published(model: LoadedModel, device: torch.device, precision: Precision, variants: int | None) -> Iterator[Check]:
    """The published outputs, where the model has the shape that they are of."""
    if variants is None and device.type == "cpu":
        variants = PUBLISHED_ON_CPU
    reason = _why_not(model) if variants != 0 else "not asked for"
    if reason:
        yield Check("published numbers", Verdict.SKIPPED, reason)
        return
    network, bins = model.network, slice(0, model.network.output.bins)
    portions = automatic_portions(network.footprint, device)
    engine = model.family.make_engine(None, network, "human", [TRACK], bins, precision, portions)

    def predict(variant: PublishedVariant) -> Array:
        reference, alternate = (torch.from_numpy(codes)[None] for codes in (variant.reference, variant.alternate))
        batch = EffectBatch(reference, alternate, torch.zeros(1, dtype=torch.int64)).to(device)
        found = []
        for strand in (batch, batch.reverse_complement()):
            effect = engine.predict(strand)
            means = [values.double().mean().item() for values in (effect.reference, effect.delta)]
            found.append([means[0], means[0] + means[1]])
        return np.array(found)

    yield from compare_published(read_published(variants), predict)


def _why_not(model: LoadedModel) -> str:
    """Why a model cannot be the published one; empty when it may be."""
    network = model.network
    if not isinstance(network, Enformer):
        return f"published numbers are those of Enformer, not of the family {model.family.name}"
    if network.output.window != PUBLISHED_WINDOW or network.config.target_length != 896:
        return f"published numbers are those of windows of {PUBLISHED_WINDOW:,} bp and 896 bins"
    if "human" not in network.organisms or network.head("human").out_features != TRACKS:
        return f"published numbers are those of a human head of {TRACKS:,} tracks"
    return ""
