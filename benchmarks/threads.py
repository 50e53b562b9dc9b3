"""How long does a run take on a shared machine, by how its threads wait and how many there are?

    python benchmarks/threads.py [--runs 3] [--busy 0,1] [--output results/threads.tsv]

Scores the first substitutions of `example_data` with the model `example`, as a command of its own each time: once with
every setting, then again, `--runs` times over, so that the machine's other load meets all alike. Beside it run as many
busy loops as `--busy` says, one number after the other. The table has each setting's wall time, start of the program
included, as a ratio to that of one thread in the same round: the median, the lowest and the highest. A line above it
says by how much the scores of two threads differ from those of one.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from enformer_vep.scoring.cpus import available_cpus

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "example_data"
FIRST_SCORE = 6  # after CHROM, POS, ID, REF, ALT, STATUS
# Ends by itself when this process is gone, however it went.
BUSY_LOOP = f"import os\nwhile os.getppid() == {os.getpid()}: sum(range(100_000))"


@dataclass(frozen=True, slots=True)
class Setting:
    """How threads wait, as the environment says it, and how many there are; None for the command's choice."""

    name: str
    environment: dict[str, str] = field(default_factory=dict)
    threads: int | None = None


YARDSTICK = Setting("one thread", threads=1)
SETTINGS = (
    YARDSTICK,
    Setting("the command's default"),
    Setting("no spinning at all (GOMP_SPINCOUNT=0)", {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}),
    Setting("GOMP_SPINCOUNT=100000", {"GOMP_SPINCOUNT": "100000"}),
    Setting("libgomp's default (GOMP_SPINCOUNT=300000)", {"GOMP_SPINCOUNT": "300000"}),
)


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Keeps so many cores busy."""
    loops = [subprocess.Popen([sys.executable, "-c", BUSY_LOOP]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def seconds(setting: Setting, command: list[str]) -> float:
    """Wall time of one run."""
    held = ("OMP_", "GOMP_", "KMP_", "MKL_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(held)}
    threads = [] if setting.threads is None else ["--threads", str(setting.threads)]
    began = time.perf_counter()
    subprocess.run([*command, *threads], env={**environment, **setting.environment}, check=True)
    return time.perf_counter() - began


def rounds(command: list[str], runs: int) -> dict[str, list[float]]:
    """Ratios to one thread, by setting."""
    found: dict[str, list[float]] = {setting.name: [] for setting in SETTINGS}
    for _ in range(runs):
        took = {setting.name: seconds(setting, command) for setting in SETTINGS}
        for name, one in took.items():
            found[name].append(one / took[YARDSTICK.name])
    return found


def difference(command: list[str], folder: Path) -> str:
    """Says by how much scores change from one thread to two."""
    one, two = (folder / f"{threads}.tsv" for threads in (1, 2))
    for threads, path in enumerate((one, two), 1):
        seconds(Setting("", threads=threads), [*command, "-o", str(path)])
    scores, others = (pd.read_csv(path, sep="\t").iloc[:, FIRST_SCORE:].to_numpy() for path in (one, two))
    change = np.abs(others / scores - 1)
    return (
        f"{(scores != others).sum()} of {scores.size} scores differ between one thread and two, relative difference: "
        f"median {np.median(change):.0e}, largest {change.max():.0e}"
    )


def first_substitutions(count: int) -> list[str]:
    """Regions of the first records of the example's VCF, as `--region` takes them."""
    from enformer_vep.genome.vcf import read_variants

    found: list[str] = []
    for variant in read_variants(str(EXAMPLE / "variants.vcf.gz")):
        if len(variant.reference) == len(variant.alternate) == 1:
            found.append(f"{variant.contig}:{variant.position}-{variant.position}")
        if len(found) == count:
            break
    return found


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--busy", default="0,1", help="busy loops beside the run: 0,1")
    parser.add_argument("--variants", type=int, default=4)
    parser.add_argument("--model", default="example")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    lines = [
        f"# Wall time of {arguments.variants} substitutions (benchmarks/threads.py), model {arguments.model}; "
        f"{available_cpus()}, {platform.machine()}, of which others kept {os.getloadavg()[0]:.1f} busy at the start",
        f"# Ratios to one thread in the same round, {arguments.runs} rounds",
    ]
    with tempfile.TemporaryDirectory() as folder:
        words = ["-f", str(EXAMPLE / "chr22.fa.gz"), "-m", arguments.model, "--device", "cpu", "-q", "--overwrite"]
        regions = [word for region in first_substitutions(arguments.variants) for word in ("-r", region)]
        command = [sys.executable, "-m", "enformer_vep", "score", str(EXAMPLE / "variants.vcf.gz"), *words, *regions]
        lines += [f"# {difference(command, Path(folder))}", "busy_loops\tsetting\tmedian\tlowest\thighest"]
        for busy in map(int, arguments.busy.split(",")):
            with busy_loops(busy):
                table = rounds([*command, "-o", f"{folder}/scores.tsv"], arguments.runs)
            for name, ratios in table.items():
                cells = (statistics.median(ratios), min(ratios), max(ratios))
                lines.append("\t".join((str(busy), name, *(f"{ratio:.2f}" for ratio in cells))))
                print(lines[-1], flush=True)
    if arguments.output:
        arguments.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
