"""A dense stretch of variants, per variant: enformer-pytorch, centred windows, windows on a grid, and a screen.

    python benchmarks/dense.py [--vcf VCF --fasta FASTA] [--output results/dense_cpu.tsv]
    python benchmarks/dense.py --device cuda [--output results/dense_gpu.tsv]

Scores the first variants of the region with every way in turn, each in a process of its own, and prints seconds per
variant and their ratio to enformer-pytorch's (two passes a variant, on two of them). The model is full-size with random
weights (speed does not depend on their values). What costs once for each stretch (the first tokens of the grid) is
counted in, and so are reading the genome, cutting windows and making rows; loading the model is not. The screen scores
one group of tracks, and 1 % of each piece exactly beside a random sample of 1 %; the others score all 5,313 human
tracks. Without a VCF: a substitution every `--spacing` bp, and with `deletions` in the name of a way the deletion of
one base instead.
"""

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from engines import PEER, run_peer

import enformer_vep as ev
from enformer_vep.effects.memory import keep_freed_memory
from enformer_vep.genome.regions import parse_region
from enformer_vep.genome.vcf import read_variants
from enformer_vep.models.checkpoints import LoadedModel
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.models.families import FAMILIES
from enformer_vep.settings import Engine, Precision

EXAMPLE_FASTA = Path(__file__).parents[1] / "example_data" / "chr22.fa.gz"
TINY = EnformerConfig(
    channels=24, transformer_layers=2, attention_heads=2, key_size=4, channel_multiple=4, window=65_536,
    target_length=256, output_tracks={"human": 5},
)  # fmt: skip

TRACKS = 5313


@dataclass(frozen=True, slots=True)
class Way:
    """One way to score.

    Attributes:
        variants: How many of the region; as many as one needs to see what one of many costs.
        settings: As `ScoreSettings` takes them.
    """

    variants: int
    settings: dict[str, Any] = field(default_factory=dict)


_GRID = {"window_grid": True}
_NEAR = {**_GRID, "share_windows": 1000}
_SCREEN = {"engine": "adjoint", "groups": "one"}
ON_CPU = {
    PEER: Way(2),
    "centred": Way(3),
    "grid": Way(32, _GRID),
    "grid, sharing 1 kb": Way(48, _NEAR),
    "grid, sharing 1 kb, mixed": Way(48, {**_NEAR, "precision": "mixed"}),
    "screen, sharing 1 kb": Way(128, {**_NEAR, **_SCREEN}),
    "screen, sharing 10 kb": Way(256, {**_GRID, **_SCREEN, "share_windows": 10_000}),
}
ON_GPU = {
    PEER: Way(2),
    **{f"centred, {one}": Way(256, {"precision": one}) for one in ("float32", "tf32", "mixed", "fp16", "bf16")},
    "centred deletions, mixed": Way(256, {"precision": "mixed"}),
    **{f"grid, sharing 1 kb, {one}": Way(1024, {**_NEAR, "precision": one}) for one in ("tf32", "mixed", "fp16")},
    "grid, sharing 1 kb, both strands, fp16": Way(512, {**_NEAR, "precision": "fp16", "reverse_complement": True}),
    "screen, sharing 1 kb": Way(1024, {**_NEAR, **_SCREEN, "precision": "tf32"}),
    "screen, sharing 10 kb": Way(2048, {**_GRID, **_SCREEN, "share_windows": 10_000, "precision": "tf32"}),
}
WAYS = ON_GPU | ON_CPU


def read_stretch(arguments: argparse.Namespace, count: int, deletions: bool) -> list[ev.Variant]:
    """The first variants of the region."""
    region = parse_region(arguments.region)
    if arguments.vcf:
        return list(itertools.islice(read_variants(arguments.vcf, [region]), count))
    start, end = region.start, region.start + count * arguments.spacing + 2
    sequence = ev.Genome(arguments.fasta).fetch(region.contig, start, end).decode()
    made = []
    for offset in range(0, count * arguments.spacing, arguments.spacing):
        base, following = sequence[offset : offset + 2]
        alleles = (base + following, base) if deletions else (base, "ACGT".replace(base, "")[0])
        made.append(ev.Variant(region.contig, start + offset + 1, ".", *alleles))
    return made


def seconds_of(name: str, arguments: argparse.Namespace) -> float:
    """Seconds per variant in this process; loading the model is not counted."""
    way, config = WAYS[name], TINY if arguments.tiny else EnformerConfig(output_tracks={"human": TRACKS})
    if arguments.device == "cpu":
        keep_freed_memory()
    network = Enformer(config).eval().requires_grad_(False)
    model = LoadedModel(network, FAMILIES["enformer"], config, "random", "0" * 64, {})
    variants = read_stretch(arguments, way.variants, "deletions" in name)
    genome = ev.Genome(arguments.fasta)
    with tempfile.TemporaryDirectory() as folder:
        targets, settings = _tables(Path(folder), config.output_tracks["human"], way.settings)
        scorer = ev.open_scorer(model, settings, ev.ComputeSettings(device=arguments.device), targets)
        if arguments.device != "cpu":
            ev.score(variants[:8], genome, scorer)
        began = time.perf_counter()
        table = ev.score(variants, genome, scorer)
        taken = time.perf_counter() - began
    assert (table.STATUS == "ok").all()
    return taken / len(variants)


def _tables(folder: Path, tracks: int, settings: dict[str, Any]) -> tuple[Path, ev.ScoreSettings]:
    """A track table, and settings whose group of a hundred tracks is a file beside it."""
    targets, groups, chosen = folder / "targets.txt", folder / "groups.tsv", dict(settings)
    rows = (f"{row}\tT{row}\tDNASE:random\n" for row in range(tracks))
    targets.write_text("index\tidentifier\tdescription\n" + "".join(rows))
    groups.write_text("".join(f"{row}\tone\n" for row in range(min(tracks, 100))))
    if "groups" in chosen:
        chosen["groups"] = str(groups)
    for name, kind in (("engine", Engine), ("precision", Precision)):
        if name in chosen:
            chosen[name] = kind(chosen[name])
    return targets, ev.ScoreSettings(**chosen)


def child(name: str, arguments: argparse.Namespace) -> None:
    """Run one way and print a line of JSON: seconds per variant, and GB of a GPU."""
    device = torch.device(arguments.device)
    seconds = run_peer(device, WAYS[PEER].variants) if name == PEER else seconds_of(name, arguments)
    memory = torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else None
    print(json.dumps([seconds, memory]))


def measure(name: str) -> tuple[float, float | None]:
    """Run one way in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, *sys.argv[1:], "--child", name], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    seconds, memory = json.loads(done.stdout.splitlines()[-1])
    return seconds, memory


def line_of(name: str, variants: int, seconds: float, memory: float | None, peer: float | None, price: float) -> str:
    """A line of the table; absolute rates, hours and dollars of a GPU only."""
    cells = [name, str(variants), f"{seconds:.4g}", f"{peer / seconds:.1f}" if peer else "not measured"]
    if memory is not None:
        hours = seconds * 1e6 / 3600
        cells += [f"{1 / seconds:.4g}", f"{hours:.3g}", f"{hours * price:.3g}", f"{memory:.3g}"]
    return "\t".join(cells)


def main() -> None:
    """Run everything in turn, and write the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vcf")
    parser.add_argument("--fasta", default=str(EXAMPLE_FASTA))
    parser.add_argument("--region", default="chr22:19650001-19750000")
    parser.add_argument("--spacing", type=int, default=30)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dollars-per-hour", type=float, default=3.0, help="of a GPU")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS))
    parser.add_argument("--output", type=Path)
    parser.add_argument("--tiny", action="store_true", help="a tiny model, to try the script")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments)
        return
    on_gpu = arguments.device != "cpu"
    hardware = torch.cuda.get_device_name() if on_gpu else f"{os.cpu_count()} CPU cores, {platform.machine()}"
    source = Path(arguments.vcf).name if arguments.vcf else f"a variant every {arguments.spacing} bp"
    lines = [
        f"# {hardware}; PyTorch {torch.__version__}; the first of {arguments.region}; {source}",
        "way\tvariants\tseconds_per_variant\tspeed_relative_to_peer"
        + ("\tper_second\thours_per_million\tdollars_per_million\tGB" if on_gpu else ""),
    ]
    peer = None
    for name in arguments.ways or list(ON_GPU if on_gpu else ON_CPU):
        try:
            seconds, memory = measure(name)
        except RuntimeError as error:
            lines.append(f"# {name} failed: {str(error).splitlines()[-1]}")
        else:
            peer = seconds if name == PEER else peer
            lines.append(line_of(name, WAYS[name].variants, seconds, memory, peer, arguments.dollars_per_hour))
        print(lines[-1], flush=True)
        if arguments.output:
            arguments.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
