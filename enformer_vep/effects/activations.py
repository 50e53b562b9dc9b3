"""Activations that networks and the differences of their values share."""

import torch
import torch.nn.functional as F
from torch import Tensor

GELU_SLOPE = 1.702


def gelu(x: Tensor) -> Tensor:
    """The approximate GELU that Enformer was trained with, x * sigmoid(1.702 x)."""
    return x * torch.sigmoid(GELU_SLOPE * x)


def softplus(x: Tensor) -> Tensor:
    """Activation of the heads, log(1 + exp(x)); torch's default would be linear from 20, off by 1e-10 there."""
    return F.softplus(x, threshold=50)
