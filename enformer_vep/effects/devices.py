"""Which device to compute on, and how much fits on it."""

from collections.abc import Iterable

import torch

from enformer_vep.effects.effect import Portions
from enformer_vep.effects.network import Footprint
from enformer_vep.errors import UsageError

LARGEST_AUTOMATIC_BATCH = 16
# Copies of the widest activation, and of one layer's attention maps, that are alive at once, with some room.
LIVE_ACTIVATIONS = 7
LIVE_MAPS = 9


def resolve_device(name: str) -> torch.device:
    """Turn a user's word into a device that exists: "auto" (a GPU when there is one), "cpu", "cuda" or "cuda:N".

    Raises:
        UsageError: When it does not.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"unknown device {name}: use auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"device {name} is not supported: use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise UsageError(f"no device {name}: PyTorch {torch.__version__} sees {found} GPUs here; use --device cpu")
    return device


def resolve_devices(names: Iterable[str]) -> tuple[torch.device, ...]:
    """Turn users' words ("all", or as for `resolve_device`) into devices; none for no workers.

    Raises:
        UsageError: When one does not exist.
    """
    wanted = tuple(names)
    if wanted == ("all",):
        wanted = tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()))
        if not wanted:
            raise UsageError("--devices all: PyTorch sees no GPU here; leave it out to use the CPU")
    return tuple(resolve_device(name) for name in wanted)


def automatic_batch_size(footprint: Footprint, device: torch.device) -> int:
    """How many alleles to hand to an engine at once.

    1 on a CPU, where one allele already keeps every core busy; else as many as the convolutions take.
    """
    return 1 if device.type == "cpu" else automatic_portions(footprint, device).references


def automatic_portions(footprint: Footprint, device: torch.device) -> Portions:
    """How much an engine may compute at a time: one on a CPU; on a GPU what its free memory allows."""
    if device.type == "cpu":
        return Portions()
    free, _ = torch.cuda.mem_get_info(device)
    return Portions(
        references=_fitting(0.9 * free, LIVE_ACTIVATIONS * footprint.window),
        alternates=_fitting(0.5 * free, LIVE_MAPS * footprint.alternate),
    )


def _fitting(available: float, each: int) -> int:
    return max(1, min(LARGEST_AUTOMATIC_BATCH, int(available) // max(each, 1)))
