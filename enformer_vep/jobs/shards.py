"""Contiguous blocks of the input, one for each task of an array job."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from enformer_vep.errors import UsageError
from enformer_vep.files.writing import is_stream
from enformer_vep.settings import OutputSettings

# Scheduler, the variable with the task's number, and those with the first task's number, the number of tasks
# and the step between numbers, where the scheduler tells. PBS_ARRAY_INDEX is PBS Pro's, PBS_ARRAYID Torque's.
_SCHEDULERS = (
    ("SLURM", *(f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "MIN", "COUNT", "STEP"))),
    ("SGE", "SGE_TASK_ID", "SGE_TASK_FIRST", "", "SGE_TASK_STEPSIZE"),
    ("PBS", "PBS_ARRAY_INDEX", "", "", ""),
    ("PBS", "PBS_ARRAYID", "", "", ""),
    ("LSF", "LSB_JOBINDEX", "", "", "LSB_JOBINDEX_STEP"),
)
_WORDS = "write I/N, such as 3/8, or auto/8 or auto within an array job"


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several blocks: which, from 1, of how many."""

    number: int
    count: int

    def __str__(self) -> str:
        """As on the command line: "3/8"."""
        return f"{self.number}/{self.count}"

    def pieces(self, total: int) -> range:
        """The pieces of this shard, of `total`: each is in one shard, and their sizes differ by one at most."""
        return range((self.number - 1) * total // self.count, self.number * total // self.count)


def parse_shard(text: str, environment: Mapping[str, str]) -> Shard:
    """Reads "3/8", "auto/8" or "auto".

    "auto" takes the number from the array job that this process belongs to. SLURM also tells how many tasks
    there are (its array must then be complete and begin anywhere); an array of a few of the tasks, to make up
    for lost ones, needs "auto/8" and numbers from 1 to 8.

    Raises:
        UsageError: It cannot be read, or no scheduler says which task this is.
    """
    match = re.fullmatch(r"(auto|\d+)(?:/(\d+))?", text)
    if not match or (match[1] != "auto" and match[2] is None):
        raise UsageError(f"cannot read --shard {text}: {_WORDS}")
    count = int(match[2]) if match[2] else None
    shard = _from_environment(count, environment) if match[1] == "auto" else Shard(int(match[1]), count or 0)
    if not 1 <= shard.number <= shard.count:
        raise UsageError(f"--shard {text}: there is no shard {shard}; numbers go from 1 to the count")
    return shard


def take_shard(text: str, output: OutputSettings) -> tuple[Shard, OutputSettings]:
    """What `--shard` asks for, and the output with the shard's number in its name; UsageError without a file."""
    shard = parse_shard(text, os.environ)
    destination = output.destination.replace("{shard}", str(shard.number))
    if is_stream(destination):
        raise UsageError("--shard needs -o FILE")
    return shard, replace(output, destination=destination)


def _from_environment(count: int | None, environment: Mapping[str, str]) -> Shard:
    for scheduler, task, first, tasks, step in _SCHEDULERS:
        if environment.get(task, "").isdecimal():
            number = int(environment[task])
            if scheduler == "LSF" and number == 0:
                continue  # a job that is no array
            if count is not None:
                return Shard(number, count)
            known = _tasks(environment, first, tasks, step)
            if known is None:
                raise UsageError(f"--shard auto: {scheduler} does not say how many tasks the array has; write auto/N")
            return Shard((number - known.start) // known.step + 1, len(known))
    raise UsageError(
        "--shard auto: no array job is running here (no variable of SLURM, SGE, PBS or LSF is set); "
        "write I/N, such as 3/8"
    )


def _tasks(environment: Mapping[str, str], first: str, tasks: str, step: str) -> range | None:
    """Numbers of the array's tasks, when the scheduler tells all of it."""
    width = _number(environment, step) or 1
    start, count = _number(environment, first), _number(environment, tasks)
    if start is not None and count:
        return range(start, start + count * width, width)
    last = _number(environment, "SGE_TASK_LAST")
    if start is not None and last is not None:
        return range(start, last + 1, width)
    return None


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    return int(text) if text.isdecimal() else None


def as_array(numbers: Iterable[int]) -> str:
    """Shard numbers as an array job takes them: "3,6"."""
    return ",".join(map(str, sorted(numbers)))
