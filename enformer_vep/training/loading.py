"""Batches, read ahead by worker processes.

Which example is item number i, and how it is varied, is a pure function of the seed and i. A run that resumes
at a step therefore needs nothing but the step's number.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from enformer_vep.files.signals import leave_to_parent
from enformer_vep.training.example_sources import Augmentation, Example, ExampleSource, Variation

_ORDER_STREAM, _VARIATION_STREAM = 0, 1
_READ_AHEAD = 4


class ShuffledExamples(Dataset[Example]):
    """Endless, reshuffled every epoch, varied at random.

    Args:
        source: The examples of the training split.
        augmentation: What may be varied.
        seed: Of the order and the variations.
        batch_size: Items that will be read together; an epoch leaves out what does not fill a batch.
    """

    def __init__(self, source: ExampleSource, augmentation: Augmentation, seed: int, batch_size: int) -> None:
        self._source, self._augmentation, self._seed = source, augmentation, seed
        self._batch_size = batch_size
        self._epoch_items = len(source) - len(source) % batch_size or len(source)
        self._epoch, self._order = -1, np.zeros(0, dtype=np.int64)

    def __getitem__(self, item: int) -> Example:
        """Returns item number `item` of the endless sequence."""
        epoch, position = divmod(item, self._epoch_items)
        if epoch != self._epoch:
            generator = np.random.default_rng([self._seed, _ORDER_STREAM, epoch])
            self._epoch, self._order = epoch, self._source.order(generator, self._batch_size)
        generator = np.random.default_rng([self._seed, _VARIATION_STREAM, item])
        return self._source.read(int(self._order[position]), self._augmentation.draw(generator))


class PlainExamples(Dataset[Example]):
    """Every example of a source once, in order, as it is."""

    def __init__(self, source: ExampleSource) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, item: int) -> Example:
        return self._source.read(item, Variation())


class BatchNumbers(Sampler[list[int]]):
    """Item numbers of this process's batches, without end.

    Args:
        batch_size: Items per batch and process.
        first: Number of the first batch.
        rank: Number of this process.
        processes: Number of processes.
    """

    def __init__(self, batch_size: int, first: int, rank: int, processes: int) -> None:
        self._batch_size, self._first = batch_size, first
        self._rank, self._processes = rank, processes

    def __iter__(self) -> Iterator[list[int]]:
        for batch in itertools.count(self._first):
            start = (batch * self._processes + self._rank) * self._batch_size
            yield list(range(start, start + self._batch_size))


def training_batches(
    examples: ShuffledExamples, numbers: BatchNumbers, workers: int, pin_memory: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Reads batches ahead, without end: uint8 [B, window] codes and float32 [B, bins, tracks] values.

    Args:
        examples: What to read.
        numbers: In which order.
        workers: Reader processes; 0 reads in this process.
        pin_memory: Whether to put batches where a GPU copies them from without waiting.
    """
    yield from _loader(examples, workers, pin_memory, batch_sampler=numbers)


def evaluation_batches(
    source: ExampleSource, batch_size: int, workers: int, limit: int = 0, rank: int = 0, processes: int = 1
) -> Iterator[tuple[Tensor, Tensor]]:
    """Reads every example that is this process's share once: codes and values as `training_batches`.

    Args:
        source: What to read.
        batch_size: Examples per batch; the last may have fewer.
        workers: Reader processes; 0 reads in this process.
        limit: Largest number of examples over all processes; 0 for all.
        rank: Number of this process.
        processes: Number of processes.
    """
    share = range(rank, min(len(source), limit or len(source)), processes)
    yield from _loader(PlainExamples(source), workers, False, batch_size=batch_size, sampler=share)


def _loader(examples: Dataset[Example], workers: int, pin_memory: bool, **sampling: Any) -> DataLoader[Any]:
    return DataLoader(
        examples,
        num_workers=workers,
        pin_memory=pin_memory,
        prefetch_factor=_READ_AHEAD if workers else None,
        collate_fn=_collate,
        worker_init_fn=leave_to_parent,
        **sampling,
    )


def _collate(examples: list[Example]) -> tuple[Tensor, Tensor]:
    codes = np.stack([example.codes for example in examples])
    values = np.stack([example.values for example in examples])
    return torch.from_numpy(codes), torch.from_numpy(values)
