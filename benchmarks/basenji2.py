"""Seconds per alternate of Basenji2 beside Enformer, side by side in one run.

    python benchmarks/basenji2.py [--device cpu] [--runs 3] [--output results/basenji2.tsv]
    python benchmarks/basenji2.py --tiny      every code path, with tiny models; its numbers mean nothing

Each line is a process of its own, in turn, `--runs` times over: a substitution at the window's centre by both engines
of Basenji2 and by Enformer's `delta`, and ten neighbouring ones in one window. The table has the median time per
alternate, the ratio to Enformer's `delta`, what the formulas count, and the process's peak memory. Models are
full-size with random weights (speed does not depend on their values), all 5,313 human tracks, float32. The port
basenji2-pytorch, which has no engine for variants, makes two passes; without it (`pip install basenji2-pytorch`) its
line is left out. It has another GELU than the published weights: see gelu_forms.py.
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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from engines import timed

from enformer_vep.effects.devices import automatic_portions
from enformer_vep.effects.effect import EffectBatch
from enformer_vep.effects.memory import keep_freed_memory
from enformer_vep.effects.network import Network
from enformer_vep.models.families import FAMILIES
from enformer_vep.scoring.scores import compute_scores
from enformer_vep.settings import Engine, Precision, Score

TRACKS = 5313
BASE = "enformer delta"
PEER = "basenji2-pytorch"
NAMES = (PEER, "basenji2 pair", "basenji2 delta", "basenji2 delta x 10", BASE, "enformer delta x 10")
TINY: dict[str, dict[str, Any]] = {
    "basenji2": {"tower_widths": (8, 8, 9, 9, 9, 10, 12), "narrow_width": 6, "final_width": 12, "dilations": (1, 2)},
    "enformer": {"channels": 24, "attention_heads": 2, "key_size": 8, "channel_multiple": 4, "transformer_layers": 1},
}


def network_of(family: str, tiny: bool) -> Network:
    """Full-size, or tiny, with random weights."""
    shape = {**TINY[family], "window": 4096, "target_length": 8} if tiny else {}
    config = FAMILIES[family].configuration(output_tracks={"human": 8 if tiny else TRACKS}, **shape)
    network = FAMILIES[family].network(config)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.weight, 0.7, 1.3)
    return network.eval().requires_grad_(False)


def substitutions(window: int, count: int) -> EffectBatch:
    """Neighbours at the centre of one window."""
    reference = torch.randint(0, 4, (1, window), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    alternate = reference.repeat(count, 1)
    for row in range(count):
        position = window // 2 - 1 + row
        alternate[row, position] = (alternate[row, position] + 1) % 4
    return EffectBatch(reference, alternate, torch.zeros(count, dtype=torch.int64))


def parse(name: str) -> tuple[str, Engine, int]:
    """Family, engine, and alternates in one window."""
    kind, _, count = name.partition(" x ")
    family, engine = kind.split()
    return family, Engine(engine), int(count or 1)


def run_peer(device: torch.device, tiny: bool) -> dict[str, float]:
    """A reference and an alternate pass of the port."""
    from basenji2_pytorch import Basenji2, basenji2_params

    parameters = basenji2_params["model"]
    if tiny:
        # The port crops 64 bins from each side whatever the window.
        parameters = {**parameters, "seq_length": 2**15, "head_human": {**parameters["head_human"], "units": 8}}
    model = Basenji2(parameters).eval().to(device)
    batch = substitutions(parameters["seq_length"], 1).to(device)

    def once() -> None:
        for window in (batch.reference, batch.alternate):
            model(torch.nn.functional.one_hot(window.long(), 4).float().transpose(1, 2))

    with torch.inference_mode():
        seconds = timed(once, device)
    return {"seconds": seconds, "peak": peak_memory(device)}


def peak_memory(device: torch.device) -> float:
    """Of this process, in bytes; on a GPU of what torch holds there."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def run(name: str, device: torch.device, tiny: bool) -> dict[str, float]:
    """Measure one line in this process."""
    if name == PEER:
        return run_peer(device, tiny)
    family, engine, count = parse(name)
    network = network_of(family, tiny).to(device)
    if device.type == "cpu":
        keep_freed_memory()
    portions = automatic_portions(network.footprint, device)
    wanted = ("human", None, slice(0, network.output.bins), Precision.FLOAT32, portions)
    made = FAMILIES[family].make_engine(engine, network, *wanted)
    batch = substitutions(network.output.window, count).to(device)

    def once() -> None:
        effect = made.predict(batch)
        compute_scores(effect.reference, effect.delta, [Score.SAD]).cpu()

    seconds = timed(once, device) / count
    return {"seconds": seconds, "peak": peak_memory(device), "operations": counted(network, engine, count)}


def counted(network: Network, engine: Engine, count: int) -> float:
    """Operations per alternate by the formulas, all heads of all bins included.

    What the tower computes around a variant is little, and left out.
    """
    operations, front, output = network.operations, network.front, network.output
    assert operations is not None
    assert front is not None
    head = network.head("human")
    heads = 2.0 * output.bins * head.in_features * head.out_features
    window = output.window // front.width * operations.token + operations.window + heads
    return 2 * window if engine is Engine.PAIR else window / count + operations.alternate + heads


def measure(name: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Measure one line in a fresh process."""
    words = [sys.executable, __file__, "--child", name, "--device", arguments.device]
    done = subprocess.run(
        [*words, *(["--tiny"] if arguments.tiny else [])], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(results: Mapping[str, Sequence[Mapping[str, float]]], first_line: str) -> str:
    """Medians, their ratios to Enformer's `delta`, operations and peak memory."""
    lines = [first_line, "engine\tseconds_per_alternate\tspeed_relative_to_enformer_delta\tTFLOP\tpeak_memory_GB"]
    seconds = {name: statistics.median(one["seconds"] for one in runs) for name, runs in results.items()}
    for name, runs in results.items():
        cells = (
            f"{seconds[name]:.3g}",
            f"{seconds[BASE] / seconds[name]:.2f}",
            f"{runs[0]['operations'] / 1e12:.3g}" if "operations" in runs[0] else "",
            f"{max(one['peak'] for one in runs) / 1e9:.2f}",
        )
        lines.append("\t".join([name, *cells]))
    return "\n".join(lines) + "\n"


def hardware(device: str) -> str:
    """Where this runs."""
    return torch.cuda.get_device_name() if device != "cpu" else f"{os.cpu_count()} CPU cores, {platform.machine()}"


def main() -> None:
    """Measure everything in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(run(arguments.child, torch.device(arguments.device), arguments.tiny)))
        return
    names = [name for name in NAMES if name != PEER or importlib.util.find_spec("basenji2_pytorch")]
    results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(arguments.runs):
        for name in names:
            results[name].append(measure(name, arguments))
    size = "tiny models: the numbers mean nothing; " if arguments.tiny else ""
    note = f"# {size}{hardware(arguments.device)}; float32; PyTorch {torch.__version__}; median of {arguments.runs}"
    text = table(results, note)
    print(text, end="")
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()
