"""Peak memory and speed of writing rows of 5,313 scores, without a model, as `enformer-vep score` writes them.

Rows go through the resumable file with its journal and hashes, in pieces of 128 records, and the file is completed
under its name. One process per line, one thread.

Usage: python benchmarks/writers.py [FORMAT:ROWS ...]   (default below) > benchmarks/results/writers.tsv
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TRACKS = 5313
PIECE = 128
DEFAULT = (
    "parquet:10000",
    "parquet:100000",
    "h5:10000",
    "tsv.gz:10000",
    "vcf.gz:5000",
    "bcf:5000",
    "bed.gz:10000",
)
HEADER = "format\trows\trows_per_second\trows_per_second_before_completion\tcpu_seconds\tpeak_MiB\tfile_MB"


def write(path: Path, rows: int) -> str:
    from collections import Counter

    from enformer_vep.files.signals import stop_request
    from enformer_vep.genome.variants import Status, Variant
    from enformer_vep.resume.journal import JournalContent
    from enformer_vep.resume.names import Names
    from enformer_vep.resume.resumable import open_resumable
    from enformer_vep.tables.row import Layout, ScoredVariant, ValueBlock
    from enformer_vep.tables.writers import choose_writer

    layout = Layout((ValueBlock("SAD", tuple(f"TRACK{number}" for number in range(TRACKS))),))
    random = np.random.default_rng(1)
    # Sizes over some orders of magnitude, as scores have them; never the same row twice.
    pool = random.normal(size=(499, TRACKS)) * np.exp(2 * random.normal(size=(499, TRACKS)))
    pool = pool.astype(np.float32)
    make = choose_writer(str(path), layout, contigs={"chr1": 248_956_422})
    began = time.perf_counter()
    with (
        stop_request() as stop,
        open_resumable(Names.of(str(path)), JournalContent({}, {}, ()), make, stop) as table,
    ):
        for number in range(rows):
            variant = Variant("chr1", 1 + 10 * number, f"rs{number}", "A", "G", number)
            table.write(ScoredVariant(variant, Status.OK, pool[number % 499] * np.float32(1 + number / 1e6)))
            if number % PIECE == PIECE - 1:
                table.summary.counts = Counter({Status.OK: number + 1})
                table.end_batch()
                table.end_piece()
        table.end_piece()
        written = time.perf_counter()
        table.finish()
    ended = time.perf_counter()
    use = resource.getrusage(resource.RUSAGE_SELF)
    return "\t".join(
        (
            path.name.removeprefix("scores."),
            str(rows),
            f"{rows / (ended - began):.0f}",
            f"{rows / (written - began):.0f}",
            f"{use.ru_utime + use.ru_stime:.1f}",
            f"{use.ru_maxrss / 1024:.0f}",
            f"{path.stat().st_size / 1e6:.0f}",
        )
    )


def main(words: list[str]) -> None:
    if words[:1] == ["--one"]:
        print(write(Path(words[1]), int(words[2])), flush=True)
        return
    print(HEADER, flush=True)
    for word in words or DEFAULT:
        suffix, _, rows = word.partition(":")
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            path = Path(folder) / f"scores.{suffix}"
            subprocess.run([sys.executable, __file__, "--one", str(path), rows], check=True, env=environment)


if __name__ == "__main__":
    main(sys.argv[1:])
