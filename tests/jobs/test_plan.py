"""What a run will take, by hand-known numbers."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from enformer_vep.genome.variants import Status
from enformer_vep.jobs.plan import Benchmark, Plan, read_benchmarks
from tests.cli.conftest import Outcome

FAST = Benchmark("one GPU", "delta", "float32", 10.0)


def plan(**changes: object) -> Plan:
    values: dict[str, object] = {
        "counts": Counter({Status.OK: 72_000, Status.TOO_LONG: 3}),
        "records": 70_000,
        "columns": 5313,
        "views": 2,
        "hours": 1.0,
        "piece_size": 128,
        "benchmarks": (FAST,),
    }
    return Plan(**{**values, **changes})  # type: ignore[arg-type]


def test_time_and_shards() -> None:
    assert plan().seconds(FAST) == 14_400
    assert plan().shards(FAST) == 4
    assert plan(hours=3.0).shards(FAST) == 2
    assert plan(hours=0.001).shards(FAST) == 547  # 70,000 / 128: no shard without a piece
    assert plan(counts=Counter(), records=0).shards(FAST) == 1


def test_a_million_wide_rows_have_the_measured_size() -> None:
    million = plan(counts=Counter({Status.OK: 1_000_000}))
    assert 42e9 < million.size("tsv") < 53e9
    assert 13e9 < million.size("tsv.gz") < 17e9


def test_lines_say_when_nothing_was_measured() -> None:
    assert "seconds\tany device\tnot measured" in plan(benchmarks=()).lines()
    assert "seconds\tone GPU, delta, float32\t14400" in plan().lines()


def test_shipped_speeds_name_their_hardware() -> None:
    for benchmark in read_benchmarks():
        assert benchmark.hardware
        assert benchmark.alleles_per_second > 0


def test_the_command(variants_path: Path, genome_path: Path, command: Callable[..., Outcome]) -> None:
    outcome = command("plan", variants_path, "-f", genome_path, "--window", "64")
    assert outcome.code == 0
    rows = [line.split("\t") for line in outcome.out.splitlines()]
    assert ["alleles", "symbolic_allele", "300"] in rows
    assert {row[0] for row in rows} >= {"alleles", "seconds", "bytes"}
