"""Which device to compute on, and how much fits on it."""

import logging

import torch

from enformer_vep.effects.batches import Effect, EffectBatch, EffectEngine, Portions
from enformer_vep.errors import EnformerVepError, UsageError
from enformer_vep.models.enformer.config import EnformerConfig

logger = logging.getLogger(__name__)

LARGEST_AUTOMATIC_BATCH = 16
# Copies of the widest activation, and of one layer's attention maps, that are alive at once, with some room.
LIVE_ACTIVATIONS = 7
LIVE_MAPS = 9


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
    """How many alleles to hand to an engine at once.

    Args:
        config: Shape of the model.
        device: Where it runs.

    Returns:
        1 on a CPU, where one allele already keeps every core busy; else as many as the convolutions take.
    """
    return 1 if device.type == "cpu" else automatic_portions(config, device).references


def automatic_portions(config: EnformerConfig, device: torch.device) -> Portions:
    """How much an engine may compute at a time.

    Args:
        config: Shape of the model.
        device: Where it runs.

    Returns:
        One at a time on a CPU; on a GPU what its free memory allows: windows by the activations of the first
        convolution stage, alternates by the attention maps of one layer.
    """
    if device.type == "cpu":
        return Portions()
    free, _ = torch.cuda.mem_get_info(device)
    activation = config.window * config.channels // 2 * torch.float32.itemsize
    maps = config.attention_heads * config.tokens**2 * torch.float32.itemsize
    return Portions(
        references=_fitting(0.9 * free, LIVE_ACTIVATIONS * activation),
        alternates=_fitting(0.5 * free, LIVE_MAPS * maps),
    )


def _fitting(available: float, each: int) -> int:
    return max(1, min(LARGEST_AUTOMATIC_BATCH, int(available) // each))


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
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
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
                "one variant does not fit into memory: use a smaller --window, or --device cpu instead of a GPU"
            ) from None
        self._limit = size // 2
        torch.cuda.empty_cache()
        logger.warning("out of device memory with %d alleles at once: going on with %d", size, self._limit)


def _is_out_of_memory(error: RuntimeError) -> bool:
    """On a CPU torch raises a plain RuntimeError, told apart by its words only."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
