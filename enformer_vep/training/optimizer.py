"""Which weights learn, how fast, and when."""

import math
from collections.abc import Iterator

from torch import nn, optim
from torch.optim.lr_scheduler import LambdaLR

from enformer_vep.effects.network import Network
from enformer_vep.errors import UsageError
from enformer_vep.training.configuration import OptimizerConfig


def frozen_layers(model: Network, freeze: str) -> list[nn.Module]:
    """Layers that do not learn, from the sequence upwards.

    Args:
        model: The network.
        freeze: "none"; "trunk" (everything but the heads); "layers:N" (the N layers nearest to the sequence).

    Raises:
        UsageError: `freeze` is none of these.
    """
    every = model.layers
    counts = {"none": 0, "trunk": len(every) - 1}
    kind, _, number = freeze.partition(":")
    if freeze in counts:
        return every[: counts[freeze]]
    if kind == "layers" and number.isdecimal() and int(number) < len(every):
        return every[: int(number)]
    raise UsageError(f"freeze {freeze!r} is not known; use 'none', 'trunk' or 'layers:N' with N below {len(every)}")


def make_optimizer(model: Network, config: OptimizerConfig) -> optim.Optimizer:
    """Builds Adam or AdamW over the weights that learn.

    With `layer_decay` d, a layer n steps below the heads learns at rate * d ** n. Weight decay spares biases,
    norms and every other parameter of fewer than two axes.
    """
    groups = list(_groups(model, config))
    kind = optim.Adam if config.name == "adam" else optim.AdamW
    return kind(groups, lr=config.rate, betas=(config.beta1, config.beta2), eps=config.epsilon)


def _groups(model: Network, config: OptimizerConfig) -> Iterator[dict[str, object]]:
    for depth, layer in enumerate(reversed(model.layers)):
        learning = [parameter for parameter in layer.parameters() if parameter.requires_grad]
        rate = config.rate * config.layer_decay**depth
        for decays in (True, False):
            chosen = [parameter for parameter in learning if (parameter.ndim >= 2) == decays]
            if chosen:
                decay = config.weight_decay if decays else 0.0
                yield {"params": chosen, "lr": rate, "weight_decay": decay}


def rate_factor(step: int, warmup_steps: int, steps: int, decay: str) -> float:
    """Share of the full learning rate, in (0, 1], at a 0-based step.

    It rises linearly over the warm-up. With decay "cosine" it falls as half a cosine from there to 0 at `steps`.
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
