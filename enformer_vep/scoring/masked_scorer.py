"""A masked language model made ready for one run: the scorer of all families, with one bin and one track."""

import torch

from enformer_vep.effects.devices import LARGEST_AUTOMATIC_BATCH, resolve_device, resolve_devices
from enformer_vep.effects.guards import MemoryGuard
from enformer_vep.effects.predictor import Predictor
from enformer_vep.genome.alleles import trimmed
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.models.dnabert.bert import MaskedModel, load_masked_model
from enformer_vep.models.dnabert.masked_engine import MaskedEngine
from enformer_vep.scoring.scorer import Scorer, Suitability
from enformer_vep.settings import LLR, ComputeSettings, MaskedSettings, Precision, ScoreSettings, refuse
from enformer_vep.tables.row import Layout, ValueBlock

_BASES = frozenset(b"ACGT")
_WORDS = "sum over masked k-mers of log P(k-mer with ALT) - log P(k-mer with REF), mean of both strands"


def make_masked_scorer(source: str, settings: ScoreSettings, compute: ComputeSettings) -> Scorer:
    """Load a masked language model and make it ready.

    An effect of one bin and one track is the log-likelihood ratio itself, whose sum over bins is what is written.

    Args:
        source: What `--model` takes.
        settings: What to score; nearly all of it has to be as it comes.
        compute: Where, and in what portions; as for `enformer_vep.scoring.assembly.make_scorer`.

    Raises:
        UsageError: On settings that have no meaning here, or a device that does not exist.
        ModelError: When files are missing, damaged or do not fit each other.
        DependencyError: When transformers is not installed.
    """
    settings = MaskedSettings.of(settings)
    refuse([] if compute.window is None else ["window"])
    several = resolve_devices(compute.devices)
    device = torch.device("cpu") if several else resolve_device(compute.device)
    model = load_masked_model(source)
    network = model.network.to(device, torch.float64 if settings.precision is Precision.FLOAT64 else torch.float32)
    engine = MemoryGuard(MaskedEngine(network, model.vocabulary))
    on_cpu = "cpu" in {one.type for one in several or (device,)}
    return Scorer(
        model=model.name,
        sha256=model.sha256,
        layout=_layout(model, settings),
        tracks=(0,),
        geometry=Geometry(model.window, 0, model.window, 1),
        predictor=Predictor(engine, device, (slice(None),), settings.reverse_complement),
        batch_size=compute.batch_size or (1 if on_cpu else LARGEST_AUTOMATIC_BATCH),
        settings=settings,
        suited=suitability(model.vocabulary.k),
    )


def suitability(k: int) -> Suitability:
    """What words of k bases ask of an allele: that it replaces bases, and k known ones on either side.

    Fewer would leave no word beside the masked ones, which are then not told what stands around the change.
    """

    def suited(variant: Variant, genome: Genome) -> Status:
        offset, reference, alternate = trimmed(variant.reference, variant.alternate)
        if len(reference) != len(alternate):
            return Status.NOT_A_SUBSTITUTION
        contig, start = genome.resolve(variant.contig), variant.start + offset
        assert contig is not None, "check_variant lets no unknown contig through"
        around = genome.fetch(contig, start - k, start + len(reference) + k)
        return Status.OK if _BASES.issuperset(around + alternate.encode()) else Status.UNKNOWN_BASES

    return suited


def _layout(model: MaskedModel, settings: MaskedSettings) -> Layout:
    block = ValueBlock(LLR, ("",), _WORDS)
    asked = {name: str(value) for name, value in settings.describe().items() if name not in ("scores", "strict")}
    k = str(model.vocabulary.k)
    return Layout((block,), (), tuple({"model": model.sha256, "window": str(model.window), "k": k, **asked}.items()))
