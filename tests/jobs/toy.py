"""Scoring runs without a network, in processes that can be killed.

The engine counts letters; how it is told to be slow, to crash or to die stands in a `Toy`.
"""

import multiprocessing
import os
import resource
import signal
import tempfile
import time
from dataclasses import dataclass, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import NamedTuple

import torch

from enformer_vep.effects.effect import Effect, EffectBatch
from enformer_vep.genome.bins import Geometry
from enformer_vep.jobs import run as jobs_run
from enformer_vep.jobs import score
from enformer_vep.resume import resumable
from enformer_vep.scoring import workers
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.settings import Engine, ScoreRequest
from tests.toys import CountingEngine, toy_scorer

WINDOW = 64
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.jobs.toy"])


@dataclass(frozen=True)
class Toy:
    """What goes wrong.

    Attributes:
        delay: Seconds per batch.
        crash_in: Name in `enformer_vep.resume.resumable` or "Path.unlink"; the process dies when it is called.
        after: Calls of it that still succeed.
        dies_with: A file; a worker that finds it removes it and dies.
        always_dies: Whoever predicts dies.
        file_limit: Bytes that a file may have.
    """

    delay: float = 0.0
    crash_in: str = ""
    after: int = 0
    dies_with: Path | None = None
    always_dies: bool = False
    file_limit: int | None = None


NO_TROUBLE = Toy()


class ToyEngine(CountingEngine):
    def __init__(self, toy: Toy) -> None:
        super().__init__()
        self.toy = toy

    def predict(self, batch: EffectBatch) -> Effect:
        time.sleep(self.toy.delay)
        if self.toy.always_dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.toy.dies_with and self.toy.dies_with.exists():
            self.toy.dies_with.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        effect = super().predict(batch)
        # Values that show which variants were in a batch together: batches must not depend on restarts. Either sign.
        shown = (batch.alternate.sum() - 1.5 * batch.alternate.numel()) / 1e3
        return Effect(effect.reference + len(batch) / 7, effect.delta + shown)


def scorer_for(request: ScoreRequest, toy: Toy) -> Scorer:
    geometry = Geometry(WINDOW, 0, 4, WINDOW // 4)
    settings = replace(request.settings, engine=Engine.PAIR)
    return toy_scorer(ToyEngine(toy), geometry, settings, request.compute.batch_size or 4)


class ToyScorerFactory:
    """Picklable; for workers."""

    def __init__(self, toy: Toy) -> None:
        self.toy = toy

    def __call__(self, request: ScoreRequest, reference: object) -> Scorer:
        return scorer_for(request, self.toy)


def patch(toy: Toy) -> None:
    """Puts the toy in place of the model, in this process."""
    jobs_run.scorer_of = ToyScorerFactory(toy)
    jobs_run.DevicePool = lambda request, size: workers.DevicePool(request, size, ToyScorerFactory(toy))
    # As many checkpoints as there are batches, so that kills meet every kind of them.
    resumable.CHECKPOINT_SECONDS = -1.0
    if toy.file_limit is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (toy.file_limit, resource.RLIM_INFINITY))
    if toy.crash_in:
        _crash(toy.crash_in, toy.after)


def _crash(name: str, after: int) -> None:
    owner, attribute = (Path, name.removeprefix("Path.")) if name.startswith("Path.") else (resumable, name)
    original, left = getattr(owner, attribute), [after]

    def crash(*arguments: object, **options: object) -> object:
        if left[0] == 0:
            os._exit(77)
        left[0] -= 1
        return original(*arguments, **options)

    setattr(owner, attribute, crash)


def run_toy(request: ScoreRequest, toy: Toy, log: str) -> None:
    """Entry point of a child process; its exit code is the command's."""
    from enformer_vep.cli.logs import set_up_logging
    from enformer_vep.cli.progress import record_progress
    from enformer_vep.errors import EnformerVepError
    from enformer_vep.files.signals import StoppedError

    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), 2)
    torch.set_num_threads(1)
    patch(toy)
    set_up_logging(0)
    try:
        score.score_file(request, record_progress)
    except (EnformerVepError, StoppedError) as error:
        os.write(2, f"{error}\n".encode())
        os._exit(error.exit_code)
    os._exit(0)


class Outcome(NamedTuple):
    """How a run ended, and what it said."""

    code: int
    err: str


def start(request: ScoreRequest, toy: Toy = NO_TROUBLE, log: str = os.devnull) -> ForkServerProcess:
    process = CONTEXT.Process(target=run_toy, args=(request, toy, log))
    process.start()
    return process


def complete(request: ScoreRequest, toy: Toy = NO_TROUBLE) -> Outcome:
    """Runs to the end."""
    with tempfile.NamedTemporaryFile() as log:
        process = start(request, toy, log.name)
        process.join(120)
        assert process.exitcode is not None, "hangs"
        return Outcome(process.exitcode, log.read().decode())
