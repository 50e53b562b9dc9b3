"""What only a process of its own can show: signals, pipes, start-up."""

import gzip
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from enformer_vep.cli.process import wait_with_patience
from enformer_vep.files.signals import StoppedError, stop_request, stopped_in_order
from enformer_vep.genome.fasta import Genome
from tests.builders import bgzip, make_bcf
from tests.cli.conftest import Outcome

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
        if process.poll() is not None or any(path.stat().st_size > 500 for path in folder.glob("*.part")):
            return
        time.sleep(0.05)


Killed = tuple[subprocess.Popen[bytes], Path]

ENDS = {signal.SIGKILL: -signal.SIGKILL, signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.fixture
def killed(long_input: Path, fasta: Path, small_model: Path, tmp_path: Path) -> Iterator[dict[int, Killed]]:
    """A run for every signal, all at the same time because starting takes longest."""
    Genome(fasta)  # its index is made once, before they all want it
    runs = {}
    for kill in ENDS:
        output = tmp_path / kill.name / "scores.tsv"
        output.parent.mkdir()
        words = ("-f", fasta, "-m", small_model, "-t", "0", "-o", output, "--device", "cpu")
        runs[kill] = start("score", long_input, *words), output
    yield runs
    for process, _ in runs.values():
        process.kill()
        process.communicate()


def test_a_killed_run_leaves_what_it_needs_to_go_on(killed: dict[int, Killed]) -> None:
    for kill, (process, output) in killed.items():
        wait_for_output(output.parent, process)
        assert process.poll() is None
        process.send_signal(kill)
    for kill, (process, output) in killed.items():
        _, error = process.communicate()
        assert process.returncode == ENDS[kill], error
        assert not output.exists()
        assert {path.name for path in output.parent.iterdir()} == {"scores.tsv.part", "scores.tsv.journal"}
        assert b"Traceback" not in error
        assert kill is signal.SIGKILL or b"run the same command again" in error


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_unwind_what_is_under_way(number: signal.Signals) -> None:
    with pytest.raises(StoppedError) as stopped, stopped_in_order():
        os.kill(os.getpid(), number)
        signal.pause()
    assert stopped.value.exit_code == 128 + number
    assert signal.getsignal(number) is signal.SIG_DFL


def test_a_library_s_errors_do_not_swallow_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A download catches whatever its libraries raise; to be told to end is none of these."""
    import huggingface_hub

    from enformer_vep.models import hub

    def interrupted(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()

    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hub, "_cached_file", lambda name: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", interrupted)
    for listening in (stop_request, stopped_in_order):
        with pytest.raises(StoppedError) as stopped, listening():
            hub.official_weights()
        assert stopped.value.exit_code == 143


def test_an_ignored_signal_stays_ignored() -> None:
    """As under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopped_in_order():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_closed_pipe_is_quiet(long_input: Path, fasta: Path, small_model: Path) -> None:
    process = start("score", long_input, "-f", fasta, "-m", small_model, "-t", "0", "-q", "--device", "cpu")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b"#CHROM")
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait() in (0, -signal.SIGPIPE)


def test_standard_input(
    command: Callable[..., Outcome], vcf: Path, fasta: Path, small_model: Path, tmp_path: Path
) -> None:
    options = [str(word) for word in ("-f", fasta, "-m", small_model, "--device", "cpu")]
    compressed = bgzip(tmp_path / "variants.vcf.gz", vcf.read_bytes()).read_bytes()
    piped = subprocess.run([*PROGRAM, "score", "-", *options], input=compressed, capture_output=True, check=True)
    assert piped.stdout.decode() == command("score", vcf, *options).out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_run_whose_input_stalls(
    number: signal.Signals, vcf: Path, fasta: Path, small_model: Path
) -> None:
    """The pipe stays open and silent after the first rows; reading it goes on in a thread of its own."""
    words = (
        "-f",
        fasta,
        "-m",
        small_model,
        "-t",
        "0",
        "--device",
        "cpu",
        "--batch-size",
        "1",
        "--piece-size",
        "1",
    )
    process = subprocess.Popen(
        [*PROGRAM, "score", "-", *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(vcf.read_bytes())
        process.stdin.flush()
        assert process.stdout.readline().startswith(b"#CHROM")
        assert process.stdout.readline().startswith(b"chr1\t100")
        process.send_signal(number)
        assert process.wait(20) == ENDS[number]
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def raw_bcf(vcf: Path, tmp_path: Path) -> bytes:
    return gzip.decompress(make_bcf(tmp_path / "input.bcf", vcf).read_bytes())


@pytest.mark.parametrize(("number", "length"), [(signal.SIGINT, 30), (signal.SIGTERM, -20)])
def test_signals_end_a_run_whose_bcf_stalls(
    number: signal.Signals, length: int, raw_bcf: bytes, fasta: Path, small_model: Path, tmp_path: Path
) -> None:
    """In the header or in a record. Nothing of htslib may wait for the pipe: it waits on, whatever signal comes."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    words = ("score", "-", "-f", fasta, "-m", small_model, "-t", "0", "--device", "cpu")
    process = subprocess.Popen(
        [*PROGRAM, *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    try:
        assert process.stdin is not None
        process.stdin.write(raw_bcf[:length])
        process.stdin.flush()
        wait_until_input_is_read(process, folder)
        process.send_signal(number)
        assert process.wait(20) == ENDS[number]
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
        assert not list(folder.iterdir())
    finally:
        process.kill()
        process.communicate()


def wait_until_input_is_read(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Until there is a temporary file, or a while for a program that makes none."""
    for _ in range(300):
        if process.poll() is not None or list(folder.iterdir()):
            return
        time.sleep(0.05)


def test_damaged_bcf_on_standard_input_is_one_line(raw_bcf: bytes, fasta: Path, small_model: Path) -> None:
    start = raw_bcf.index(b"##contig=")
    # No contig has the number that the records give.
    damaged = raw_bcf[:start] + raw_bcf[start:].replace(b",IDX=0>", b",IDX=9>", 1)
    assert damaged != raw_bcf
    words = ("score", "-", "-f", fasta, "-m", small_model, "-t", "0", "--device", "cpu", "-q")
    done = subprocess.run([*PROGRAM, *map(str, words)], input=damaged, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert "VCF from standard input is damaged or truncated" in line


@pytest.mark.parametrize("descriptor", [0, 1, 2])
def test_a_missing_standard_stream_is_not_taken_by_a_file(descriptor: int, tmp_path: Path) -> None:
    """As under `2>&-`: what is said on standard error must not land in the next file that is opened."""
    check = (
        "import os, sys\n"
        "from enformer_vep.cli.process import replace_missing_streams\n"
        "replace_missing_streams()\n"
        "sys.stderr.write('words')\n"
        f"sys.exit(open({str(tmp_path / 'output')!r}, 'w').fileno() < 3)\n"
    )
    done = subprocess.run([sys.executable, "-c", check], preexec_fn=lambda: os.close(descriptor))
    assert done.returncode == 0
    assert (tmp_path / "output").read_text() == ""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}),
        ({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}),
        ({"GOMP_SPINCOUNT": "5"}, {"GOMP_SPINCOUNT": "5"}),
        ({"KMP_BLOCKTIME": "200"}, {"KMP_BLOCKTIME": "200"}),
    ],
)
def test_threads_sleep_unless_the_user_wants_otherwise(
    given: dict[str, str], expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(given))
    wait_with_patience()
    assert os.environ == expected


def test_the_libraries_that_compute_see_how_threads_wait() -> None:
    """Set before they are loaded: later they would not look."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    environment["OMP_DISPLAY_ENV"] = "verbose"
    check = "from enformer_vep.cli.main import run\ntry: run(['--version'])\nexcept SystemExit: import torch"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    said = {
        name.split()[-1]: value.strip(" '")
        for name, _, value in (i.partition("=") for i in done.stderr.split("\n"))
        if name.strip()
    }
    assert said["OMP_WAIT_POLICY"] == "PASSIVE"
    assert said.get("GOMP_SPINCOUNT", "1000") == "1000"


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


def test_completion() -> None:
    for shell in ("bash", "zsh", "fish"):
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
