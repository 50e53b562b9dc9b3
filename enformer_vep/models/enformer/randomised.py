"""Networks with random weights, for trials, tests and benchmarks. Their scores mean nothing."""

import torch
from torch import nn

from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.network import Enformer


def random_network(config: EnformerConfig, seed: int) -> Enformer:
    """Make a network in which every parameter has an effect.

    DeepMind's initial values leave some layers without any (attention output, biases and running means at
    zero): those get noise, so that a mistake in any layer shows in the output.

    Args:
        config: Shape of the model.
        seed: The same seed gives the same weights.

    Returns:
        The network, in evaluation mode, without gradients.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Enformer(config)
        for module in network.modules():
            _disturb(module)
    return network.requires_grad_(False).eval()


def _disturb(module: nn.Module) -> None:
    if isinstance(module, nn.BatchNorm1d | nn.LayerNorm):
        nn.init.uniform_(module.weight, 0.7, 1.3)
        nn.init.normal_(module.bias, std=0.2)
    if isinstance(module, nn.BatchNorm1d):
        module.get_buffer("running_mean").normal_(std=0.2)
        module.get_buffer("running_var").uniform_(0.5, 1.5)
    if isinstance(module, nn.Linear) and not module.weight.any():
        nn.init.normal_(module.weight, std=module.in_features**-0.5)
    if isinstance(module, nn.Linear | nn.Conv1d) and module.bias is not None:
        nn.init.normal_(module.bias, std=0.1)
