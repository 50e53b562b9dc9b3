"""One way in: files, pipes and standard input, plain or compressed, and one line for what is wrong with them."""

import gzip
import io
import os
import random
import threading
import types
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from enformer_vep.errors import InputError
from enformer_vep.files.bgzf import EOF_MARKER
from enformer_vep.files.reading import open_input
from enformer_vep.genome.annotation import read_features
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.regions import Region, read_regions_file
from tests.builders import bgzip

TEXT = b"first\nsecond\n" * 9_000
GENE = b'chr1\tx\tgene\t5\t9\t.\t+\t.\tgene_id "G";\n'


@pytest.fixture
def compressed(tmp_path: Path) -> dict[str, bytes]:
    return {"plain": TEXT, "gzip": gzip.compress(TEXT), "bgzf": bgzip(tmp_path / "made", TEXT).read_bytes()}


@pytest.fixture
def pipe(tmp_path: Path) -> Callable[[bytes], Path]:
    """A named pipe that gives these bytes once."""

    path = tmp_path / "pipe"

    def write(content: bytes) -> None:
        with suppress(BrokenPipeError):  # the reader may stop early
            path.write_bytes(content)

    def make(content: bytes) -> Path:
        os.mkfifo(path)
        threading.Thread(target=write, args=(content,), daemon=True).start()
        return path

    return make


def standard_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> str:
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(content))))
    return "-"


@pytest.mark.parametrize("kind", ["plain", "gzip", "bgzf"])
@pytest.mark.parametrize("way", ["file", "pipe", "standard input"])
def test_the_same_bytes_every_way(kind, way, compressed, pipe, tmp_path, monkeypatch):
    content = compressed[kind]
    if way == "pipe":
        path: Path | str = pipe(content)
    elif way == "file":
        path = tmp_path / "in"
        path.write_bytes(content)
    else:
        path = standard_input(monkeypatch, content)
    with open_input(path, "table") as stream:
        assert stream.file == (path if way == "file" else None)
        assert (stream.is_gzip, stream.is_bgzf) == (kind != "plain", kind == "bgzf")
        assert stream.peek(5) == b"first"
        assert stream.content.read() == TEXT


def failing(path: Path | str) -> str:
    with pytest.raises(InputError) as error, open_input(path, "table") as stream:
        stream.content.read()
    message = str(error.value)
    assert "\n" not in message
    assert ";" in message  # and then the remedy
    return message


def test_what_is_not_there_or_no_file(tmp_path, monkeypatch):
    assert f"table file {tmp_path}/none does not exist" in failing(tmp_path / "none")
    assert f"{tmp_path} is a directory; give the table file inside it" in failing(tmp_path)
    monkeypatch.setattr("sys.stdin", None)
    assert "standard input is closed; pipe a table in" in failing("-")
    monkeypatch.chdir(tmp_path)
    assert "table file - does not exist" in failing(Path("-"))  # only the bare text is standard input


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any file")
def test_what_may_not_be_read(tmp_path):
    path = tmp_path / "secret"
    path.touch(mode=0)
    assert "cannot be read (Permission denied); check its permissions" in failing(path)


@pytest.mark.parametrize("way", ["file", "pipe", "standard input"])
@pytest.mark.parametrize(
    ("kind", "cut", "words"),
    [
        ("plain", len(TEXT), "is empty"),
        ("gzip", 20, "is damaged or truncated"),
        ("bgzf", 60, "is damaged or truncated"),
        ("bgzf", len(EOF_MARKER), "is truncated (its BGZF end-of-file block is missing)"),
    ],
)
def test_what_is_cut_short(way, kind, cut, words, compressed, pipe, tmp_path, monkeypatch):
    content = compressed[kind][:-cut]
    if way == "file":
        path = tmp_path / "cut"
        path.write_bytes(content)
        words = "is truncated" if kind == "bgzf" else words  # known before its content is looked at
        assert f"table file {path} {words}" in failing(path)
    elif way == "pipe":
        path = pipe(content)
        assert f"table file {path} {words}" in failing(path)
    else:
        assert f"table from standard input {words}" in failing(standard_input(monkeypatch, content))


def test_a_part_may_be_read_of_a_pipe_without_its_end(pipe, tmp_path):
    content = b"first\n" + random.Random(1).randbytes(1_000_000)
    cut = bgzip(tmp_path / "made", content).read_bytes().removesuffix(EOF_MARKER)
    with open_input(pipe(cut), "table") as stream:
        assert stream.content.readline() == b"first\n"


def test_an_annotation_and_regions_from_a_pipe(pipe, tmp_path):
    path = pipe(gzip.compress(GENE))
    assert [feature.identifier for feature in read_features(path)] == ["G"]
    path.unlink()
    path = pipe(gzip.compress(b"chr1:5-9\n"))
    assert read_regions_file(path) == (Region("chr1", 4, 9),)
    path.unlink()
    path = pipe(bgzip(tmp_path / "cut", b"chr1:5-9\n").read_bytes().removesuffix(EOF_MARKER))
    with pytest.raises(InputError, match="end-of-file block is missing"):
        read_regions_file(path)


def test_what_a_pipe_cannot_give_is_said(pipe):
    path = pipe(GENE.replace(b"gene\t", b"exon\t"))
    with pytest.raises(InputError, match="a pipe is not read again for its exons; give a file"):
        list(read_features(path))
    path.unlink()
    with pytest.raises(InputError, match="is a pipe, which has no random access; give a file"):
        Genome(pipe(b">chr1\nACGT\n"))
