"""On a real SLURM, where there is one: lost tasks, preemption, and a workflow whose driver dies."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from enformer_vep.resume.journal import read_journal
from enformer_vep.resume.names import Names
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow
SHARDS = 8
PIECES = ["--piece-size", "10", "--device", "cpu"]
TOOL = f"""#!/bin/bash
export PYTHONPATH={REPOSITORY} OMP_NUM_THREADS=1
exec {sys.executable} -m enformer_vep "$@"
"""
# Stands in for the tool in tasks that crash: it is killed as soon as it has written rows.
CRASHING = """#!/bin/bash
task=$SLURM_ARRAY_TASK_ID
if [[ " $CRASH " == *" $task "* ]]; then
  {tool} "$@" & tool=$!
  while kill -0 $tool 2>/dev/null; do
    [ "$(stat -c %s shards/$task.tsv.gz.part 2>/dev/null || echo 0)" -gt 300 ] && kill -9 $tool
    sleep 0.01
  done
  exit 9
fi
exec {tool} "$@"
"""


def shell(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, words)], text=True, capture_output=True, **options)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def folder(variants_path: Path, genome_path: Path, small_model: Path) -> Iterator[Path]:
    """A folder that all nodes see, with the tool, the input and the unsharded result."""
    if shutil.which("sbatch") is None or shell("sinfo", "-h").returncode != 0:
        pytest.skip("needs a running SLURM")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        (path / "shards").mkdir()
        for script, text in (("tool", TOOL), ("crashing", CRASHING.format(tool=path / "tool"))):
            (path / script).write_text(text)
            (path / script).chmod(0o755)
        shutil.copy(variants_path, path / "variants.vcf.gz")
        shutil.copy(f"{variants_path}.tbi", path / "variants.vcf.gz.tbi")
        shutil.copy(genome_path, path / "genome.fa")
        shutil.copy(small_model, path / "small.safetensors")
        shutil.copy(REPOSITORY / "workflow" / "array.sbatch", path)
        options = ["-f", "genome.fa", "-m", "small.safetensors", *PIECES]
        shell(
            path / "tool",
            "score",
            "variants.vcf.gz",
            *options,
            "-o",
            "unsharded.tsv.gz",
            cwd=path,
            check=True,
        )
        yield path


def submit(folder: Path, *options: str, **variables: str) -> str:
    exported = {
        "VCF": "variants.vcf.gz",
        "FASTA": "genome.fa",
        "ENFORMER_VEP": "./crashing",
        "OPTIONS": " ".join(["--model small.safetensors", *PIECES]),
        **variables,
    }
    environment = {**os.environ, **exported}
    done = shell(
        "sbatch", "--parsable", "--mem=900M", "--gres=none", "--export=ALL", *options, "array.sbatch",
        cwd=folder, env=environment, check=True,
    )  # fmt: skip
    return done.stdout.strip().split(";")[0]


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, shell("squeue").stdout
        time.sleep(0.2)


def is_over(job: str) -> bool:
    return not shell("squeue", "-h", "-j", job).stdout.strip()


def merge(folder: Path) -> subprocess.CompletedProcess[str]:
    shards = sorted(path.name for path in (folder / "shards").glob("*.tsv.gz"))
    return shell(folder / "tool", "merge", *(f"shards/{name}" for name in shards), "-o", "all.tsv.gz", cwd=folder)


def test_an_array_that_loses_two_tasks(folder: Path) -> None:
    job = submit(folder, f"--array=1-{SHARDS}", CRASH="3 6")
    wait_for(lambda: is_over(job), 400)
    outcome = merge(folder)
    assert (outcome.returncode, outcome.stdout) == (3, "3,6\n"), outcome.stderr
    journalled = [read_journal(Names.of(str(folder / "shards" / f"{n}.tsv.gz")).journal) for n in (3, 6)]
    assert all(content and content.checkpoints for content in journalled)
    job = submit(folder, f"--array={outcome.stdout.strip()}")
    wait_for(lambda: is_over(job), 200)
    assert merge(folder).returncode == 0
    assert (folder / "all.tsv.gz").read_bytes() == (folder / "unsharded.tsv.gz").read_bytes()


def test_a_preempted_job_goes_on(folder: Path) -> None:
    names = Names.of(str(folder / "shards" / "1.tsv.gz"))

    def rows() -> int:
        content = read_journal(names.journal)
        return content.checkpoints[-1].counts.total() if content and content.checkpoints else 0

    job = submit(folder, "--array=1", SHARDS="1")
    wait_for(lambda: rows() > 20, 200)
    shell("scontrol", "requeue", f"{job}_1", check=True)
    wait_for(lambda: "PENDING" in shell("squeue", "-h", "-o", "%T", "-j", job).stdout, 60)
    done = rows()
    assert 20 < done < 1500
    assert not names.target.exists()
    wait_for(lambda: shell("scontrol", "update", f"jobid={job}_1", "StartTime=now").returncode == 0, 60)
    wait_for(lambda: is_over(job), 400)
    assert names.target.read_bytes() == (folder / "unsharded.tsv.gz").read_bytes()
    assert f"going on after row {done}" in (folder / "shards" / "1.log").read_text()


def test_a_workflow_whose_driver_is_killed(folder: Path) -> None:
    snakemake = os.environ.get("SNAKEMAKE") or shutil.which("snakemake")
    if snakemake is None:
        pytest.skip("needs Snakemake 9, on the PATH or named by the variable SNAKEMAKE")
    command = [
        snakemake, "--snakefile", REPOSITORY / "workflow" / "Snakefile",
        "--workflow-profile", REPOSITORY / "workflow" / "profiles" / "slurm",
        "--slurm-status-command", "squeue", "--slurm-no-account", "--latency-wait", "10",
        "--seconds-between-status-checks", "2",
        "--config", "variants=variants.vcf.gz", "fasta=genome.fa", "model=small.safetensors", "output=all.tsv.gz",
        "shards=4", f"enformer_vep={folder / 'tool'}", f"options={' '.join(PIECES)}", "memory_mb=900", "hours=1",
    ]  # fmt: skip
    environment = {**os.environ, "PATH": f"{Path(snakemake).parent}:{os.environ['PATH']}"}
    words = [str(word) for word in command]
    with subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as driver:
        wait_for(lambda: any((folder / "shards").glob("*.journal")) or driver.poll() is not None, 300)
        driver.send_signal(signal.SIGKILL)
    shell(*words, "--unlock", cwd=folder, env=environment, check=True)
    wait_for(lambda: not shell("squeue", "-h").stdout.strip(), 300)
    done = shell(*words, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    assert (folder / "all.tsv.gz").read_bytes() == (folder / "unsharded.tsv.gz").read_bytes()
    assert (folder / "all.tsv.gz.summary.json").exists()
