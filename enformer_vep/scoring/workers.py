"""Several devices in one machine: a process for each, pieces handed out as they get free, rows in order."""

import itertools
import logging
import multiprocessing
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import torch

from enformer_vep.effects.devices import resolve_devices
from enformer_vep.effects.memory import keep_freed_memory
from enformer_vep.errors import EnformerVepError
from enformer_vep.genome.variants import Variant
from enformer_vep.scoring.assembly import scorer_of
from enformer_vep.scoring.batches import ScoredBatch, score_variants
from enformer_vep.scoring.checking import Reference
from enformer_vep.scoring.inputs import open_reference
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.scoring.threads import threads_of_each
from enformer_vep.settings import ScoreRequest

logger = logging.getLogger(__name__)

# Pieces that may wait for a slower one before them, for each worker.
_AHEAD = 4
_ATTEMPTS = 2
_FAREWELL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Task:
    number: int
    variants: tuple[Variant, ...]
    skipped_batches: int = 0
    attempt: int = 1

    @property
    def place(self) -> str:
        """Where the piece is, for messages."""
        first, last = self.variants[0], self.variants[-1]
        return f"{first.contig}:{first.position} to {last.contig}:{last.position}"


@dataclass
class _Worker:
    device: str
    process: BaseProcess
    pipe: Connection
    task: _Task | None = None
    received: int = 0


ScorerFactory = Callable[[ScoreRequest, Reference], Scorer]
"""Makes the scorer of a worker, whose device is `request.compute.device`; has to be importable by name."""


def device_names(request: ScoreRequest) -> tuple[str, ...]:
    """Devices that a run shares its work among, "all" spelled out; none for no workers.

    Raises:
        UsageError: When one does not exist.
    """
    return tuple(map(str, resolve_devices(request.compute.devices)))


class DevicePool:
    """Worker processes, used as a context manager.

    A worker that dies is reported and its piece given once to another one; if that dies too, or none is left,
    the run fails.

    Args:
        request: The run; `compute.devices` has a device for each worker.
        batch_size: Alternates per batch on every device.
        make_scorer: Makes a worker's scorer.
    """

    def __init__(self, request: ScoreRequest, batch_size: int, make_scorer: ScorerFactory = scorer_of) -> None:
        self._request = replace(request, compute=replace(request.compute, batch_size=batch_size))
        self._make_scorer = make_scorer
        self._workers: list[_Worker] = []
        self._retries: deque[_Task] = deque()
        self._backlog: dict[int, deque[ScoredBatch]] = {}

    def __enter__(self) -> "DevicePool":
        """Starts the workers."""
        # Spawned, not forked: neither CUDA nor a FASTA handle survives a fork.
        context = multiprocessing.get_context("spawn")
        names = device_names(self._request)
        threads = threads_of_each(len(names))
        for device in names:
            ours, theirs = context.Pipe()
            compute = replace(self._request.compute, device=device, devices=())
            arguments = (replace(self._request, compute=compute), self._make_scorer, theirs, threads)
            process = context.Process(target=_work, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self._workers.append(_Worker(device, process, ours))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Ends the workers, at once when something went wrong."""
        for worker in self._workers:
            worker.pipe.close()
            if kind is not None:
                worker.process.kill()
        for worker in self._workers:
            worker.process.join(_FAREWELL_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers.clear()

    def score(self, variants: Iterable[Variant], piece_size: int, skipped_batches: int = 0) -> Iterator[ScoredBatch]:
        """Scores pieces on whatever device is free.

        Args:
            variants: As for `enformer_vep.scoring.batches.score_variants`.
            piece_size: Records per piece.
            skipped_batches: Batches of the first piece that are done already.

        Yields:
            Batches of rows, in order.

        Raises:
            EnformerVepError: As a worker raised it, or when a piece cannot be scored because workers die.
        """
        tasks = _cut(variants, piece_size, skipped_batches)
        order: deque[int] = deque()
        more = True
        while more or order:
            more = self._hand_out(tasks, order)
            if not order:
                continue
            backlog = self._backlog[order[0]]
            if not backlog:
                self._receive()
                continue
            batch = backlog.popleft()
            if batch.ends_piece:
                del self._backlog[order.popleft()]
            yield batch

    def _hand_out(self, tasks: Iterator[_Task], order: deque[int]) -> bool:
        """Gives every idle worker a piece; tells whether there may be more pieces."""
        for worker in [worker for worker in self._workers if worker.task is None]:
            if self._retries:
                self._give(worker, self._retries.popleft())
            elif len(order) < _AHEAD * len(self._workers):
                task = next(tasks, None)
                if task is None:
                    return False
                self._backlog[task.number] = deque()
                order.append(task.number)
                self._give(worker, task)
        return True

    def _give(self, worker: _Worker, task: _Task) -> None:
        worker.task, worker.received = task, 0
        try:
            worker.pipe.send((task.variants, task.skipped_batches))
        except OSError:
            self._bury(worker)

    def _receive(self) -> None:
        pipes = {worker.pipe: worker for worker in self._workers}
        for pipe in wait(list(pipes)):
            worker = pipes[pipe]  # type: ignore[index]
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                self._bury(worker)
            else:
                self._take(worker, message)

    def _take(self, worker: _Worker, message: object) -> None:
        if isinstance(message, BaseException):
            raise message
        assert worker.task is not None
        assert isinstance(message, ScoredBatch)
        worker.received += 1
        self._backlog[worker.task.number].append(message)
        if message.ends_piece:
            worker.task = None

    def _bury(self, worker: _Worker) -> None:
        """Takes leave of a dead worker; its piece goes to another one, from the batch after its last."""
        worker.process.join()
        worker.pipe.close()
        self._workers.remove(worker)
        end, task = _how_it_ended(worker.process), worker.task
        if task is None:
            logger.warning("the worker on %s %s", worker.device, end)
        elif task.attempt == _ATTEMPTS or not self._workers:
            why = "twice at the same piece" if task.attempt == _ATTEMPTS else "and no other one is left"
            raise EnformerVepError(
                f"the worker on {worker.device} {end} at {task.place}, {why}; check that device and its "
                "memory, then run the same command again to go on"
            )
        else:
            logger.warning("the worker on %s %s at %s: trying elsewhere", worker.device, end, task.place)
            skipped = task.skipped_batches + worker.received
            self._retries.append(replace(task, skipped_batches=skipped, attempt=task.attempt + 1))
        if not self._workers:
            raise EnformerVepError("no worker is left; check the devices, then run the same command again")


def _cut(variants: Iterable[Variant], piece_size: int, skipped_batches: int) -> Iterator[_Task]:
    for number, piece in itertools.groupby(variants, lambda variant: variant.record // piece_size):
        yield _Task(number, tuple(piece), skipped_batches)
        skipped_batches = 0


def _how_it_ended(process: BaseProcess) -> str:
    code = process.exitcode or 0
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _work(request: ScoreRequest, make_scorer: ScorerFactory, pipe: Connection, threads: int) -> None:
    """A worker: takes pieces and sends back their rows, batch by batch, until the pipe closes."""
    # The whole group gets these signals; the parent decides what they mean.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(threads)
    if request.compute.device == "cpu":
        keep_freed_memory()
    try:
        reference = open_reference(request)
        scorer = make_scorer(request, reference)
        while True:
            variants, skipped_batches = pipe.recv()
            size = request.compute.piece_size
            for batch in score_variants(variants, reference, scorer, size, skipped_batches):
                pipe.send(batch)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except EnformerVepError as error:
        pipe.send(error)
    except Exception:
        pipe.send(RuntimeError(traceback.format_exc()))
