"""What is made of a saturation beside its table: arrays, bigWigs, pictures, motif matches."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from enformer_vep.errors import InputError, UsageError
from enformer_vep.explain.motifs import Hit, Motif, read_meme, scan
from enformer_vep.explain.saturation import Saturation, Saturations, VariantSaturation, gather
from enformer_vep.figures.drawing import figure_format, new_figure, save_figure
from enformer_vep.figures.saturation_map import MOST_BASES, Band, MappedStretch, draw_saturation
from enformer_vep.files.atomic import complete_or_absent, write_complete
from enformer_vep.files.writing import is_stream, require_destinations, require_writable
from enformer_vep.genome.backgrounds import background_name
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.stretches import Stretches
from enformer_vep.settings import SaturationOutputs
from enformer_vep.tables.bigwig import Interval, write_bigwig
from enformer_vep.tables.reader import open_scores

MOST_BIGWIG_COLUMNS = 32
_MATCH_COLUMNS = ("#CHROM", "START", "END", "MOTIF", "NAME", "STRAND", "SCORE", "P_VALUE", "SEQUENCE", "CONTRIBUTION")


def read_table(path: str | Path) -> Saturations:
    """Gather a table of `enformer-vep saturate`; raises InputError when it holds no stretch."""
    table = open_scores(path)
    found = gather(table.rows(), table.layout)
    if not found.stretches:
        raise InputError(f"{path} has no saturated stretch; give a complete table of enformer-vep saturate")
    return found


def check_outputs(
    outputs: SaturationOutputs, table: str, stretches: Stretches | None, inputs: Iterable[str | Path | None]
) -> None:
    """Refuse, before anything is scored, what could not be made of it.

    Args:
        outputs: What is wanted.
        table: Where the scores go, or are.
        stretches: What will be scored; None where it was already.
        inputs: Files that the run reads, beside the table and the motifs.

    Raises:
        EnformerVepError: A destination cannot be written or is an input, motifs cannot be read, matplotlib is not
            installed, or one picture cannot show all.
    """
    if not outputs.are_any:
        return
    if is_stream(table):
        raise UsageError("--npz, --bigwig, --figure and --motif-table are made of the finished table: give -o FILE")
    require_destinations((table, outputs.arrays, outputs.figure, outputs.matches), (*inputs, outputs.motifs))
    if outputs.bigwig is not None:
        require_writable(f"{outputs.bigwig}.bw")
    if outputs.motifs is not None:
        read_meme(outputs.motifs)
    if outputs.figure is not None:
        figure_format(outputs.figure)
        new_figure(1, 1)
        if stretches is not None:
            _check_figure(outputs.figure, stretches)


def _check_figure(figure: Path, stretches: Stretches) -> None:
    alleles = {part.contig for part in stretches.parts if part.carried is not None}
    _require_name(figure, len(alleles or stretches.parts))
    longest = max((part.end - part.start for part in stretches.parts if part.allele is None), default=0)
    if longest > MOST_BASES:
        raise UsageError(f"--figure shows at most {MOST_BASES} bases, and here are {longest}: give shorter regions")


def _require_name(figure: Path, pictures: int) -> None:
    if pictures > 1 and "{name}" not in figure.name:
        raise UsageError(f"--figure {figure}: there are {pictures} pictures; write {{name}} where their names belong")


def write_outputs(table: str, genome: Genome, outputs: SaturationOutputs) -> None:
    """Make what is wanted of a complete table; raises EnformerVepError when that cannot be done."""
    if not outputs.are_any:
        return
    found = read_table(table)
    column = _column(found, outputs.column)
    motifs = () if outputs.motifs is None else read_meme(outputs.motifs)
    if outputs.arrays is not None:
        write_arrays(found, outputs.arrays)
    if outputs.bigwig is not None:
        write_bigwigs(found, genome, outputs.bigwig)
    if outputs.matches is not None:
        lines = list(_match_lines(found, motifs, outputs.threshold, column))
        write_complete(outputs.matches, "".join(lines).encode())
    if outputs.figure is not None:
        _draw_all(found, motifs, outputs, column)


def _column(found: Saturations, name: str | None) -> int:
    columns = found.stretches[0].columns
    if name is not None and name not in columns:
        raise UsageError(f"--column {name}: there are {', '.join(columns[:5])}{', ...' if len(columns) > 5 else ''}")
    return 0 if name is None else columns.index(name)


def write_arrays(found: Saturations, path: Path) -> None:
    """Write a compressed .npz.

    `columns` and `stretches` name columns and stretches; of each stretch there are, after its name and a slash,
    `start` (0-based), `sequence`, `effects` float32 [P, 4, C] and `deletions` float32 [D, C]. Of alleles that are no
    changes of a stretch there are `alleles` (their names) and `allele_effects` float32 [alleles, C].
    """
    nothing = np.full(len(found.stretches[0].columns), np.nan, dtype=np.float32)
    arrays: dict[str, np.ndarray] = {
        "columns": np.array(found.stretches[0].columns),
        "stretches": np.array([one.name for one in found.stretches]),
        "alleles": np.array([background_name(row.variant) for row in found.alleles], dtype=str),
        "allele_effects": np.array(
            [nothing if row.values is None else row.values for row in found.alleles], dtype=np.float32
        ).reshape(-1, len(nothing)),
    }
    for one in found.stretches:
        arrays |= {
            f"{one.name}/start": np.array(one.start),
            f"{one.name}/sequence": np.array(one.sequence),
            f"{one.name}/effects": one.effects,
            f"{one.name}/deletions": one.deletions,
        }
    with complete_or_absent(path) as temporary, temporary.open("wb") as handle:
        np.savez_compressed(handle, allow_pickle=False, **arrays)


def write_bigwigs(found: Saturations, genome: Genome, prefix: str) -> None:
    """Write for each column PREFIX.COLUMN.min.bw and .max.bw (over substitutions) and .mean.bw (contributions).

    Stretches that carry an ALT allele have no place on the genome and are left out.

    Raises:
        UsageError: There are too many columns, or stretches overlap.
        EnformerVepError: As `write_bigwig`.
    """
    order = {name: number for number, name in enumerate(genome.contigs)}
    named = [(genome.resolve(one.contig) or one.contig, one) for one in found.without_alleles()]
    stretches = sorted(named, key=lambda pair: (order.get(pair[0], len(order)), pair[1].start))
    for (left, before), (right, after) in itertools.pairwise(stretches):
        if left == right and after.start < before.end:
            raise UsageError(f"--bigwig has one value for each base, and {before.name} and {after.name} overlap")
    columns = found.stretches[0].columns
    if len(columns) > MOST_BIGWIG_COLUMNS:
        raise UsageError(
            f"--bigwig would write three files for each of {len(columns)} columns: name at most "
            f"{MOST_BIGWIG_COLUMNS} tracks with --tracks, or average them with --groups"
        )
    for number, column in enumerate(columns):
        for kind, values in (("min", "lowest"), ("max", "highest"), ("mean", "contributions")):
            path = Path(f"{prefix}.{column}.{kind}.bw")
            write_bigwig(path, genome.contigs, _intervals(stretches, values, number))


def _intervals(stretches: Sequence[tuple[str, Saturation]], values: str, column: int) -> Iterator[Interval]:
    for contig, one in stretches:
        for index, value in enumerate(getattr(one, values)[:, column].tolist()):
            yield contig, one.start + index, one.start + index + 1, value


def _match_lines(found: Saturations, motifs: Sequence[Motif], threshold: float, column: int) -> Iterator[str]:
    yield "\t".join(_MATCH_COLUMNS) + "\n"
    for one in found.stretches:
        contributions = one.contributions[:, column]
        for hit in scan(one.sequence, motifs, threshold):
            cells = (
                one.contig,
                one.start + hit.start,
                one.start + hit.end,
                hit.motif,
                hit.alternative or ".",
                hit.strand,
                f"{hit.score:.4g}",
                f"{hit.p_value:.3g}",
                one.sequence[hit.start : hit.end],
                f"{contributions[hit.start : hit.end].mean():.5g}",
            )
            yield "\t".join(map(str, cells)) + "\n"


def _draw_all(found: Saturations, motifs: Sequence[Motif], outputs: SaturationOutputs, column: int) -> None:
    assert outputs.figure is not None
    pairs = list(found.pairs())
    pictures = [(background_name(pair.variant), _sides(pair)) for pair in pairs] or [
        (one.name.replace(":", "_"), [(one.name, one, None)]) for one in found.stretches
    ]
    _require_name(outputs.figure, len(pictures))
    label = f"{found.stretches[0].columns[column]}, minus the mean of the four bases"
    for name, sides in pictures:
        mapped = [
            map_stretch(one, column, title, scan(one.sequence, motifs, outputs.threshold), marked)
            for title, one, marked in sides
        ]
        path = outputs.figure.with_name(outputs.figure.name.replace("{name}", name))
        save_figure(draw_saturation(mapped, label), path)


def _sides(pair: VariantSaturation) -> list[tuple[str, Saturation, tuple[int, int] | None]]:
    """Titles, stretches and framed bases of both backgrounds."""
    variant, offset = pair.variant, pair.variant.start - pair.reference.start
    place = f"{variant.contig}:{variant.position:,}"
    sides = (("REF", variant.reference, pair.reference), ("ALT", variant.alternate, pair.alternate))
    return [
        (f"{kind} {_shortened(allele)} at {place}", one, (offset, offset + len(allele))) for kind, allele, one in sides
    ]


def _shortened(allele: str) -> str:
    return allele if len(allele) <= 12 else f"{allele[:9]}... ({len(allele)} bp)"


def map_stretch(
    one: Saturation,
    column: int,
    title: str | None = None,
    hits: Sequence[Hit] = (),
    marked: tuple[int, int] | None = None,
) -> MappedStretch:
    """Make one column of a saturation ready to be drawn.

    Args:
        one: The saturation.
        column: Which of its columns.
        title: What stands above it; None for its name.
        hits: Motifs in it.
        marked: Bases that are framed, 0-based in the stretch.
    """
    bands = [Band(hit.start, hit.end, f"{hit.label} {hit.strand}") for hit in hits]
    return MappedStretch(
        one.name if title is None else title,
        one.start + 1,
        one.sequence,
        one.centred[:, :, column],
        one.contributions[:, column],
        bands,
        marked,
    )
