"""Peak memory of a scoring run over more and more records, with an engine that computes nothing.

Usage: python benchmarks/memory.py [RECORDS ...]   (default 10000 100000 1000000)
Prints a tab-separated table; one process per row, a table of one SAD column written as BGZF.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


class Stub:
    """An engine whose predictions are zeros."""

    def predict(self, batch):
        import torch

        from enformer_vep.effects.effect import Effect

        nothing = torch.zeros(len(batch), 1, 1)
        return Effect(nothing, nothing)


def make_input(folder: Path, records: int) -> None:
    length = 10 * records + 10_000
    letters = np.random.default_rng(1).choice(np.frombuffer(b"ACGT", dtype=np.uint8), length)
    text = letters.tobytes().decode()
    (folder / "genome.fa").write_text(">chr1\n" + "\n".join(text[i : i + 60] for i in range(0, length, 60)) + "\n")
    with (folder / "variants.vcf").open("w") as handle:
        handle.write("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for position in range(1, 10 * records, 10):
            reference = text[position - 1]
            handle.write(f"chr1\t{position}\t.\t{reference}\t{'A' if reference != 'A' else 'C'}\t.\t.\t.\n")


def measure(folder: Path) -> None:
    import torch

    from enformer_vep.cli.progress import record_progress
    from enformer_vep.effects.predictor import Predictor
    from enformer_vep.genome.bins import Geometry
    from enformer_vep.jobs import run, score
    from enformer_vep.scoring.scorer import Scorer
    from enformer_vep.settings import ComputeSettings, Engine, OutputSettings, ScoreRequest, ScoreSettings
    from enformer_vep.tables.row import Layout, ValueBlock

    torch.set_num_threads(1)
    predictor = Predictor(Stub(), torch.device("cpu"), (slice(None),))
    layout, settings = Layout((ValueBlock("SAD", ("0",)),)), ScoreSettings(engine=Engine.PAIR)
    made = Scorer("stub", "", layout, (0,), Geometry(1024, 0, 128, 8), predictor, 16, settings)
    run.scorer_of = lambda request, reference: made
    output = OutputSettings(str(folder / "scores.tsv.gz"))
    request = ScoreRequest(
        str(folder / "variants.vcf"), folder / "genome.fa", compute=ComputeSettings("cpu"), output=output
    )
    began = time.perf_counter()
    rows = score.score_file(request, record_progress).alleles
    seconds, peak = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{rows}\t{peak / 1024:.0f}\t{seconds:.1f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(Path(sys.argv[2]))
    else:
        print("records\tpeak_MiB\tseconds", flush=True)
        for count in map(int, sys.argv[1:] or ("10000", "100000", "1000000")):
            with tempfile.TemporaryDirectory() as name:
                make_input(Path(name), count)
                subprocess.run([sys.executable, __file__, "--one", name], check=True)
