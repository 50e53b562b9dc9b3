"""Options that several commands share, and the request that a run's options become."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import click

from enformer_vep.cli.words import (
    read_batch_size,
    read_bins,
    read_by,
    read_devices,
    read_names,
    read_refinement,
    read_scores,
    read_share,
    read_shifts,
)
from enformer_vep.errors import UsageError
from enformer_vep.settings import (
    PIECE_SIZE,
    Centre,
    ComputeSettings,
    Engine,
    GeneSettings,
    Indels,
    OutputSettings,
    Precision,
    Refinement,
    Score,
    ScoreRequest,
    ScoreSettings,
    is_masked_model,
    masked_request,
    refuse,
)

FILE = click.Path(path_type=Path)
SCORES_HELP = "Comma-separated, or all. Default: SAD; SADR, the log2 fold change, with --genes. " + " ".join(
    f"{score}: {score.description}." for score in Score
)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def model_to_write(_: click.Context, __: click.Parameter, path: Path) -> Path:
    """Refuses names under which the program would not find its own model again."""
    if path.suffix != ".safetensors":
        raise UsageError(f"{path}: models are written as .safetensors: end the name with that")
    return path


def together(*options: Decorator) -> Decorator:
    """Several options as one decorator, in the order in which --help shows them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def all_but(options: Decorator, *left_out: str) -> Decorator:
    """The same options without those of these parameters."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        before = list(getattr(command, "__click_params__", ()))
        command = options(command)
        added = command.__click_params__[len(before) :]  # type: ignore[attr-defined]
        kept = [option for option in added if option.name not in left_out]
        command.__click_params__ = [*before, *kept]  # type: ignore[attr-defined]
        return command

    return decorate


def _choice(*names: str, kind: type[StrEnum], default: StrEnum | None = None, **more: Any) -> Decorator:
    """An option that takes the values of an enumeration; click's own choice would take its members' names."""
    shown: Mapping[str, Any] = {} if default is None else {"default": default.value, "show_default": True}
    values = click.Choice([one.value for one in kind], case_sensitive=False)
    return click.option(*names, type=values, callback=read_by(kind), **shown, **more)


# The parameters of a run's options are named after the fields of the settings that they become: see `as_request`.
source_options = together(
    click.argument("variants"),
    click.option(
        "-f", "--fasta", "genome", type=FILE, required=True,
        help="Reference genome, plain or BGZF; .fai is made if missing.",
    ),
    click.option("-r", "--region", "regions", multiple=True, help="Only chr22:1000-2000 (1-based); can be repeated."),
    click.option("-R", "--regions-file", type=FILE, help="Only the regions of this BED file or list."),
)  # fmt: skip

input_options = together(
    source_options,
    click.option(
        "-m", "--model", default="enformer", show_default=True,
        help="enformer, a path, or dnabert:DIRECTORY: see enformer-vep models.",
    ),
)  # fmt: skip

scoring_options = together(
    click.option("-s", "--scores", callback=read_by(read_scores), help=SCORES_HELP),
    click.option(
        "--bins", "centre_bins", default="all", show_default=True, callback=read_by(read_bins),
        help="all, or center:N for the N bins of 128 bp around the variant.",
    ),
    click.option("--organism", default="human", show_default=True, help="Which head: human or mouse."),
    click.option(
        "-t", "--tracks",
        help="Comma-separated indices, ranges (0-99), identifiers, assay:CAGE, /regex/, @file. Default: all.",
    ),
    click.option(
        "--targets", type=FILE,
        help="Track table (targets.txt) of a model that carries none; default: the model's own.",
    ),
    click.option(
        "--groups", help="Average predictions over groups of tracks: a file (track, tab, group) or gtex-v8 for tissues."
    ),
    click.option(
        "--genes", type=FILE,
        help="GTF or GFF3: score each gene in reach over its TSS bins; a row per ALT allele and gene.",
    ),
    click.option(
        "--tss-bins", type=click.IntRange(min=1), default=3, show_default=True,
        help="With --genes: bins per transcription start; of an even number one more lies behind it.",
    ),
    click.option(
        "--transcripts",
        help="With --genes: whose starts count. filtered (default: no retained introns, no decay, no unknown starts), "
        "all, canonical, mane, basic; or tags and identifiers, comma-separated, @FILE.",
    ),
    click.option(
        "--gene-types", "types", callback=read_by(read_names),
        help="With --genes: only these, such as protein_coding,lncRNA. Default: all.",
    ),
    _choice(
        "--center", "centre", kind=Centre, default=Centre.VARIANT,
        help="With --genes: windows around the variant, or on each gene's main start (shared by its variants).",
    ),
    _choice(
        "--indels", kind=Indels, default=Indels.LOCAL,
        help="local: both flanks stay in place, the length is made up for 100 bp away; left: the left flank stays in "
        "place; stitch: each side of the indel from the window that keeps it.",
    ),
    click.option(
        "--pseudocount", type=float, default=1, show_default=True,
        help="Added to both predictions in SADR, SAR and LOGD2: 1 shrinks fold changes of weak signal.",
    ),
    click.option("--rc/--no-rc", "reverse_complement", help="Average over both strands."),
    click.option(
        "--shifts", default="0", show_default=True, callback=read_by(read_shifts),
        help="Average over these shifts of the window, in bp: -1,0,1.",
    ),
    click.option(
        "--shrink", is_flag=True,
        help="Move every signed score toward 0 by what its spread over strands and shifts makes of it.",
    ),
    click.option(
        "--share-windows", type=click.IntRange(min=0), default=0, show_default=True,
        help="Score alleles within this many bp in one reference window: faster; adds the column WINDOW_START.",
    ),
    click.option(
        "--window-grid", is_flag=True,
        help="Windows begin at multiples of 128 bp: convolutions are computed once per base, not per variant, which "
        "is faster where variants are dense; adds the column WINDOW_START.",
    ),
    click.option(
        "--phases", default="0", show_default=True, callback=read_by(read_shifts),
        help="With --window-grid: average over grids with these offsets in bp, such as 0,32,64,96.",
    ),
    click.option(
        "--strict", is_flag=True, help="Stop at a REF that differs from the genome instead of writing ref_mismatch."
    ),
    _choice(
        "--precision", kind=Precision, default=Precision.FLOAT32,
        help="Arithmetic of the network; docs/performance.md has the measured error of each.",
    ),
    _choice(
        "--engine", kind=Engine,
        help="delta carries the change through the network; pair subtracts two predictions (slower, plain); adjoint "
        "screens many alleles of one window to first order and scores the largest by delta. "
        "Default: delta where the model's family has it.",
    ),
    click.option(
        "--refine", callback=read_by(read_refinement),
        help="With --engine adjoint: score exactly the largest N or P% of each piece of records by each output, or "
        "auto: 1% and all that are at least half as large. Default: 1%.",
    ),
    click.option(
        "--refine-sample", callback=read_by(read_share),
        help="With --engine adjoint: score exactly also this random share, which measures the others. Default: 1%.",
    ),
)  # fmt: skip

threads_option = click.option(
    "--threads", type=click.IntRange(1, 1024),
    help="Threads that compute on a CPU, of all processes together; changes last digits. "
    "Default: OMP_NUM_THREADS, or the CPUs that this process may use.",
)  # fmt: skip

compute_options = together(
    click.option("--window", type=click.IntRange(1, 4_194_304), help="Window in bp; default: the model's, 196608."),
    click.option(
        "--batch-size", default="auto", show_default=True, callback=read_by(read_batch_size),
        help="auto, or windows at once; halved when memory runs out.",
    ),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1."),
    click.option(
        "--devices", callback=read_by(read_devices),
        help="Share the work among several GPUs of this machine: 0,1,2,3, or all. Same bytes as one.",
    ),
    threads_option,
    click.option(
        "--piece-size", type=click.IntRange(min=1), default=PIECE_SIZE, show_default=True,
        help="Records per piece of work; shards and devices get whole pieces.",
    ),
)  # fmt: skip


def as_request(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hand a command its options as one `request: ScoreRequest`, but for those that are no field of a setting.

    Raises:
        UsageError: On values that contradict each other.
    """

    @functools.wraps(command)
    def gathered(**given: Any) -> Any:
        run = _take(ScoreRequest, given)
        genes = _gene_settings(given, "genes" in run)
        _take_refinement(given)
        is_masked = is_masked_model(run.get("model", ""))
        if is_masked:
            # Asked for, even where it is what another model does anyway.
            refuse([name for name in ("scores", "engine") if given.get(name) is not None])
        asked = {"scores": (Score.SADR if genes else Score.SAD,), **_take(ScoreSettings, given)}
        request = ScoreRequest(
            settings=ScoreSettings(**asked, genes=genes),
            compute=_compute_settings(given),
            output=OutputSettings(**_take(OutputSettings, given)),
            **run,
        )
        return command(request=masked_request(request) if is_masked else request, **given)

    return gathered


def _gene_settings(given: dict[str, Any], wanted: bool) -> GeneSettings | None:
    asked = _take(GeneSettings, given)
    if wanted:
        return GeneSettings(**asked)
    if asked and GeneSettings(**asked) != GeneSettings():
        raise UsageError(
            "--center tss, --gene-types, --transcripts and --tss-bins need an annotation: give one with --genes"
        )
    return None


def _take_refinement(given: dict[str, Any]) -> None:
    refine, sample = given.pop("refine", None), given.pop("refine_sample", None)
    if (refine or sample is not None) and given.get("engine") is not Engine.ADJOINT:
        raise UsageError("--refine and --refine-sample belong to --engine adjoint: add it, or leave them out")
    if refine or sample is not None:
        refinement = refine or Refinement()
        given["refinement"] = refinement if sample is None else replace(refinement, sample=sample)


def _compute_settings(given: dict[str, Any]) -> ComputeSettings:
    compute = ComputeSettings(**_take(ComputeSettings, given))
    if compute.devices and compute.device != "auto":
        raise UsageError("--device and --devices exclude each other: name all devices in --devices")
    return compute


def _take(settings: type, given: dict[str, Any]) -> dict[str, Any]:
    """Take the options named after fields out of those given; what was not asked for keeps its default."""
    values = {field.name: given.pop(field.name) for field in fields(settings) if field.name in given}
    return {name: value for name, value in values.items() if value is not None}
