"""Which weights learn, how fast, and when."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn, optim
from torch.optim.lr_scheduler import LambdaLR

from enformer_vep.errors import UsageError
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.training.configuration import OptimizerConfig


@dataclass(frozen=True)
class Layer:
    """One step on the way from sequence to tracks.

    Attributes:
        name: As in `Enformer`, such as "tower.3".
        module: Its weights.
    """

    name: str
    module: nn.Module


def layers(model: Enformer) -> list[Layer]:
    """The network from the sequence upwards: stem, tower, transformer blocks, final, heads."""
    return [
        Layer("stem", model.stem),
        *(Layer(f"tower.{index}", stage) for index, stage in enumerate(model.tower)),
        *(Layer(f"blocks.{index}", block) for index, block in enumerate(model.blocks)),
        Layer("final", model.final),
        Layer("heads", model.heads),
    ]


def frozen_layers(model: Enformer, freeze: str) -> list[Layer]:
    """Layers that do not learn.

    Args:
        model: The network.
        freeze: "none"; "trunk" (everything but the heads); "layers:N" (the N layers nearest to the sequence).

    Returns:
        The frozen layers, from the sequence upwards.

    Raises:
        UsageError: `freeze` is none of these.
    """
    every = layers(model)
    counts = {"none": 0, "trunk": len(every) - 1}
    kind, _, number = freeze.partition(":")
    if freeze in counts:
        return every[: counts[freeze]]
    if kind == "layers" and number.isdecimal() and int(number) < len(every):
        return every[: int(number)]
    raise UsageError(
        f"freeze {freeze!r} is not known; use 'none', 'trunk' or 'layers:N' with N below {len(every)}"
    )


def freeze_layers(frozen: list[Layer]) -> None:
    """Stops the gradients of layers. Their BatchNorm statistics are held by `hold_frozen`."""
    for layer in frozen:
        layer.module.requires_grad_(False)


def hold_frozen(frozen: list[Layer]) -> None:
    """Puts frozen layers in evaluation mode: no dropout, and BatchNorm keeps its statistics."""
    for layer in frozen:
        layer.module.eval()


def make_optimizer(model: Enformer, config: OptimizerConfig) -> optim.Optimizer:
    """Builds Adam or AdamW over the weights that learn.

    Args:
        model: The network, frozen layers marked.
        config: Rates and decay. With `layer_decay` d, a layer n steps below the heads learns at
            rate * d ** n.

    Returns:
        The optimizer; weight decay spares biases, norms and every other parameter of fewer than two axes.
    """
    groups = list(_groups(model, config))
    kind = optim.Adam if config.name == "adam" else optim.AdamW
    return kind(groups, lr=config.rate, betas=(config.beta1, config.beta2), eps=config.epsilon)


def _groups(model: Enformer, config: OptimizerConfig) -> Iterator[dict[str, object]]:
    every = layers(model)
    for depth, layer in enumerate(reversed(every)):
        learning = [parameter for parameter in layer.module.parameters() if parameter.requires_grad]
        rate = config.rate * config.layer_decay**depth
        for decays in (True, False):
            chosen = [parameter for parameter in learning if (parameter.ndim >= 2) == decays]
            if chosen:
                decay = config.weight_decay if decays else 0.0
                yield {"params": chosen, "lr": rate, "weight_decay": decay}


def rate_factor(step: int, warmup_steps: int, steps: int, decay: str) -> float:
    """Share of the full learning rate at a step.

    Args:
        step: 0-based.
        warmup_steps: Steps over which the rate rises linearly.
        steps: Steps of the whole run.
        decay: "none", or "cosine": half a cosine from the end of the warm-up to 0 at the end of the run.

    Returns:
        In (0, 1].
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if decay == "none":
        return 1.0
    progress = (step - warmup_steps) / max(steps - warmup_steps, 1)
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def make_schedule(optimizer: optim.Optimizer, config: OptimizerConfig, steps: int) -> LambdaLR:
    """Warm-up and decay; see `rate_factor`."""
    return LambdaLR(optimizer, lambda step: rate_factor(step, config.warmup_steps, steps, config.decay))
