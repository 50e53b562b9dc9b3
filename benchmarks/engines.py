"""Variants per second, side by side: enformer-pytorch, our engines, and ten alternates in one shared window.

    python benchmarks/engines.py [--device cpu] [--runs 3] [--output results/engines_cpu.tsv]

Every engine runs in a process of its own, in turn, `--runs` times over; the table has the median time per alternate,
the ratio to enformer-pytorch, and the process's peak memory. The model is full-size with random weights (speed does
not depend on their values), all 5,313 human tracks, float32 unless --precision or the name of the engine says
otherwise. enformer-pytorch needs the extra `parity`; without it its row is left out.
"""

import argparse
import importlib.util
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

WINDOW = 196_608
PEER = "enformer-pytorch"


def codes(alternates: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A random reference window and substitutions next to its centre."""
    generator = torch.Generator().manual_seed(0)
    reference = torch.randint(0, 4, (1, WINDOW), generator=generator, dtype=torch.uint8)
    alternate = reference.repeat(alternates, 1)
    for row in range(alternates):
        position = WINDOW // 2 - 1 + row
        alternate[row, position] = (alternate[row, position] + 1) % 4
    return reference, alternate


def run_peer(device: torch.device, alternates: int) -> float:
    """Seconds per alternate of enformer-pytorch: a reference pass and an alternate pass each."""
    from enformer_pytorch import Enformer, EnformerConfig

    model = Enformer(EnformerConfig(output_heads={"human": 5313}, use_tf_gamma=True)).eval().to(device)
    reference, alternate = codes(alternates)

    def once() -> None:
        for row in range(alternates):
            for window in (reference, alternate[row : row + 1]):
                model(torch.nn.functional.one_hot(window.long(), 4).float().to(device), head="human")

    with torch.inference_mode():
        return timed(once, device) / alternates


def run_ours(engine: str, precision: str, device: torch.device, alternates: int) -> float:
    """Seconds per alternate of one of our engines."""
    from enformer_vep.effects.devices import automatic_portions
    from enformer_vep.effects.effect import EffectBatch
    from enformer_vep.effects.memory import keep_freed_memory
    from enformer_vep.models.enformer.config import EnformerConfig
    from enformer_vep.models.enformer.network import Enformer
    from enformer_vep.models.families import FAMILIES
    from enformer_vep.scoring.scores import compute_scores
    from enformer_vep.settings import Engine, Precision, Score

    config = EnformerConfig(output_tracks={"human": 5313})
    network = Enformer(config).eval().requires_grad_(False).to(device)
    portions = automatic_portions(network.footprint, device)
    if device.type == "cpu":
        keep_freed_memory()
    wanted = ("human", None, slice(0, 896), Precision(precision), portions)
    made = FAMILIES["enformer"].make_engine(Engine(engine), network, *wanted)
    reference, alternate = codes(alternates)
    batch = EffectBatch(reference, alternate, torch.zeros(alternates, dtype=torch.int64)).to(device)

    def once() -> None:
        effect = made.predict(batch)
        compute_scores(effect.reference, effect.delta, [Score.SAD]).cpu()

    return timed(once, device) / alternates


def timed(once: object, device: torch.device) -> float:
    """Seconds of one call, after a warm-up on a GPU (on a CPU a call is long enough to need none)."""
    assert callable(once)
    if device.type == "cuda":
        once()
        torch.cuda.synchronize()
    began = time.perf_counter()
    once()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def child(name: str, device: torch.device, precision: str) -> None:
    """Run one engine and print a line of JSON."""
    what, _, own_precision = name.partition(", ")
    precision = own_precision or precision
    engine, _, alternates = what.partition(" x ")
    count = int(alternates or 1)
    seconds = run_peer(device, count) if engine == PEER else run_ours(engine, precision, device, count)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device)
    print(json.dumps({"seconds": seconds, "peak": peak}))


def measure(name: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Run one engine in a fresh process."""
    words = [
        sys.executable,
        __file__,
        "--child",
        name,
        "--device",
        arguments.device,
        "--precision",
        arguments.precision,
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Run everything in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, torch.device(arguments.device), arguments.precision)
        return
    names = [PEER, "pair", "delta", "delta x 10", "delta, mixed", "delta x 10, mixed"]
    if importlib.util.find_spec("enformer_pytorch") is None:
        names.remove(PEER)
    results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(arguments.runs):
        for name in names:
            results[name].append(measure(name, arguments))
    print(table(results, arguments), end="")
    if arguments.output:
        arguments.output.write_text(table(results, arguments))


def table(results: dict[str, list[dict[str, float]]], arguments: argparse.Namespace) -> str:
    """Median seconds per alternate, ratio of medians to the peer, peak memory."""
    hardware = (
        torch.cuda.get_device_name()
        if arguments.device != "cpu"
        else f"{os.cpu_count()} CPU cores, {platform.machine()}"
    )
    lines = [
        f"# {hardware}; {arguments.precision}; PyTorch {torch.__version__}; median of {arguments.runs}",
        "engine\tseconds_per_alternate\tspeed_relative_to_peer\tpeak_memory_GB",
    ]
    seconds = {name: statistics.median(run["seconds"] for run in runs) for name, runs in results.items()}
    for name, runs in results.items():
        ratio = f"{seconds[PEER] / seconds[name]:.2f}" if PEER in seconds else "not measured"
        peak = max(run["peak"] for run in runs) / 1e9
        shown = f"{seconds[name]:.3f}" if arguments.device != "cpu" else f"{seconds[name]:.1f}"
        lines.append(f"{name}\t{shown}\t{ratio}\t{peak:.2f}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
