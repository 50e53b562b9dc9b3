"""The network as the training loop sees it: codes and observed values in, loss out."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from enformer_vep.effects.network import Network, one_hot
from enformer_vep.training.loss import poisson_loss


class Learner(nn.Module):
    """Network and loss in one module, so that a wrapper (DDP, autocast, compile) sees all of it."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, codes: Tensor, observed: Tensor, organism: str) -> Tensor:
        """Loss (float32 scalar) of uint8 [B, window] codes and float32 [B, bins, tracks], NaN where unknown."""
        return poisson_loss(predict(self.network, codes, organism), observed)


def predict(network: Network, codes: Tensor, organism: str) -> Tensor:
    """From uint8 [B, window] base codes to float32 [B, bins, tracks].

    The head is float32 even under autocast, for its values span decades.
    """
    embedding = network.embed(one_hot(codes))
    with torch.autocast(codes.device.type, enabled=False):
        return network.predict_tracks(embedding.float(), organism)


class AveragedWeights:
    """Exponential moving average of a network's weights.

    Buffers (BatchNorm's statistics) are averages already and are copied.

    Attributes:
        network: A network with the averaged weights, in evaluation mode.

    Args:
        network: Where to start.
        decay: Share of the old average that a step keeps, once enough steps were seen.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = deepcopy(network).requires_grad_(False).eval()
        self._decay = decay

    @torch.no_grad()
    def update(self, network: Network, step: int) -> None:
        """Takes the weights after a 0-based step in.

        Early steps decay faster, (1 + step) / (10 + step), so that the random start fades.
        """
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), 1 - decay)
        for own, other in zip(self.network.buffers(), network.buffers(), strict=True):
            own.copy_(other)
