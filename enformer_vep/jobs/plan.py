"""What a run will take: alleles by status, seconds per kind of device, shards, bytes."""

import csv
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

from enformer_vep.genome.checks import check_variant
from enformer_vep.genome.variants import Status
from enformer_vep.scoring.inputs import Source

# Bytes per row and value of a wide table, measured (42 to 53 and 15 GB per million rows of 5,313 values).
_ROW_BYTES = {"tsv": 45, "tsv.gz": 20}
_VALUE_BYTES = {"tsv": 9.0, "tsv.gz": 2.9}
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A measured speed, of SNVs on one strand, without shifts, in the full-size model."""

    hardware: str
    engine: str
    precision: str
    alleles_per_second: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will take.

    Attributes:
        counts: Alleles by status.
        records: Records of the input.
        columns: Value columns per row.
        views: Predictions per allele: strands times shifts.
        hours: Hours that a shard may take.
        piece_size: Records per piece, the least that a shard can have.
        benchmarks: Speeds measured.
    """

    counts: Counter[Status]
    records: int
    columns: int
    views: int
    hours: float
    piece_size: int
    benchmarks: tuple[Benchmark, ...]

    def seconds(self, benchmark: Benchmark) -> float:
        """Expected seconds on one such device."""
        return self.counts[Status.OK] * self.views / benchmark.alleles_per_second

    def shards(self, benchmark: Benchmark) -> int:
        """Shards that keep to the hours, at most one per piece."""
        wanted = math.ceil(self.seconds(benchmark) / (self.hours * _HOUR))
        return max(1, min(wanted, -(-self.records // self.piece_size)))

    def size(self, suffix: str) -> float:
        """Expected bytes of the table."""
        scored, rows = self.counts[Status.OK], self.counts.total()
        values = scored * _VALUE_BYTES[suffix] + (rows - scored) * _VALUE_BYTES[suffix] / 3
        return rows * _ROW_BYTES[suffix] + values * self.columns

    def lines(self) -> Iterator[str]:
        """The plan as a tab-separated table of three columns: what, for which, value."""
        for status in Status:
            if self.counts[status]:
                yield f"alleles\t{status}\t{self.counts[status]}"
        for benchmark in self.benchmarks:
            name = f"{benchmark.hardware}, {benchmark.engine}, {benchmark.precision}"
            yield f"seconds\t{name}\t{self.seconds(benchmark):.0f}"
            yield f"shards of {self.hours:g} h\t{name}\t{self.shards(benchmark)}"
        if not self.benchmarks:
            yield "seconds\tany device\tnot measured"
        for suffix in _ROW_BYTES:
            yield f"bytes\t{suffix}, {self.columns} columns\t{self.size(suffix):.2g}"


def make_plan(source: Source, window: int, columns: int, views: int, hours: float, piece_size: int) -> Plan:
    """Reads and checks every allele; runs no model.

    Raises:
        InputError: The input is bad.
    """
    counts: Counter[Status] = Counter()
    last = -1
    for variant in source.variants():
        counts[check_variant(variant, source.genome, window)] += 1
        last = variant.record
    return Plan(counts, last + 1, columns, views, hours, piece_size, read_benchmarks())


def read_benchmarks() -> tuple[Benchmark, ...]:
    """The speeds that are shipped: measured rows only, hardware named."""
    text = files("enformer_vep").joinpath("data/benchmarks.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader((line for line in text.splitlines() if not line.startswith("##")), delimiter="\t")
    return tuple(
        Benchmark(row["hardware"], row["engine"], row["precision"], float(row["alleles_per_second"])) for row in rows
    )
