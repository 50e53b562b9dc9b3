"""Everything that is to be known of a GPU, in one run.

    python benchmarks/gpu.py [--output results/gpu.tsv]
    python benchmarks/gpu.py --tiny          every code path on a CPU, with a tiny model; its numbers mean nothing

Measures, with the full-size model (random weights: speed does not depend on their values) and all human tracks:
the rate of plain matrix products by precision; centred substitutions per second by engine and precision;
enformer-pytorch beside them (two passes; float32, TF32, half, compiled); 64 alternates in one window; the saturation of
1 kb (3,000 alternates); operations per second as a share of the measured products; milliseconds per stage (CUDA
events); peak memory. Reading, checking and windowing are not in it: see
host.py. Windows on a grid, sharing and screening: dense.py --device cuda. All of it in one go: on_gpu.sh.
"""

import argparse
import functools
import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from enformer_vep.effects.devices import automatic_portions
from enformer_vep.effects.effect import EffectBatch, EffectEngine
from enformer_vep.effects.network import one_hot
from enformer_vep.effects.precision import arithmetic
from enformer_vep.effects.products import Products
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.delta.propagation import propagate_block, trace_block
from enformer_vep.models.enformer.delta.reference import convolve_stage
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.models.families import FAMILIES
from enformer_vep.scoring.scores import compute_scores
from enformer_vep.settings import Engine, Precision, Score

HALF = Products(torch.float16)
SATURATED = 1000
SHARED = 64
FULL = EnformerConfig(output_tracks={"human": 5313})
TINY = EnformerConfig(
    channels=24,
    transformer_layers=2,
    attention_heads=2,
    key_size=8,
    channel_multiple=4,
    target_length=8,
    window=2048,
    output_tracks={"human": 5},
)


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured, and on what.

    Attributes:
        device: Where.
        network: The model.
        tiny: Whether numbers mean nothing, and as little as possible is run.
    """

    device: torch.device
    network: Enformer
    tiny: bool

    @property
    def repeats(self) -> int:
        """Runs per measurement, after one to warm up."""
        return 1 if self.tiny else 5

    def seconds(self, run: Callable[[], object]) -> float:
        """Median seconds of a call, the device's work included."""
        run()
        times = []
        for _ in range(self.repeats):
            self.wait()
            began = time.perf_counter()
            run()
            self.wait()
            times.append(time.perf_counter() - began)
        return statistics.median(times)

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def peak_memory(self) -> float:
        """GB since the last call."""
        if self.device.type != "cuda":
            return float("nan")
        peak = torch.cuda.max_memory_allocated(self.device) / 1e9
        torch.cuda.reset_peak_memory_stats(self.device)
        return peak


def matrix_products(bench: Bench) -> dict[str, float]:
    """Operations per second of plain square products, by type of the operands."""
    size = 64 if bench.tiny else 8192
    rates = {}
    for precision, dtype in (
        (Precision.FLOAT32, torch.float32),
        (Precision.TF32, torch.float32),
        (Precision.FLOAT16, torch.float16),
        (Precision.BFLOAT16, torch.bfloat16),
    ):
        left, right = (torch.randn(size, size, device=bench.device).to(dtype) for _ in range(2))
        with arithmetic(precision, bench.device), torch.autocast(bench.device.type, enabled=False):
            rates[precision.value] = 2 * size**3 / bench.seconds(functools.partial(torch.mm, left, right))
    return rates


def substitutions(bench: Bench, windows: int, each: int) -> EffectBatch:
    """Random reference windows, and substitutions from the centre of each on."""
    length = bench.network.config.window
    generator = torch.Generator().manual_seed(0)
    reference = torch.randint(0, 4, (windows, length), generator=generator, dtype=torch.uint8)
    owner = torch.arange(windows).repeat_interleave(each)
    alternate = reference[owner]
    rows = torch.arange(windows * each)
    column = length // 2 - 1 + (rows % each) // 3
    alternate[rows, column] = (alternate[rows, column] + 1 + (rows % 3).to(torch.uint8)) % 4
    return EffectBatch(reference, alternate, owner)


def score(engine: EffectEngine, batch: EffectBatch, device: torch.device) -> torch.Tensor:
    """Host memory to host memory."""
    effect = engine.predict(batch.to(device))
    with torch.inference_mode():
        return compute_scores(effect.reference, effect.delta, [Score.SAD]).cpu()


def engine_of(bench: Bench, engine: Engine, precision: Precision) -> EffectEngine:
    """An engine for all tracks and bins, in portions that fit."""
    portions = automatic_portions(bench.network.footprint, bench.device)
    bins = slice(0, bench.network.config.target_length)
    return FAMILIES["enformer"].make_engine(engine, bench.network, "human", None, bins, precision, portions)


def engines(bench: Bench, peaks: dict[str, float]) -> Iterator[str]:
    """Our engines: a window each, and shared windows."""
    portions = automatic_portions(bench.network.footprint, bench.device)
    windows = portions.references
    cases = {"centred": (windows, 1), f"{SHARED} in one window": (1, 6 if bench.tiny else SHARED)}
    for engine in (Engine.PAIR, Engine.DELTA):
        for precision in Precision:
            # float64 is for checking; `mixed` is float32 with two passes.
            if precision is Precision.FLOAT64 or (engine, precision) == (Engine.PAIR, Precision.MIXED):
                continue
            made = engine_of(bench, engine, precision)
            for name, (references, each) in cases.items():
                if each > 1 and engine is Engine.PAIR:
                    continue
                batch = substitutions(bench, references, each)
                bench.peak_memory()
                seconds = bench.seconds(functools.partial(score, made, batch, bench.device))
                rate = operations(bench, made, batch) / seconds
                # Of `mixed`, most operations are the reference's, in float32.
                peak = peaks["float32" if precision is Precision.MIXED else precision.value]
                yield row(f"{engine} {precision}, {name}", len(batch) / seconds, rate / peak, bench.peak_memory())


def operations(bench: Bench, engine: EffectEngine, batch: EffectBatch) -> int:
    """Of convolutions and matrix products, counted."""
    with FlopCounterMode(display=False) as counter:
        score(engine, batch, bench.device)
    return counter.get_total_flops()


def peers(bench: Bench) -> Iterator[str]:
    """enformer-pytorch: a reference and an alternate pass for every variant."""
    if importlib.util.find_spec("enformer_pytorch") is None:
        yield "enformer-pytorch\tnot measured\t\t"
        return
    from enformer_pytorch import Enformer as Peer
    from enformer_pytorch import EnformerConfig as PeerConfig

    shape = {"dim": 384, "heads": 2, "depth": 1, "target_length": 8, "use_tf_gamma": False} if bench.tiny else {}
    heads = dict(bench.network.config.output_tracks)
    model = Peer(PeerConfig(output_heads=heads, **{"use_tf_gamma": True, **shape})).eval().to(bench.device)
    batch = substitutions(bench, 1, 1)
    settings = [("float32", None, False), ("tf32", None, False), ("bf16", torch.bfloat16, False)]
    if not bench.tiny:
        settings += [
            ("fp16", torch.float16, False),
            ("bf16, compiled", torch.bfloat16, True),
            ("fp16, compiled", torch.float16, True),
        ]
    for name, half, compiled in settings:
        # By default torch rounds to TF32 in convolutions alone: neither the one nor the other.
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
        network = torch.compile(model) if compiled else model
        run = functools.partial(two_passes, network, batch.to(bench.device), half)
        yield row(f"enformer-pytorch {name}", 1 / bench.seconds(run), float("nan"), bench.peak_memory())


def two_passes(network: Callable[..., object], batch: EffectBatch, half: torch.dtype | None) -> None:
    """What users of enformer-pytorch do, in one of torch's own 16-bit types or none."""
    kind = batch.reference.device.type
    with torch.inference_mode(), torch.autocast(kind, dtype=half, enabled=half is not None):
        for codes in (batch.reference, batch.alternate):
            network(one_hot(codes).contiguous(), head="human")


def saturation(bench: Bench) -> Iterator[str]:
    """All substitutions of a stretch, in groups that share a window."""
    alternates = 12 if bench.tiny else 3 * SATURATED
    engine = engine_of(bench, Engine.DELTA, Precision.FLOAT16)
    began, done = time.perf_counter(), 0
    while done < alternates:
        batch = substitutions(bench, 1, min(SHARED, alternates - done))
        score(engine, batch, bench.device)
        done += len(batch)
    bench.wait()
    seconds = time.perf_counter() - began
    yield row(
        f"saturation of {alternates} alternates, {seconds:.2f} s",
        done / seconds,
        float("nan"),
        bench.peak_memory(),
    )


def stages(bench: Bench) -> Iterator[str]:
    """Milliseconds of each module of a reference pass, by CUDA events (by the clock on a CPU)."""
    network, batch = bench.network, substitutions(bench, 1, 1)
    x = one_hot(batch.reference.to(bench.device)).transpose(1, 2)
    kept = network.kept_tokens()
    with arithmetic(Precision.FLOAT16, bench.device):
        for number, stage in enumerate(network.stages):
            yield timing(bench, f"convolution stage {number}", functools.partial(convolve_stage, stage, x))
            x = convolve_stage(stage, x)
        x = x.transpose(1, 2).float().contiguous()
        change, owner = x * 1e-4, batch.owner.to(bench.device)
        for number, block in enumerate(network.transformer_blocks):
            wanted = kept if number == len(network.blocks) - 1 else None
            trace = trace_block(block, x, wanted)
            if number in (0, len(network.blocks) - 1):
                run = functools.partial(trace_block, block, x, wanted)
                yield timing(bench, f"transformer block {number}, reference", run)
                run = functools.partial(propagate_block, block, trace, change, owner, HALF)
                yield timing(bench, f"transformer block {number}, change", run)
            x, change = trace.output, propagate_block(block, trace, change, owner, HALF)


def timing(bench: Bench, name: str, run: Callable[[], object]) -> str:
    """A line of the table."""
    if bench.device.type != "cuda":
        return f"{name}, ms\t{bench.seconds(run) * 1e3:.3f}\t\t"
    run()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(bench.repeats):
        run()
    end.record()
    torch.cuda.synchronize(bench.device)
    return f"{name}, ms\t{start.elapsed_time(end) / bench.repeats:.3f}\t\t"


def row(name: str, rate: float, share: float, memory: float) -> str:
    """A line of the table; what could not be measured stays empty."""
    shown = ["" if value != value else f"{value:.3g}" for value in (share, memory)]
    return "\t".join([name, f"{rate:.4g}", *shown])


def report(bench: Bench) -> Iterator[str]:
    """The table."""
    hardware = torch.cuda.get_device_name(bench.device) if bench.device.type == "cuda" else "a CPU, tiny model"
    yield f"# {hardware}; PyTorch {torch.__version__}; median of {bench.repeats}"
    yield "what\tvariants_per_second\tshare_of_matrix_product_peak\tpeak_memory_GB"
    peaks = matrix_products(bench)
    for name, rate in peaks.items():
        yield f"matrix products {name}, TFLOP/s\t{rate / 1e12:.4g}\t1\t"
    yield from peers(bench)
    yield from engines(bench, peaks)
    yield from saturation(bench)
    yield from stages(bench)


def main() -> None:
    """Measure, print and write as it comes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    device = torch.device("cpu" if arguments.tiny else arguments.device)
    if not arguments.tiny and not (device.type == "cuda" and torch.cuda.is_available()):
        raise SystemExit("no CUDA device here: run this on a GPU, or with --tiny to try every code path on a CPU")
    network = Enformer(TINY if arguments.tiny else FULL).eval().requires_grad_(False).to(device)
    lines = []
    for line in report(Bench(device, network, arguments.tiny)):
        print(line, flush=True)
        lines.append(line)
        if arguments.output:
            arguments.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
