"""Windows on a grid: what they save, and what they do to scores.

    python benchmarks/grid.py operations [--output results/grid_operations.tsv]
    python benchmarks/grid.py agreement [--output results/grid_agreement.tsv]

`operations` counts the full-size model's convolutions per substitution with `--window-grid`, over a chunk of sorted
variants that are so far apart (torch's FlopCounterMode, without computing anything: a few minutes), and adds what the
formulas of `count_operations` say of the rest.

`agreement` scores substitutions of example_data with the model `example`: SAD of all tracks with centred windows, on
one grid, and averaged over several. What these are compared with is the average over both strands and four shifts of
the centred window, -48, -16, 16 and 48 bp. The scores of each way are kept in a folder: an interrupted run goes on.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.flop_counter import FlopCounterMode

import enformer_vep as ev
from enformer_vep.effects.effect import make_batch
from enformer_vep.effects.sites import Place, make_sites
from enformer_vep.effects.tokens import bases_beside, chunk_tokens
from enformer_vep.genome.grid import WindowGrid
from enformer_vep.genome.vcf import read_variants
from enformer_vep.genome.windows import AllelePair
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.delta.engine import DeltaEngine
from enformer_vep.models.enformer.network import Enformer

HERE = Path(__file__).parent
DATA = HERE.parent / "example_data"
SPACINGS = (16_384, 4096, 1024, 512, 256, 128, 64)
TRACKS = 5313

CENTRED = (-48, -16, 16, 48)
WAYS: dict[str, dict[str, object]] = {
    "reference": {"reverse_complement": True, "shifts": CENTRED},
    "centred": {},
    "grid": {"window_grid": True},
    "grid, 4 phases": {"window_grid": True, "phases": (0, 32, 64, 96)},
    "centred, both strands": {"reverse_complement": True},
    "grid, both strands": {"window_grid": True, "reverse_complement": True},
    "grid, 4 phases, both strands": {"window_grid": True, "phases": (0, 32, 64, 96), "reverse_complement": True},
}

Floats = npt.NDArray[np.float64]


def count_convolutions(config: EnformerConfig, spacing: int) -> float:
    """Operations in convolutions per substitution, as windows move by the tokens of one chunk."""
    with torch.device("meta"):
        network = Enformer(config).eval().requires_grad_(False)
    engine = DeltaEngine(network, "human", None, slice(0, config.target_length))
    grid = WindowGrid(config.window, config.bin_width)
    chunk = chunk_tokens(network.front, config.window) * config.bin_width
    first = 1_000_003
    places = range(first + spacing, first + chunk + 1, spacing)
    windows: dict[int, list[int]] = {}
    for place in places:
        windows.setdefault(grid.around(place), []).append(place)
    _convolve(engine, network, grid.around(first), [first])
    with FlopCounterMode(display=False) as counter:
        for start, inside in windows.items():
            _convolve(engine, network, start, inside)
    return counter.get_total_flops() / len(places)


def _convolve(engine: DeltaEngine, network: Enformer, start: int, places: Sequence[int]) -> None:
    window, beside = network.config.window, bases_beside(network.front, network.config.window)
    reference = np.zeros(window, dtype=np.uint8)
    pairs = []
    for place in places:
        alternate = reference.copy()
        alternate[place - start] = 1
        pairs.append(AllelePair(reference, alternate, place - start, 1, 1))
    around = np.zeros(window + 2 * beside, dtype=np.uint8)
    sites = make_sites(pairs, [Place("chr22", start)] * len(places), [around], beside)
    with torch.inference_mode():
        engine._convolve(make_batch(pairs, sites).to(torch.device("meta")))


def operations_table(config: EnformerConfig, tracks: int) -> str:
    """TFLOP per substitution, by the distance between neighbours."""
    with torch.device("meta"):
        counted = Enformer(config).operations
    head = 2.0 * config.target_length * 2 * config.channels * tracks
    above, change = counted.window + head, counted.alternate + head
    own = config.tokens * counted.token
    lines = ["bp_apart\tconvolutions\tin_all\tcentred_in_all\tshare"]
    for spacing in SPACINGS:
        convolutions = count_convolutions(config, spacing)
        # On the grid, the alternates of one window share what is above its tokens.
        shared = min(spacing / config.bin_width, 1)
        in_all, centred = convolutions + shared * above + change, own + above + change
        cells = (convolutions / 1e12, in_all / 1e12, centred / 1e12, in_all / centred)
        lines.append("\t".join([str(spacing), f"{cells[0]:.4f}", *(f"{cell:.2f}" for cell in cells[1:])]))
    return "\n".join(lines) + "\n"


def scores(way: str, variants: Sequence[ev.Variant], genome: ev.Genome, model: str, kept: Path) -> Floats:
    """SAD [variants, tracks]; from the folder if it is there."""
    path = kept / f"{way.replace(', ', '_').replace(' ', '_')}.npy"
    if not path.exists():
        scorer = ev.open_scorer(model, ev.ScoreSettings(**WAYS[way]), ev.ComputeSettings(device="cpu"))  # type: ignore[arg-type]
        values = ev.score(variants, genome, scorer)[list(scorer.layout.values)].to_numpy(dtype=np.float64)
        np.save(path, values)
    return np.asarray(np.load(path), dtype=np.float64)


def compare(values: Floats, reference: Floats) -> tuple[float, float, float]:
    """Medians over tracks: Spearman correlation of values and of magnitudes, relative difference."""
    signed = [_spearman(ours, theirs) for ours, theirs in zip(values.T, reference.T, strict=True)]
    sizes = [_spearman(np.abs(ours), np.abs(theirs)) for ours, theirs in zip(values.T, reference.T, strict=True)]
    relative = np.abs(values - reference) / np.abs(reference)
    return float(np.median(signed)), float(np.median(sizes)), float(np.median(relative))


def _spearman(left: Floats, right: Floats) -> float:
    ranks = [np.argsort(np.argsort(one)).astype(np.float64) for one in (left, right)]
    return float(np.corrcoef(*ranks)[0, 1])


def agreement_table(variants: Sequence[ev.Variant], genome: ev.Genome, model: str, kept: Path) -> str:
    """How close every way of scoring comes to the average over strands and shifts."""
    kept.mkdir(parents=True, exist_ok=True)
    reference = scores("reference", variants, genome, model, kept)
    lines = [
        f"# {len(variants)} substitutions, {reference.shape[1]} tracks; medians over tracks",
        "windows\tpasses\tspearman\tspearman_of_magnitudes\tmedian_relative_difference",
    ]
    for way, settings in WAYS.items():
        if way != "reference":
            values = scores(way, variants, genome, model, kept)
            passes = len(settings.get("phases", (0,))) * (2 if "reverse_complement" in settings else 1)  # type: ignore[arg-type]
            lines.append(_line(way, str(passes), compare(values, reference)))
    moved = (scores(way, variants, genome, model, kept) for way in ("grid", "centred"))
    lines.append(_line("grid, against centred", "", compare(*moved)))
    return "\n".join(lines) + "\n"


def _line(way: str, passes: str, cells: Sequence[float]) -> str:
    return "\t".join([way, passes, *(f"{cell:.3f}" for cell in cells)])


def substitutions(path: Path, genome: ev.Genome, count: int) -> list[ev.Variant]:
    """Substitutions that are evenly spread over a file, REF as in the genome."""
    every = [
        one
        for one in read_variants(str(path))
        if len(one.reference) == len(one.alternate) == 1
        and genome.fetch(one.contig, one.start, one.start + 1).decode() == one.reference
    ]
    return every[:: max(len(every) // count, 1)][:count]


def main() -> None:
    """Count or score, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("operations", "agreement"))
    parser.add_argument("--model", default="example")
    parser.add_argument("--fasta", type=Path, default=DATA / "chr22.fa.gz")
    parser.add_argument("--variants", type=Path, nargs="+", default=[DATA / "variants.vcf.gz", DATA / "locus.vcf.gz"])
    parser.add_argument("--count", type=int, default=24, help="substitutions of each file to score")
    parser.add_argument("--kept", type=Path, default=Path("grid_scores"), help="folder of scores to go on with")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    if given.what == "operations":
        text = operations_table(EnformerConfig(output_tracks={"human": TRACKS}), TRACKS)
    else:
        genome = ev.Genome(given.fasta)
        variants = [one for path in given.variants for one in substitutions(path, genome, given.count)]
        text = agreement_table(variants, genome, given.model, given.kept)
    print(text, end="")
    if given.output:
        given.output.write_text(text)


if __name__ == "__main__":
    main()
