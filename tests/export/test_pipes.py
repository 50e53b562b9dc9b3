"""Whatever is named may be a pipe, which gives its bytes once."""

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from enformer_vep.errors import InputError
from enformer_vep.export.exporter import ExportRequest, export
from enformer_vep.genome.regions import read_regions_file
from enformer_vep.tables.reader import open_scores

SIZES = {"more than a pipe holds": 3000, "less than 64 kB": 50, "one row": 1}


def write(folder: Path, rows: int) -> tuple[Path, Path, Path]:
    """A table, its .bim and its summary statistics."""
    values = np.random.default_rng(1).normal(size=rows)
    table, bim, statistics = folder / "t.tsv", folder / "x.bim", folder / "x.z"
    table.write_text(
        "#CHROM\tPOS\tID\tREF\tALT\tSTATUS\tSAD_a\n"
        + "".join(f"chr1\t{n + 1}\trs{n}\tA\tC\tok\t{np.float32(v):.9g}\n" for n, v in enumerate(values))
    )
    bim.write_text("".join(f"1\trs{n}\t0\t{n + 1}\tC\tA\n" for n in range(rows)))
    statistics.write_text("SNP CHR BP A1 A2\n" + "".join(f"rs{n} 1 {n + 1} C A\n" for n in range(rows)))
    return table, bim, statistics


@contextmanager
def fifo(source: Path, path: Path) -> Iterator[Path]:
    """A named pipe that gives a file's bytes once."""
    os.mkfifo(path)

    def fill() -> None:
        try:
            with path.open("wb") as pipe:
                pipe.write(source.read_bytes())
        except BrokenPipeError:
            pass

    writer = threading.Thread(target=fill, daemon=True)
    writer.start()
    yield path
    writer.join(20)
    assert not writer.is_alive()


@pytest.mark.parametrize("rows", SIZES.values(), ids=SIZES.keys())
def test_a_table_and_a_panel_from_named_pipes(tmp_path, rows):
    table, bim, statistics = write(tmp_path, rows)
    direct = export(ExportRequest(str(table), str(tmp_path / "d"), "ldsc", bims=(bim,)))
    with fifo(table, tmp_path / "table") as one, fifo(bim, tmp_path / "panel") as two:
        piped = export(ExportRequest(str(one), str(tmp_path / "p"), "ldsc", bims=(two,)))
    assert Path(piped[0]).read_bytes() == Path(direct[0]).read_bytes()
    assert (pd.read_csv(piped[0], sep="\t")["SAD_a"] > 0).sum() == rows
    with fifo(table, tmp_path / "t2") as one, fifo(statistics, tmp_path / "z2") as two:
        export(ExportRequest(str(one), str(tmp_path / "p.tsv"), "susie", statistics=two))
    assert len(pd.read_csv(tmp_path / "p.tsv", sep="\t")) == rows


@pytest.mark.parametrize(
    ("name", "rows", "compressed"),
    [
        ("/dev/stdin", 3000, False),
        ("/dev/stdin", 50, False),
        ("/dev/stdin", 3000, True),
        ("/dev/fd/0", 3000, False),
        ("-", 3000, True),
    ],
)
def test_standard_input_under_any_name(tmp_path, rows, name, compressed):
    if not Path(name).exists() and name != "-":
        pytest.skip(f"this system has no {name}")
    table = write(tmp_path, rows)[0]
    content = gzip.compress(table.read_bytes()) if compressed else table.read_bytes()
    words = [sys.executable, "-m", "enformer_vep", "export", name, "-o", "-", "--to", "tsv"]
    done = subprocess.run(words, input=content, capture_output=True, check=True)
    assert done.stdout == table.read_bytes()


def test_every_format_from_a_pipe(tmp_path):
    table = write(tmp_path, 2000)[0]
    for number, name in enumerate(["x.tsv.gz", "x.vcf", "x.bed", "x.parquet", "x.h5", "x.vcf.gz"]):
        target = "vep" if name == "x.vcf.gz" else None
        with fifo(table, tmp_path / f"f{number}") as pipe:
            export(ExportRequest(str(pipe), str(tmp_path / name), target))
        if name in ("x.parquet", "x.h5"):
            continue
        content = (tmp_path / name).read_bytes()
        text = gzip.decompress(content) if name.endswith(".gz") else content
        assert sum(not line.startswith(b"#") for line in text.splitlines()) == 2000
    assert len(pd.read_parquet(tmp_path / "x.parquet")) == 2000


def test_regions_from_a_pipe(tmp_path):
    for number, content in enumerate((b"chr1\t0\t9\n" * 9000, gzip.compress(b"chr1\t0\t9\n"))):
        (tmp_path / "source").write_bytes(content)
        with fifo(tmp_path / "source", tmp_path / f"{number}.bed") as pipe:
            assert len(read_regions_file(pipe)) == (9000, 1)[number]


def test_what_a_pipe_cannot_be(tmp_path):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "x.parquet")
    (tmp_path / "empty").write_text("")
    (tmp_path / "cut").write_bytes(gzip.compress(b"#CHROM\tPOS\tID\tREF\tALT\tSTATUS\tSAD_a\n" * 9)[:40])
    for source, words in (
        ("x.parquet", "is Parquet, which cannot be read from a pipe; name the file itself"),
        ("empty", "is empty"),
        ("cut", "cannot be read"),
    ):
        with (
            fifo(tmp_path / source, tmp_path / f"pipe-{source}") as pipe,
            pytest.raises(InputError, match=words),
        ):
            open_scores(str(pipe))
