"""Streams: what is written through at once, and how a full disk shows."""

import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from enformer_vep.errors import OutputError
from enformer_vep.files.writing import is_stream, open_stream, require_writable

needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


def test_standard_output_gets_the_bytes_at_each_flush(capfdbinary):
    with open_stream("-") as stream:
        stream.write(b"first\n")
        stream.flush()
        assert capfdbinary.readouterr().out == b"first\n"
        stream.write(b"second\n")
    assert capfdbinary.readouterr().out == b"second\n"


def test_a_named_pipe_is_written_through_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    with open_stream(str(pipe)) as stream:
        stream.write(b"rows\n")
    reader.join(timeout=10)
    assert received == [b"rows\n"]
    assert pipe.is_fifo()


def test_a_device_is_never_replaced():
    assert is_stream("/dev/null")
    with open_stream("/dev/null") as stream:
        stream.write(b"rows\n")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name", ["new.tsv", "."])
def test_new_files_and_folders_are_not_streams(tmp_path, name):
    assert not is_stream(str(tmp_path / name))


@needs_full_device
def test_a_full_disk_is_explained():
    with (
        pytest.raises(OutputError, match="/dev/full: cannot write: No space left on device; free some space"),
        open_stream("/dev/full") as stream,
    ):
        stream.write(b"rows\n")
        stream.flush()


@needs_full_device
def test_a_full_disk_behind_standard_output_is_explained():
    program = (
        "from enformer_vep.errors import OutputError\n"
        "from enformer_vep.files.writing import open_stream\n"
        "import os, sys\n"
        "try:\n"
        "    with open_stream('-') as stream:\n"
        "        stream.write(b'rows')\n"
        "except OutputError as error:\n"
        "    print(error, file=sys.stderr, flush=True)\n"
        "    os._exit(3)\n"
    )
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith(b"standard output: cannot write: No space left")


def test_a_regular_file_that_cannot_grow_is_explained_and_absent(tmp_path):
    destination = tmp_path / "scores.tsv"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OutputError, match="File too large; raise the file size limit"):
            write_megabytes(str(destination))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


def write_megabytes(destination: str) -> None:
    with open_stream(destination) as stream:
        stream.write(bytes(3_000_000))


def test_a_closed_pipe_propagates_as_it_is(tmp_path, monkeypatch):
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb", buffering=0) as raw:
        monkeypatch.setattr(sys, "stdout", type("Output", (), {"buffer": raw}))
        with pytest.raises(BrokenPipeError), open_stream("-") as stream:
            stream.write(b"rows\n")


def test_finish_sees_the_complete_file_before_it_takes_its_name(tmp_path):
    destination = tmp_path / "scores.tsv"
    seen: list[bytes] = []

    def finish(path: Path) -> None:
        assert not destination.exists()
        seen.append(path.read_bytes())

    with open_stream(str(destination), finish=finish) as stream:
        stream.write(b"rows\n")
    assert seen == [b"rows\n"]
    assert destination.read_bytes() == b"rows\n"


def test_a_failing_finish_leaves_nothing(tmp_path):
    def finish(_: Path) -> None:
        raise OutputError("no index")

    with pytest.raises(OutputError), open_stream(str(tmp_path / "scores.tsv"), finish=finish):
        pass
    assert list(tmp_path.iterdir()) == []


def test_closed_standard_output(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(OutputError, match="standard output is closed; name a file"):
        require_writable("-")
    with pytest.raises(OutputError, match="standard output is closed"), open_stream("-"):
        pass


def test_looking_whether_a_file_could_be_written_leaves_all_as_it_was(tmp_path):
    (tmp_path / "old.tsv").write_text("old")
    (tmp_path / "old.tsv.tbi").write_text("index")
    for name in ("old.tsv", "new.tsv"):
        require_writable(str(tmp_path / name))
    require_writable("-")
    require_writable("/dev/null")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.tsv", "old.tsv.tbi"]
    assert (tmp_path / "old.tsv").read_text() == "old"


@pytest.mark.parametrize(
    ("name", "message"),
    [("", "is a folder"), ("new/", "is a folder"), ("none/x.tsv", "make the folder first")],
)
def test_what_could_not_be_written_is_known_early(tmp_path, name, message):
    with pytest.raises(OutputError, match=message):
        require_writable(f"{tmp_path}/{name}")
    assert list(tmp_path.iterdir()) == []
