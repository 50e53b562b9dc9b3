"""Options that several commands share, and what they are turned into."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from enformer_vep.cli.words import (
    parse_batch_size,
    parse_bins,
    parse_devices,
    parse_scores,
    parse_shifts,
    parse_words,
)
from enformer_vep.errors import UsageError
from enformer_vep.settings import (
    PIECE_SIZE,
    Centre,
    ComputeSettings,
    Engine,
    GeneSettings,
    Indels,
    Precision,
    Score,
    ScoreSettings,
)

FILE = click.Path(path_type=Path)
SCORES_HELP = "Comma-separated, or all. Default: SAD; SADR, the log2 fold change, with --genes. " + " ".join(
    f"{score}: {score.description}." for score in Score
)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _together(options: Sequence[Decorator]) -> Decorator:
    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


input_options = _together(
    [
        click.argument("variants"),
        click.option(
            "-f",
            "--fasta",
            type=FILE,
            required=True,
            help="Reference genome, plain or BGZF; .fai is made if missing.",
        ),
        click.option(
            "-m",
            "--model",
            default="enformer",
            show_default=True,
            help="enformer, or a path: see enformer-vep models.",
        ),
        click.option(
            "-r",
            "--region",
            "regions",
            multiple=True,
            help="Only chr22:1000-2000 (1-based); can be repeated.",
        ),
        click.option("-R", "--regions-file", type=FILE, help="Only the regions of this BED file or list."),
    ]
)

scoring_options = _together(
    [
        click.option("-s", "--scores", help=SCORES_HELP),
        click.option(
            "--bins",
            default="all",
            show_default=True,
            help="all, or center:N for the N bins of 128 bp around the variant.",
        ),
        click.option("--organism", default="human", show_default=True, help="Which head: human or mouse."),
        click.option(
            "-t",
            "--tracks",
            help="Comma-separated indices, ranges (0-99), identifiers, assay:CAGE, /regex/, @file. Default: all.",
        ),
        click.option(
            "--targets",
            type=FILE,
            help="Track table (targets.txt) of a model that carries none; default: the model's own.",
        ),
        click.option(
            "--groups",
            help="Average predictions over groups of tracks: a file (track, tab, group) or gtex-v8 for tissues.",
        ),
        click.option(
            "--genes",
            type=FILE,
            help="GTF or GFF3: score each gene in reach over its TSS bins; a row per ALT allele and gene.",
        ),
        click.option(
            "--tss-bins",
            type=click.IntRange(min=1),
            default=3,
            show_default=True,
            help="With --genes: bins per transcription start, the start in the middle one.",
        ),
        click.option(
            "--gene-types", help="With --genes: only these, such as protein_coding,lncRNA. Default: all."
        ),
        click.option(
            "--center",
            type=click.Choice(list(Centre), case_sensitive=False),
            default=Centre.VARIANT,
            show_default=True,
            help="With --genes: windows around the variant, or around each gene's TSS (shared by its variants).",
        ),
        click.option(
            "--indels",
            type=click.Choice(list(Indels), case_sensitive=False),
            default=Indels.LEFT,
            show_default=True,
            help="left: the left flank stays in place; stitch: each side of the indel from the window that keeps it.",
        ),
        click.option("--rc/--no-rc", "reverse_complement", help="Average over both strands."),
        click.option(
            "--shifts",
            default="0",
            show_default=True,
            help="Average over these shifts of the window, in bp: -1,0,1.",
        ),
        click.option(
            "--share-windows",
            type=click.IntRange(min=0),
            default=0,
            show_default=True,
            help="Score alleles within this many bp in one reference window: faster; adds the column WINDOW_START.",
        ),
        click.option(
            "--strict",
            is_flag=True,
            help="Stop at a REF that differs from the genome instead of writing ref_mismatch.",
        ),
        click.option(
            "--precision",
            type=click.Choice(list(Precision), case_sensitive=False),
            default=Precision.FLOAT32,
            show_default=True,
            help="Arithmetic of the network; docs/performance.md has the measured error of each.",
        ),
        click.option(
            "--engine",
            type=click.Choice(list(Engine), case_sensitive=False),
            help="delta carries the change through the network; pair subtracts two predictions (slower, plain). "
            "Default: delta where the model's family has it.",
        ),
    ]
)

compute_options = _together(
    [
        click.option(
            "--window", type=click.IntRange(1, 4_194_304), help="Window in bp; default: the model's, 196608."
        ),
        click.option(
            "--batch-size",
            default="auto",
            show_default=True,
            help="auto, or windows at once; halved when memory runs out.",
        ),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1."),
        click.option(
            "--devices",
            help="Share the work among several GPUs of this machine: 0,1,2,3, or all. Same bytes as one.",
        ),
        click.option(
            "--piece-size",
            type=click.IntRange(min=1),
            default=PIECE_SIZE,
            show_default=True,
            help="Records per piece of work; shards and devices get whole pieces.",
        ),
    ]
)


def request_settings(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sort the options of this module into settings.

    Args:
        options: Of a command with `scoring_options` and `compute_options`, and others.

    Returns:
        `settings`, `compute` and `genes` of a `ScoreRequest`; and the options that were not used.

    Raises:
        UsageError: On values that contradict each other or cannot be read.
    """
    rest = dict(options)
    genes = rest["genes"]
    used = {"settings": _score_settings(rest), "compute": _compute_settings(rest), "genes": genes}
    rest.pop("genes")
    return used, rest


def _score_settings(rest: dict[str, Any]) -> ScoreSettings:
    bins, kinds, centre = rest.pop("tss_bins"), rest.pop("gene_types"), Centre(rest.pop("center"))
    genes = None
    if rest["genes"]:
        genes = GeneSettings(bins, centre, parse_words(kinds, "--gene-types") if kinds is not None else ())
    elif centre is Centre.TSS or kinds is not None:
        raise UsageError("--center tss and --gene-types need an annotation: give one with --genes")
    scores, engine = rest.pop("scores"), rest.pop("engine")
    default = Score.SADR if genes else Score.SAD
    return ScoreSettings(
        scores=(default,) if scores is None else parse_scores(scores),
        centre_bins=parse_bins(rest.pop("bins")),
        shifts=parse_shifts(rest.pop("shifts")),
        precision=Precision(rest.pop("precision")),
        engine=Engine(engine) if engine else None,
        indels=Indels(rest.pop("indels")),
        genes=genes,
        **{
            name: rest.pop(name)
            for name in ("organism", "tracks", "groups", "reverse_complement", "share_windows", "strict")
        },
    )


def _compute_settings(rest: dict[str, Any]) -> ComputeSettings:
    device, devices = rest.pop("device"), rest.pop("devices")
    if devices is not None and device != "auto":
        raise UsageError("--device and --devices exclude each other: name all devices in --devices")
    return ComputeSettings(
        device,
        parse_batch_size(rest.pop("batch_size")),
        rest.pop("window"),
        devices=parse_devices(devices) if devices is not None else (),
        piece_size=rest.pop("piece_size"),
    )
