"""What only a process of its own can show: signals, pipes, start-up."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.builders import bgzip

PROGRAM = [sys.executable, "-m", "enformer_vep"]


def start(*words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*PROGRAM, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def long_input(vcf: Path, tmp_path: Path) -> Path:
    """Enough alleles to be killed among."""
    lines = vcf.read_text().splitlines(keepends=True)
    rows = [line for line in lines if not line.startswith("#")]
    (tmp_path / "input").mkdir()
    path = tmp_path / "input" / "many.vcf"
    path.write_text("".join([line for line in lines if line.startswith("#")] + rows[:1] * 20_000))
    return path


def wait_for_output(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Until an unfinished output file has rows in it."""
    for _ in range(1200):
        if process.poll() is not None or any(path.stat().st_size > 2_000 for path in folder.glob("*.part")):
            return
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("kill", "code"),
    [
        (signal.SIGKILL, -signal.SIGKILL),
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        (signal.SIGUSR1, 143),
    ],
)
def test_a_killed_run_leaves_what_it_needs_to_go_on(
    kill: signal.Signals, code: int, long_input: Path, fasta: Path, small_model: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output" / "scores.tsv"
    output.parent.mkdir()
    process = start("score", long_input, "-f", fasta, "-m", small_model, "-o", output, "--device", "cpu")
    wait_for_output(output.parent, process)
    assert process.poll() is None
    process.send_signal(kill)
    _, error = process.communicate()
    assert process.returncode == code
    assert not output.exists()
    assert {path.name for path in output.parent.iterdir()} == {"scores.tsv.part", "scores.tsv.journal"}
    assert b"Traceback" not in error
    assert kill is signal.SIGKILL or b"run the same command again" in error


def test_a_closed_pipe_is_quiet(long_input: Path, fasta: Path, small_model: Path) -> None:
    process = start("score", long_input, "-f", fasta, "-m", small_model, "-t", "0", "-q", "--device", "cpu")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b"#CHROM")
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait() in (0, -signal.SIGPIPE)


def test_standard_input(vcf: Path, fasta: Path, small_model: Path, tmp_path: Path) -> None:
    options = ["-f", str(fasta), "-m", str(small_model), "--device", "cpu"]
    from_file = subprocess.run([*PROGRAM, "score", str(vcf), *options], capture_output=True, check=True)
    compressed = bgzip(tmp_path / "variants.vcf.gz", vcf.read_bytes()).read_bytes()
    for text in (vcf.read_bytes(), compressed):
        piped = subprocess.run(
            [*PROGRAM, "score", "-", *options], input=text, capture_output=True, check=True
        )
        assert piped.stdout == from_file.stdout


def test_help_does_not_import_torch() -> None:
    check = (
        "import sys\n"
        "from enformer_vep.cli.main import main, COMMANDS\n"
        "for words in ([], *([name] for name in COMMANDS)):\n"
        "    try: main([*words, '--help'], 'enformer-vep', standalone_mode=False)\n"
        "    except BaseException: pass\n"
        "heavy = {'torch', 'numpy', 'pandas', 'cyvcf2', 'pysam', 'huggingface_hub'} & set(sys.modules)\n"
        "sys.exit(f'imports {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Score every ALT allele" in done.stdout


def test_version_and_module_entry() -> None:
    done = subprocess.run([*PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("enformer-vep ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    done = subprocess.run([*PROGRAM, "completion", shell], capture_output=True, text=True, check=True)
    assert "_ENFORMER_VEP_COMPLETE" in done.stdout
    environment = {
        **os.environ,
        "_ENFORMER_VEP_COMPLETE": "bash_complete",
        "COMP_WORDS": "enformer-vep sc",
        "COMP_CWORD": "1",
    }
    completed = subprocess.run(PROGRAM, capture_output=True, text=True, env=environment)
    assert "score" in completed.stdout
