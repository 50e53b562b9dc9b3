"""Activations that networks and the differences of their values share."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

GELU_SLOPE = 1.702
GELU_TANH_SLOPE, GELU_TANH_CUBE = 2 * math.sqrt(2 / math.pi), 0.044715


def gelu(x: Tensor) -> Tensor:
    """The approximate GELU that Enformer was trained with, x * sigmoid(1.702 x)."""
    return x * torch.sigmoid(GELU_SLOPE * x)


def tanh_gelu(x: Tensor) -> Tensor:
    """GELU in its tanh form, (x / 2) (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))); for it 1 + tanh(u) = 2 s(2 u)."""
    return F.gelu(x, approximate="tanh")


def softplus(x: Tensor) -> Tensor:
    """Activation of the heads, log(1 + exp(x)); torch's default would be linear from 20, off by 1e-10 there."""
    return F.softplus(x, threshold=50)
