"""What the commands of `enformer-vep eqtl` have in common: options of label tables, and writing."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from enformer_vep.cli.options import FILE, together

if TYPE_CHECKING:
    from enformer_vep.eqtl.eqtl_settings import LabelSettings

BGZF_SUFFIXES = (".gz", ".bgz")

table_options = together(
    click.option(
        "-l", "--labels", multiple=True, type=FILE,
        help="Table (tab or comma) with variant, tissue, and pip or label (1, 0); can be repeated.",
    ),
    click.option("--tissue", default="all", show_default=True, help="Name of the tissue, if no column has it."),
    click.option(
        "--positive-pip", type=click.FloatRange(0, 1), default=0.9, show_default=True,
        help="At least this posterior inclusion probability makes a positive.",
    ),
    click.option(
        "--negative-pip", type=click.FloatRange(0, 1), default=0.01, show_default=True,
        help="At most this makes a negative. What lies between is left out, and counted.",
    ),
    click.option(
        "--column", "columns", multiple=True, metavar="ROLE=NAME",
        help="Column of --labels for a role: contig, position, reference, alternate, variant, id, tissue, label, "
        "pip, gene, distance, frequency, effect or group. Usual names are found without it.",
    ),
)  # fmt: skip

label_options = together(
    click.argument("scores", nargs=-1, required=True, type=FILE),
    table_options,
    click.option("--positives", type=FILE, help="Instead: causal variants of one tissue, VCF or table."),
    click.option("--negatives", type=FILE, help="With --positives: the other variants."),
    click.option("-s", "--score", default="SAD", show_default=True, help="The score whose columns are features."),
    click.option(
        "--transform", type=click.Choice(["log2", "none"]), default="log2", show_default=True,
        help="Scale of features: sign(x) log2(1 + |x| / pseudocount), or as they are.",
    ),
    click.option(
        "--pseudocount", type=float, default=1e-6, show_default=True,
        help="Of --transform log2, in units of the score.",
    ),
    click.option("--trees", type=click.IntRange(min=1), default=100, show_default=True, help="Trees per forest."),
    click.option(
        "--max-features", type=click.Choice(["log2", "sqrt", "all"]), default="log2", show_default=True,
        help="How many features a split may choose from.",
    ),
    click.option(
        "--seed", type=click.IntRange(min=0), default=44, show_default=True, help="Fixes folds and forests."
    ),
    click.option(
        "-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True,
        help="Threads that grow trees; results do not depend on it.",
    ),
    click.option("--accounting", type=FILE, help="Write what became of every label row to this table."),
)  # fmt: skip


def label_settings(options: dict[str, Any]) -> "LabelSettings":
    """How the options say that label tables are read."""
    from enformer_vep.eqtl.eqtl_settings import LabelSettings
    from enformer_vep.tables.column_roles import parse_column

    columns = tuple(map(parse_column, options["columns"]))
    return LabelSettings(options["positive_pip"], options["negative_pip"], options["tissue"], columns)


def check_writable(destinations: list[str], *files: Path | None, inputs: Iterable[str | Path | None]) -> None:
    """Raises before anything is computed where a result could not be written, or would replace one of `inputs`."""
    from enformer_vep.files.writing import require_destinations

    require_destinations((*destinations, *files), inputs)


def input_files(options: Mapping[str, object]) -> Iterator[Path]:
    """The paths among the values of options, but for that of --accounting, which is written."""
    for name, value in options.items():
        values = value if isinstance(value, tuple) else (value,)
        yield from (one for one in values if isinstance(one, Path) and name != "accounting")


def write(pieces: Iterable[str | bytes], destination: str) -> None:
    """Writes pieces one after the other, as BGZF where the name says so; "-" is standard output."""
    from enformer_vep.files.bgzf import BgzfEncoder
    from enformer_vep.files.writing import open_stream

    with open_stream(destination) as stream:
        encoder = BgzfEncoder(stream) if destination.endswith(BGZF_SUFFIXES) else None
        for piece in pieces:
            (encoder or stream).write(piece.encode() if isinstance(piece, str) else piece)
        if encoder is not None:
            encoder.finish()
