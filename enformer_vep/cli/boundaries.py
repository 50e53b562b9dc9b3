"""`enformer-vep boundaries`: attention against boundaries of chromatin domains."""

import logging
from typing import TYPE_CHECKING, Any

import click

from enformer_vep.cli.options import FILE, threads_option
from enformer_vep.cli.progress import progress_bar
from enformer_vep.cli.words import read_by, read_shifts
from enformer_vep.errors import UsageError
from enformer_vep.settings import ComputeSettings
from enformer_vep.settings.explain_boundaries import BoundarySettings, Likeness

if TYPE_CHECKING:
    from enformer_vep.explain.binding_motifs import Pattern

logger = logging.getLogger(__name__)

_DEFAULTS = BoundarySettings()
_BP = click.IntRange(min=0)
_SETTINGS = (
    "domains", "merge", "apart", "match", "gc_caliper", "count_caliper", "arm", "margin", "keys",
    "reverse_complement", "shifts", "tiles", "every", "turns", "span", "seed",
)  # fmt: skip


def _read_match(text: str) -> tuple[Likeness, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == ["none"]:
        return ()
    unknown = [word for word in words if word not in set(Likeness)]
    if unknown or not words or len(set(words)) < len(words):
        raise ValueError(f"cannot read {text!r}: write some of {', '.join(Likeness)}, each once, or none")
    return tuple(map(Likeness, words))


@click.command()
@click.argument("boundaries", type=FILE)
@click.option("-f", "--fasta", "genome", type=FILE, required=True, help="Reference genome, plain or BGZF.")
@click.option("-m", "--model", default="enformer", show_default=True, help="enformer, or a path: see models.")
@click.option("--domains", is_flag=True, help="BOUNDARIES are domains: both ends of each are boundaries.")
@click.option(
    "--merge",
    type=_BP,
    default=_DEFAULTS.merge,
    show_default=True,
    metavar="BP",
    help="Of boundaries so close together the first stands for all.",
)
@click.option(
    "--apart",
    type=_BP,
    default=_DEFAULTS.apart,
    show_default=True,
    metavar="BP",
    help="Windows elsewhere are centred at least so far from every boundary.",
)
@click.option(
    "--match",
    default="gc",
    show_default=True,
    callback=read_by(_read_match),
    help="What windows elsewhere share with those on boundaries, beside the contig and having no gap: gc, motif "
    "(matches of the motif), tss (starts in --genes); comma-separated, or none.",
)
@click.option(
    "--gc-caliper", type=float, default=_DEFAULTS.gc_caliper, show_default=True, help="Largest difference in GC share."
)
@click.option(
    "--count-caliper",
    type=float,
    default=_DEFAULTS.count_caliper,
    show_default=True,
    help="Largest difference of counts, as a share of the boundary's; 1 is always allowed.",
)
@click.option("--genes", type=FILE, help="GTF or GFF3, for --match tss.")
@click.option("--motif", "consensus", help="Consensus in IUPAC letters; of CTCF, for example, CCASYAGRKGGCRS.")
@click.option("--meme", type=FILE, help="Instead: a motif of this file in MEME's format.")
@click.option("--motif-name", help="Which, where the file has several.")
@click.option(
    "--motif-p",
    type=click.FloatRange(0, 1, min_open=True),
    default=1e-5,
    show_default=True,
    help="With --meme: probability of a match at a random place, at most.",
)
@click.option("--disrupt", "disrupts", is_flag=True, help="Also destroy the motif's matches around each boundary.")
@click.option(
    "--span",
    type=click.IntRange(min=1),
    default=_DEFAULTS.span,
    show_default=True,
    metavar="BP",
    help="With --disrupt: so far to either side.",
)
@click.option(
    "--arm",
    type=click.IntRange(min=1),
    metavar="BP",
    help="How far insulation looks to either side.  [default: window / 8]",
)
@click.option(
    "--margin",
    type=_BP,
    default=_DEFAULTS.margin,
    show_default=True,
    metavar="BP",
    help="What it leaves out next to the boundary.",
)
@click.option(
    "--keys",
    type=click.IntRange(min=1),
    metavar="BP",
    help="Half the width of the boundary's stripe.  [default: window / 96]",
)
@click.option("--rc/--no-rc", "reverse_complement", help="Average maps over both strands.")
@click.option(
    "--shifts",
    default="0",
    show_default=True,
    callback=read_by(read_shifts),
    help="Average maps over these shifts of the window in bp, less than half a token each.",
)
@click.option(
    "--tiles/--no-tiles",
    default=True,
    show_default=True,
    help="Read maps along whole contigs, too, and turn the boundaries around them: a null that keeps their spacing.",
)
@click.option(
    "--every",
    type=click.IntRange(min=1),
    default=_DEFAULTS.every,
    show_default=True,
    metavar="BP",
    help="Distance of the points that are read along contigs.",
)
@click.option(
    "--turns",
    type=click.IntRange(min=1),
    default=_DEFAULTS.turns,
    show_default=True,
    help="How many turns are compared; of a single contig each once at most.",
)
@click.option(
    "--seed",
    type=_BP,
    default=_DEFAULTS.seed,
    show_default=True,
    help="Fixes windows elsewhere, turns and control edits.",
)
@click.option("-o", "--output", default="-", show_default=True, help="Table of tests; - is standard output.")
@click.option("--values", type=FILE, help="Also write what was read of every boundary and window: a table.")
@click.option("--maps", type=FILE, help="Also write the mean maps: a NumPy archive (.npz).")
@click.option("--figure", type=FILE, help="Also draw the difference, the distributions and the heads: png, svg, pdf.")
@click.option("--overwrite", is_flag=True, help="Start anew where an interrupted run would be continued.")
@click.option("--dry-run", is_flag=True, help="Only place boundaries, choose windows and count.")
@click.option("--window", type=click.IntRange(1, 4_194_304), help="Window in bp; default: the model's, 196608.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1.")
@threads_option
def boundaries(**options: Any) -> None:
    """Compare attention around domain BOUNDARIES (BED) with attention elsewhere.

    Maps are divided by their mean at equal distance, as Hi-C is. Of every head, every layer's mean and the mean of all:
    the stripe at the boundary's keys, and the insulation, log2 of attention within either side over attention across.
    One row per measure and map: Mann-Whitney test against matched windows, and a test that turns the boundaries around
    their contigs, which keeps their spacing; both adjusted over heads (Benjamini-Hochberg).

    \b
    enformer-vep boundaries tads.bed --domains -f hg38.fa --figure boundaries.png -o tests.tsv
    enformer-vep boundaries boundaries.bed -f hg38.fa --motif CCASYAGRKGGCRS --match gc,motif --disrupt -o tests.tsv

    A run with -o FILE that was interrupted goes on when the same command is given again. What a small or untrained
    model shows has no meaning.
    """
    motif = _motif(options)
    settings = BoundarySettings(**{name: options[name] for name in _SETTINGS})
    from functools import partial

    from enformer_vep.effects.devices import resolve_device
    from enformer_vep.effects.memory import keep_freed_memory
    from enformer_vep.explain.boundary_job import BoundaryOutput, BoundaryRequest, compare_boundaries
    from enformer_vep.scoring.threads import use_threads

    used = use_threads(options["threads"])
    if resolve_device(options["device"]).type == "cpu":
        logger.info("computing with %s", used.describe())
    keep_freed_memory()
    outputs = BoundaryOutput(
        options["output"], options["values"], options["maps"], options["figure"], options["overwrite"]
    )
    request = BoundaryRequest(
        boundaries=options["boundaries"],
        genome=options["genome"],
        model=options["model"],
        settings=settings,
        compute=ComputeSettings(device=options["device"], window=options["window"]),
        output=outputs,
        motif=motif,
        disrupts=options["disrupts"],
        genes=options["genes"],
        dry_run=options["dry_run"],
    )
    compare_boundaries(request, partial(progress_bar, unit="window"))


def _motif(options: dict[str, Any]) -> "Pattern | None":
    from enformer_vep.explain.binding_motifs import read_consensus, read_matrix

    consensus, meme = options["consensus"], options["meme"]
    if consensus is not None and meme is not None:
        raise UsageError("--motif and --meme exclude each other: give one")
    if options["motif_name"] is not None and meme is None:
        raise UsageError("--motif-name chooses from a file: give it with --meme")
    if options["disrupts"] and consensus is None and meme is None:
        raise UsageError("--disrupt destroys a motif: give one with --motif or --meme")
    if consensus is not None:
        return read_consensus(consensus)
    return None if meme is None else read_matrix(meme, options["motif_name"], options["motif_p"])
