"""The training loop.

Devices, mixed precision and several GPUs (`accelerate launch`) come from Hugging Face accelerate. Order,
variation and dropout are functions of the seed and the step, so a checkpoint is weights, optimizer, average,
step and history, and a resumed run continues bit for bit on the same hardware.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor, nn

from enformer_vep.effects.network import Network
from enformer_vep.errors import InputError, ModelError
from enformer_vep.files.atomic import complete_or_absent
from enformer_vep.tracks.table import require_same_tracks
from enformer_vep.training.configuration import TrainingConfig
from enformer_vep.training.datasets import OrganismData
from enformer_vep.training.learner import AveragedWeights, Learner, predict
from enformer_vep.training.loading import BatchNumbers, ShuffledExamples, evaluation_batches, training_batches
from enformer_vep.training.optimizer import frozen_layers, make_optimizer, make_schedule
from enformer_vep.training.records import plot_curves, summarise_evaluations, write_metrics
from enformer_vep.training.saved_model import export_model
from enformer_vep.training.validation import Evaluation, Tally, tally

logger = logging.getLogger(__name__)

CHECKPOINT_NAME = "checkpoint.pt"
_DROPOUT_STREAM = 2
_RECORD_LINE = "step %(step)d: loss %(train_loss).4f, validation %(valid_loss).4f, r %(valid_correlation).4f"


Bar = Callable[..., AbstractContextManager[Callable[..., object]]]
"""Given the number of steps and how many are done, shows a bar; see `Trainer.run`."""


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        step: Optimizer steps done.
        best: Highest validation correlation so far.
        stale: Evaluations since then.
        records: One per evaluation.
    """

    step: int = 0
    best: float = -math.inf
    stale: int = 0
    records: list[dict[str, Any]] = field(default_factory=list)


class Trainer:
    """One training run.

    Args:
        config: What to do.
        network: Where to start.
        data: One entry per head.
        folder: Where the run's files go; it exists.
    """

    def __init__(
        self,
        config: TrainingConfig,
        network: Network,
        data: Sequence[OrganismData],
        folder: Path,
    ) -> None:
        self._config, self._data, self._folder = config, tuple(data), folder
        self._accelerator = Accelerator(
            mixed_precision=_precision(config.run.precision),
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=len(self._data) > 1)],
        )
        self._network = network.to(self._accelerator.device).requires_grad_(True)
        self._frozen = frozen_layers(self._network, config.init.freeze)
        for layer in self._frozen:
            layer.requires_grad_(False)
        self._average = AveragedWeights(network, config.optimizer.ema_decay) if config.optimizer.ema_decay else None
        self._optimizer = make_optimizer(self._network, config.optimizer)
        self._schedule = make_schedule(self._optimizer, config.optimizer, config.run.steps)
        self._learner = self._prepare()
        self._losses: list[Tensor] = []
        self.progress = Progress()

    def run(self, should_stop: Callable[[], bool] = lambda: False, show: Bar | None = None) -> Progress:
        """Trains until the last step, until validation stops improving, or until told to stop.

        `should_stop` is asked after every step; when any process says yes, the run leaves a checkpoint and returns.
        What `show` yields is called with the number of steps done, and with figures to show by their names.
        """
        run, progress = self._config.run, self.progress
        batches = [self._batches(index) for index in range(len(self._data))]
        started = time.monotonic()
        bar = show(run.steps, first=progress.step) if show and self._accelerator.is_main_process else None
        with bar or nullcontext(_unseen) as advance:
            while progress.step < run.steps and not self._exhausted:
                self._losses.append(self._step(batches[progress.step % len(batches)]))
                progress.step += 1
                advance(1)
                if progress.step % run.evaluate_every == 0 or progress.step == run.steps:
                    self._record(time.monotonic() - started)
                    advance(0, valid=f"{progress.records[-1]['valid_correlation']:.4f}")
                stopping = self._any_process(should_stop())
                if stopping or progress.step % run.checkpoint_every == 0:
                    self.save()
                if stopping:
                    logger.info("stopped after step %d; continue with --resume", progress.step)
                    return progress
        self.save()
        return progress

    def save(self) -> None:
        """Writes the checkpoint that `resume` continues from."""
        if not self._accelerator.is_main_process:
            return
        state = {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "average": self._average.network.state_dict() if self._average else None,
            "progress": vars(self.progress),
            "tracks": self._tracks,
            "losses": torch.tensor(self._losses),
        }
        with complete_or_absent(self._folder / CHECKPOINT_NAME) as path:
            torch.save(state, path)

    def resume(self) -> None:
        """Continues from the run's checkpoint.

        Raises:
            InputError: There is none, or it is of other tracks.
        """
        path = self._folder / CHECKPOINT_NAME
        if not path.is_file():
            raise InputError(f"there is no checkpoint {path}; leave --resume out to start a new run")
        state = torch.load(path, map_location=self._accelerator.device, weights_only=True)
        for organism, own in state.get("tracks", {}).items():
            require_same_tracks(self._tracks.get(organism, ()), own, f"targets of {organism}", str(path))
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        if self._average is not None:
            self._average.network.load_state_dict(state["average"])
        self.progress = Progress(**state["progress"])
        self._losses = list(state.get("losses", torch.zeros(0)))
        logger.info("resuming %s after step %d", path, self.progress.step)

    @property
    def _tracks(self) -> dict[str, list[str]]:
        return {own.organism: list(own.targets.identifiers) for own in self._data}

    @property
    def _exhausted(self) -> bool:
        return 0 < self._config.run.patience <= self.progress.stale

    def _prepare(self) -> nn.Module:
        processes, device = self._accelerator.num_processes, self._accelerator.device
        if self._accelerator.is_main_process:
            logger.info("training on %s with %d process%s", device, processes, "es" if processes > 1 else "")
        if processes > 1 and device.type == "cuda":
            # The published training computes BatchNorm's statistics over all replicas; torch can on GPUs only.
            nn.SyncBatchNorm.convert_sync_batchnorm(self._network)  # type: ignore[no-untyped-call]
        learner = Learner(self._network)
        if self._config.run.compile:
            learner.compile()
        torch.backends.cudnn.deterministic = True
        return self._accelerator.prepare_model(learner)

    def _batches(self, index: int) -> Iterator[tuple[Tensor, Tensor]]:
        run, organisms = self._config.run, len(self._data)
        processes = self._accelerator.num_processes
        examples = ShuffledExamples(
            self._data[index].splits["train"], self._config.augmentation, run.seed, run.batch_size * processes
        )
        steps_done = (self.progress.step - index + organisms - 1) // organisms
        first = steps_done * run.accumulate
        numbers = BatchNumbers(run.batch_size, first, self._accelerator.process_index, processes)
        return training_batches(examples, numbers, run.workers, self._accelerator.device.type == "cuda")

    def _step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> Tensor:
        self._learner.train()
        for layer in self._frozen:
            layer.eval()  # no dropout, and BatchNorm keeps its statistics
        organism = self._data[self.progress.step % len(self._data)].organism
        total = torch.zeros((), device=self._accelerator.device)
        for part in range(self._config.run.accumulate):
            last = part == self._config.run.accumulate - 1
            with nullcontext() if last else self._accelerator.no_sync(self._learner):
                total += self._backward(*next(batches), organism, part)
        if self._config.optimizer.clip_norm:
            nn.utils.clip_grad_norm_(self._network.parameters(), self._config.optimizer.clip_norm)
        self._optimizer.step()
        self._schedule.step()
        self._optimizer.zero_grad()
        if self._average is not None:
            self._average.update(self._network, self.progress.step)
        return total

    def _backward(self, codes: Tensor, observed: Tensor, organism: str, part: int) -> Tensor:
        device = self._accelerator.device
        torch.manual_seed(self._dropout_seed(part))
        loss = self._learner(codes.to(device, non_blocking=True), observed.to(device, non_blocking=True), organism)
        loss = loss / self._config.run.accumulate
        self._accelerator.backward(loss)
        return loss.detach()

    def _dropout_seed(self, part: int) -> int:
        process = self._accelerator.process_index
        key = [self._config.run.seed, _DROPOUT_STREAM, self.progress.step, part, process]
        return int(np.random.SeedSequence(key).generate_state(1)[0])

    def _any_process(self, answer: bool) -> bool:
        if self._accelerator.num_processes == 1:
            return answer
        return bool(self._accelerator.gather(torch.tensor([answer], device=self._accelerator.device)).any())

    def _record(self, seconds: float) -> None:
        """Evaluates, logs, and keeps the weights when they are the best so far."""
        train_loss = torch.stack(self._losses).mean().item()
        self._losses.clear()
        if not math.isfinite(train_loss):
            raise ModelError(
                f"the loss is {train_loss} at step {self.progress.step}; lower optimizer.rate and start again"
            )
        evaluations = {data.organism: self._evaluate(data) for data in self._data}
        record = {
            "step": self.progress.step,
            "seconds": round(seconds, 1),
            "rate": self._schedule.get_last_lr()[0],
            "train_loss": train_loss,
            **summarise_evaluations(evaluations, self._data),
        }
        self.progress.records.append(record)
        improved = record["valid_correlation"] > self.progress.best
        self.progress.stale = 0 if improved else self.progress.stale + 1
        if self._accelerator.is_main_process:
            logger.info(_RECORD_LINE, record)
            write_metrics(self._folder, self.progress.records)
            plot_curves(self._folder, self.progress.records)
        if improved:
            self.progress.best = record["valid_correlation"]
        if improved and self._accelerator.is_main_process:
            # Without the time, so that the same run gives the same file.
            figures = {name: value for name, value in record.items() if name != "seconds"}
            export_model(self._evaluated, self._folder, self._config, self._data, figures)

    def _evaluate(self, data: OrganismData) -> Evaluation:
        run, accelerator = self._config.run, self._accelerator
        batches = evaluation_batches(
            data.splits["valid"],
            run.batch_size,
            run.workers,
            limit=run.evaluation_examples,
            rank=accelerator.process_index,
            processes=accelerator.num_processes,
        )
        with accelerator.autocast():
            network = partial(predict, self._evaluated.eval(), organism=data.organism)
            own = tally(network, batches, len(data.targets), accelerator.device)
        states = accelerator.gather(own.state()[None])
        merged = Tally(len(data.targets), accelerator.device)
        for state in states:
            merged.merge(state)
        return merged.result()

    @property
    def _evaluated(self) -> Network:
        return self._network if self._average is None else self._average.network


def _unseen(count: int, **figures: object) -> None:
    """Stands for a bar that nobody sees."""


def _precision(choice: str) -> str:
    if choice == "auto":
        return "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "no"
    return choice
