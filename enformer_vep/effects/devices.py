"""Which device to compute on, and how much fits on it."""

import logging

import torch

from enformer_vep.effects.base import Effect, EffectBatch, EffectEngine
from enformer_vep.errors import EnformerVepError, UsageError
from enformer_vep.model.config import EnformerConfig

logger = logging.getLogger(__name__)

LARGEST_AUTOMATIC_BATCH = 16
# Copies of the widest activation that the first convolution stage keeps alive, measured, with some room.
LIVE_ACTIVATIONS = 7


def resolve_device(name: str) -> torch.device:
    """Turn a user's word into a device.

    Args:
        name: "auto" (a GPU when there is one), "cpu", "cuda" or "cuda:N".

    Returns:
        A device that exists.

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
        raise UsageError(
            f"no device {name}: PyTorch {torch.__version__} sees {found} GPUs here; use --device cpu"
        )
    return device


def automatic_batch_size(config: EnformerConfig, device: torch.device) -> int:
    """How many windows fit at once.

    Args:
        config: Shape of the model.
        device: Where it runs.

    Returns:
        1 on a CPU, where a single window already keeps every core busy; else what free memory allows.
    """
    if device.type == "cpu":
        return 1
    widest_activation = config.window * config.channels // 2 * torch.float32.itemsize
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(LARGEST_AUTOMATIC_BATCH, int(0.9 * free) // (LIVE_ACTIVATIONS * widest_activation)))


class MemoryGuard:
    """Halves the batch when the device runs out of memory, instead of dying.

    Args:
        engine: The engine that does the work.
    """

    def __init__(self, engine: EffectEngine) -> None:
        self._engine = engine
        self._limit: int | None = None

    def predict(self, batch: EffectBatch) -> Effect:
        """Predict, in parts where needed; what did not fit once is not tried again.

        Args:
            batch: Windows, on the engine's device.

        Returns:
            The engine's effect.

        Raises:
            EnformerVepError: When a single variant does not fit.
        """
        if self._limit is None or len(batch) <= self._limit:
            try:
                return self._engine.predict(batch)
            except torch.OutOfMemoryError:
                self._lower_limit(len(batch))
        first, second = batch.halves()
        effects = self.predict(first), self.predict(second)
        return Effect(
            torch.cat([effect.reference for effect in effects]),
            torch.cat([effect.delta for effect in effects]),
        )

    def _lower_limit(self, size: int) -> None:
        if size == 1:
            raise EnformerVepError(
                "one variant does not fit into the device's memory: use --device cpu"
            ) from None
        self._limit = size // 2
        torch.cuda.empty_cache()
        logger.warning("out of device memory with %d alleles at once: going on with %d", size, self._limit)
