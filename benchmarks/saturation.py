"""In-silico saturation: all substitutions of a stretch, in shared windows and with a window each.

    python benchmarks/saturation.py [--output results/saturation.tsv]

Scores every substitution of 1 kb of chr22 (3,000 alternates) with `--share-windows 1000`, and some of them without it,
in the same process; prints seconds per alternate and their ratio. By default with the model `example` at its full
window on the CPU. What the full-size model would take is worked out, not run, from results/engines_cpu.tsv: the cost
of a reference pass and of an alternate follow from one and from ten alternates in a window.
"""

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import enformer_vep as ev
from enformer_vep.genome.sharing import LARGEST_GROUP

HERE = Path(__file__).parent
FASTA = HERE.parent / "example_data" / "chr22.fa.gz"


def substitutions(genome: ev.Genome, contig: str, start: int, length: int) -> Iterator[ev.Variant]:
    """Every substitution of [start, start + length), 0-based."""
    sequence = genome.fetch(contig, start, start + length).decode()
    for offset, base in enumerate(sequence):
        for other in "ACGT".replace(base, ""):
            yield ev.Variant(contig, start + offset + 1, ".", base, other)


def seconds_each(model: str, genome: ev.Genome, variants: Sequence[ev.Variant], shared: int) -> float:
    """Seconds per alternate; loading the model is not counted."""
    scorer = ev.open_scorer(model, ev.ScoreSettings(share_windows=shared))
    began = time.perf_counter()
    table = ev.score(variants, genome, scorer)
    taken = time.perf_counter() - began
    assert (table.STATUS == "ok").all()
    return taken / len(variants)


@dataclass(frozen=True, slots=True)
class FullSize:
    """Seconds of the full-size model, as measured.

    Attributes:
        peer: An alternate with enformer-pytorch.
        single: An alternate in a window of its own.
        ten: Each of ten alternates in one window.
    """

    peer: float
    single: float
    ten: float

    @classmethod
    def read(cls, path: Path) -> "FullSize":
        """From what engines.py wrote."""
        rows = (line.split("\t") for line in path.read_text().splitlines()[2:])
        seconds = {name: float(value) for name, value, *_ in rows}
        return cls(seconds["enformer-pytorch"], seconds["delta"], seconds["delta x 10"])

    def saturation(self, alternates: int) -> float:
        """Hours: a reference pass for every group, and every alternate."""
        alternate = (10 * self.ten - self.single) / 9
        reference = self.single - alternate
        return (math.ceil(alternates / LARGEST_GROUP) * reference + alternates * alternate) / 3600


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="example")
    parser.add_argument("--fasta", type=Path, default=FASTA)
    parser.add_argument("--contig", default="chr22")
    parser.add_argument("--start", type=int, default=19_722_500, help="0-based")
    parser.add_argument("--length", type=int, default=1000)
    parser.add_argument("--unshared", type=int, default=30, help="alternates to score with a window each")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    genome = ev.Genome(arguments.fasta)
    variants = list(substitutions(genome, arguments.contig, arguments.start, arguments.length))
    # Three apart: alleles of one position share their window anyway.
    few = variants[:: max(3, len(variants) // arguments.unshared)][: arguments.unshared]
    alone = seconds_each(arguments.model, genome, few, 0)
    shared = seconds_each(arguments.model, genome, variants, arguments.length)
    full, count = FullSize.read(HERE / "results" / "engines_cpu.tsv"), len(variants)
    lines = [
        "what\talternates\tseconds_per_alternate\trelative_to_a_window_each",
        f"{arguments.model}, a window each\t{len(few)}\t{alone:.3f}\t1",
        f"{arguments.model}, shared windows\t{count}\t{shared:.3f}\t{alone / shared:.2f}",
        f"full size, a window each (from engines_cpu.tsv)\t{count}\t{full.single:.1f}\t1",
        f"full size, shared windows (worked out)\t{count}\t{full.saturation(count) * 3600 / count:.1f}\t"
        f"{full.single * count / 3600 / full.saturation(count):.2f}",
        f"full size, enformer-pytorch (from engines_cpu.tsv)\t{count}\t{full.peer:.1f}\t{full.single / full.peer:.2f}",
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()
