"""How true are small effects? Every engine and precision against two float64 passes.

    python benchmarks/accuracy.py [--output results/accuracy_random.tsv]
    python benchmarks/accuracy.py --model example [--vcf VCF --fasta FASTA] [--output results/accuracy_example.tsv]

Prints, per half decade of abs(SAD) / prediction, the median and 90th percentile of SAD's relative error, and its
correlation with the truth; for substitutions and indels apart. An indel moves a whole flank, so it changes much in the
network even where the scores hardly change.

Without --model: random weights in the published depth (11 layers, 8 heads) at an eighth of its width and a twelfth of
its window; substitutions of 1 to 16 bases at all distances from the bins that are scored, every third variant an
insertion or a deletion. With --model: real variants, those of example_data unless others are given. Either way SAD is
summed over several numbers of bins around the variant, so that effects span many decades.

A CPU has no TF32, and multiplies float16 very slowly: on a CPU, tf32 and fp16 are emulated (emulation.py: operands
rounded, sums in float32, as tensor cores do), and marked so in the table. Two lines exist to say where an error comes
from: `split` has its reference in float16 operands of two parts each and its change in float16, `mixed` on a GPU its
reference in float32 and its change in float16; a CPU's `mixed` carries the change in bfloat16.
"""

import argparse
import contextlib
import itertools
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from emulation import TensorCores
from torch import Tensor

from enformer_vep.effects.edits import find_edits
from enformer_vep.effects.effect import EffectBatch, make_batch
from enformer_vep.effects.pair import PairEngine
from enformer_vep.effects.tower import WIDEST_LOCAL_EDIT
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.vcf import read_variants
from enformer_vep.genome.windows import allele_pair, centre_index
from enformer_vep.models.checkpoints import load_model
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.delta.engine import DeltaEngine
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.models.enformer.randomised import random_network
from enformer_vep.settings import Precision

HALF_DECADES = np.arange(-5.0, -0.75, 0.5)
FEWEST_SCORES = 20
EXAMPLE_DATA = Path(__file__).parents[1] / "example_data"
RANDOM_CONFIG = EnformerConfig(
    channels=192, channel_multiple=16, target_length=64, window=16_384, output_tracks={"human": 64}
)


class EmulatedGpu(DeltaEngine):
    """A delta engine that chooses its 16-bit types as it would on a GPU."""

    @property
    def device(self) -> torch.device:
        """Not where it computes."""
        return torch.device("cuda")


@dataclass(frozen=True, slots=True)
class Mode:
    """One line of the table.

    Attributes:
        name: Engine and precision, tab separated.
        engine: Computes it.
        precision: What the engine is told.
        products: How float32 operands are multiplied (see `TensorCores`); None for as the machine does.
    """

    name: str
    engine: type[PairEngine] | type[DeltaEngine]
    precision: Precision
    products: str | None = None


def modes(emulate: bool) -> list[Mode]:
    """What to compare; on a GPU everything is real."""
    found = []
    for label, engine in (("pair", PairEngine), ("delta", EmulatedGpu if emulate else DeltaEngine)):
        for precision in (Precision.FLOAT32, Precision.TF32, Precision.FLOAT16, Precision.BFLOAT16):
            products = "tf32" if precision is Precision.TF32 else "float32"
            emulated = emulate and precision is not Precision.FLOAT32
            name = f"{label}\t{precision}{', emulated' if emulated else ''}"
            found.append(Mode(name, engine, precision, products if emulated else None))
    if not emulate:
        return [*found, Mode("delta\tmixed", DeltaEngine, Precision.MIXED)]
    return [
        *found,
        Mode("delta\tmixed, emulated GPU", EmulatedGpu, Precision.MIXED, "float32"),
        Mode("delta\tsplit, emulated", EmulatedGpu, Precision.MIXED, "split"),
        Mode("delta\tmixed, this CPU", DeltaEngine, Precision.MIXED),
    ]


def made_up_variants(count: int, seed: int) -> Iterator[EffectBatch]:
    """Edits at distances from 0 to half a window from the scored bins, in random sequence."""
    generator = torch.Generator().manual_seed(seed)
    window = RANDOM_CONFIG.window
    for number in range(count):
        longer = torch.randint(0, 4, (window + 1,), generator=generator, dtype=torch.uint8)
        reference = longer[:window]
        position = window // 2 + int((number / count) ** 2 * (window // 2 - 32))
        alternate = reference.clone()
        if number % 6 == 2:
            alternate = torch.cat([longer[:position], longer[position + 1 :]])
        elif number % 6 == 5:
            alternate = torch.cat([longer[:position], longer[:1], longer[position:-2]])
        else:
            width = 2 ** (number % 5)
            alternate[position : position + width] = (alternate[position : position + width] + 1) % 4
        yield EffectBatch(reference[None], alternate[None], torch.zeros(1, dtype=torch.int64))


def real_variants(vcf: Path, fasta: Path, window: int, count: int) -> Iterator[EffectBatch]:
    """Every so manieth variant of a file, `count` in all."""
    genome, variants = Genome(fasta), list(read_variants(str(vcf)))
    for number in range(0, len(variants), max(len(variants) // count, 1))[:count]:
        variant = variants[number]
        contig = genome.resolve(variant.contig)
        assert contig is not None
        assert centre_index(window) < variant.start
        yield make_batch([allele_pair(genome, variant, contig, window)])


def sums(mode: Mode, network: Enformer, batches: list[EffectBatch]) -> tuple[np.ndarray, np.ndarray]:
    """SAD and summed reference prediction over several centred stretches of bins, float64 [variants, scores]."""
    length = network.config.target_length
    engine = mode.engine(network, "human", None, slice(0, length), mode.precision)
    stretches = [slice((length - count) // 2, (length + count) // 2) for count in (2, 8, 32, length)]

    def total(bins: Tensor) -> np.ndarray:
        return torch.stack([bins[0, part].double().sum(0) for part in stretches]).flatten().cpu().numpy()

    effects = []
    for batch in batches:
        with emulation(mode, batch):
            effects.append(engine.predict(batch))
    return (
        np.stack([total(effect.delta) for effect in effects]),
        np.stack([total(effect.reference) for effect in effects]),
    )


def emulation(mode: Mode, batch: EffectBatch) -> contextlib.AbstractContextManager[object]:
    """A GPU's products, where asked for; the delta engine does not use TF32 for indels."""
    if mode.products == "tf32" and mode.engine is not PairEngine and not is_substitution(batch):
        return TensorCores()
    return TensorCores(mode.products) if mode.products else contextlib.nullcontext()


def is_substitution(batch: EffectBatch) -> bool:
    """Whether the one alternate of a batch changes few bases."""
    return int(find_edits(batch).width[0]) <= WIDEST_LOCAL_EDIT


def kinds(batches: list[EffectBatch]) -> dict[str, np.ndarray]:
    """Which variants are substitutions and which are indels, bool [variants] each."""
    local = np.array([is_substitution(batch) for batch in batches])
    return {"substitution": local, "indel": ~local}


def report(name: str, got: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> list[str]:
    """One line per half decade."""
    lines, ratio = [], np.abs(truth) / prediction
    for low, high in itertools.pairwise(HALF_DECADES):
        chosen = (ratio >= 10**low) & (ratio < 10**high)
        if chosen.sum() < FEWEST_SCORES:
            continue
        error = np.abs(got[chosen] - truth[chosen]) / np.abs(truth[chosen])
        correlation = np.corrcoef(got[chosen], truth[chosen])[0, 1]
        lines.append(
            f"{name}\t{10**low:.1e} to {10**high:.1e}\t{chosen.sum()}\t{np.median(error):.1e}\t"
            f"{np.quantile(error, 0.9):.1e}\t{correlation:.4f}"
        )
    return lines


def compare(network: Enformer, batches: list[EffectBatch], title: str, emulate: bool) -> str:
    """The whole table."""
    wanted = modes(emulate)
    results = {mode.name: sums(mode, network, batches)[0] for mode in wanted}
    truth, reference = sums(Mode("truth", PairEngine, Precision.FLOAT32), network.double(), batches)
    lines = [f"# {title}; {len(batches)} variants; PyTorch {torch.__version__}"]
    lines.append("variants\tengine\tprecision\tabs(SAD)/prediction\tscores\tmedian_error\t90%_error\tcorrelation")
    for kind, rows in kinds(batches).items():
        for name, got in results.items():
            lines += report(f"{kind}\t{name}", got[rows], truth[rows], reference[rows])
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model")
    parser.add_argument("--vcf", type=Path, default=EXAMPLE_DATA / "variants.vcf.gz")
    parser.add_argument("--fasta", type=Path, default=EXAMPLE_DATA / "chr22.fa.gz")
    parser.add_argument("--variants", type=int, default=48)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    if arguments.model:
        network = load_model(arguments.model).network
        batches = real_variants(arguments.vcf, arguments.fasta, network.config.window, arguments.variants)
    else:
        network = random_network(RANDOM_CONFIG, 1)
        batches = made_up_variants(arguments.variants, 2)
    hardware = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU {platform.machine()}"
    text = compare(
        network.to(device),
        [batch.to(device) for batch in batches],
        f"{arguments.model or 'random weights, published depth'}; {hardware}",
        emulate=device.type == "cpu",
    )
    print(text, end="")
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()
