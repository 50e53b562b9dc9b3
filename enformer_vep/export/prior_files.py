"""Files with prior weights of a locus: SuSiE, FINEMAP; or of all summary statistics: PolyFun.

SuSiE: `susie_rss(z, R, n = n, prior_weights = read.table("locus.tsv", header = TRUE)$prior_weight)`.
FINEMAP: column `prob` of the .z file, with `--prior-snps`. PolyFun: column SNPVAR of the summary statistics,
which finemapper.py scales to sum 1 within each locus.

A variant without a score has the mean prior of the scored variants: of its locus for SuSiE and FINEMAP, which makes
it 1 / variants, what a flat prior gives; of the whole file for PolyFun, whose loci are not known here.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from enformer_vep.errors import InputError, UsageError
from enformer_vep.export.panel import Panel, inside, separator_of
from enformer_vep.export.parquet_columns import add_column
from enformer_vep.export.priors import Floats, normalised
from enformer_vep.files.atomic import complete_or_absent, explained
from enformer_vep.files.bgzf import BgzfEncoder, ByteSink
from enformer_vep.files.writing import open_stream
from enformer_vep.genome.regions import Region
from enformer_vep.tables.formats import BGZF_SUFFIXES, PARQUET_SUFFIXES

PLACEHOLDER = "{locus}"


def write_susie(destination: str, panel: Panel, weights: Floats, loci: Sequence[Region]) -> list[str]:
    """Writes SNP and prior_weight, one row per variant of the locus in the panel's order; they add up to 1.

    Args:
        destination: Name, with {locus} in it when there are several loci; "-" for standard output.
        panel: The variants.
        weights: Relative prior weights [variants]; NaN where there is no score.
        loci: Regions; the whole panel is one locus when empty.

    Returns:
        Names of the files.

    Raises:
        UsageError: Several loci and no {locus} in the name.
        InputError: A locus has no variant.
        OutputError: A file cannot be written.
    """
    names = []
    for name, places in _loci(destination, panel, loci):
        names.append(name)
        ids = [panel.variants[place].id for place in places]
        priors = zip(ids, normalised(weights[places]), strict=True)
        _write_lines(name, ["SNP\tprior_weight", *(f"{one}\t{prior:.9g}" for one, prior in priors)])
    return names


def write_finemap(destination: str, panel: Panel, weights: Floats, loci: Sequence[Region]) -> list[str]:
    """Writes the .z file of each locus with the column `prob`; as `write_susie` otherwise."""
    if not panel.lines:
        raise UsageError("--to finemap adds a column to a .z file: give it as text with --sumstats")
    names = []
    for name, places in _loci(destination, panel, loci):
        names.append(name)
        lines = [panel.lines[place] for place in places]
        _write_lines(name, _with_column(panel, lines, "prob", normalised(weights[places]), " "))
    return names


def _with_column(panel: Panel, lines: Sequence[str], column: str, priors: Floats, between: str) -> Iterator[str]:
    """Header and lines with one more column, or with one of that name replaced."""
    separator = separator_of(panel.header)
    kept = [number for number, name in enumerate(panel.header.split(separator)) if name != column]
    for line, last in zip((panel.header, *lines), (column, *(f"{one:.9g}" for one in priors)), strict=True):
        cells = line.split(separator)
        chosen = [cells[number] for number in kept]
        for cell in chosen:
            # FINEMAP takes single blanks between cells.
            if between == " " and cell.split() != [cell]:
                raise InputError(
                    f"{panel.path}: FINEMAP's .z is split at blanks and cannot hold the cell {cell!r}; "
                    "write NA or one word"
                )
        yield between.join((*chosen, last))


def write_snpvar(destination: str, panel: Panel, weights: Floats) -> list[str]:
    """Writes all summary statistics with the column SNPVAR: text, or Parquet as the input is; see `write_susie`.

    Raises:
        UsageError: The name promises another format than the input's.
        OutputError: It cannot be written.
    """
    is_parquet = not panel.lines
    if is_parquet != destination.endswith(PARQUET_SUFFIXES):
        kind = "Parquet" if is_parquet else "text"
        raise UsageError(f"{destination}: {panel.path} is {kind}, and so is what is made of it; rename the output")
    scaled = normalised(weights)
    if is_parquet:
        with complete_or_absent(destination) as path, explained(destination):
            add_column(panel.path, path, "SNPVAR", scaled.tolist())
        return [destination]
    _write_lines(destination, _with_column(panel, panel.lines, "SNPVAR", scaled, "\t"))
    return [destination]


def _loci(
    destination: str, panel: Panel, loci: Sequence[Region]
) -> list[tuple[str, "np.ndarray[tuple[int], np.dtype[np.intp]]"]]:
    """Name and places of every locus; raises as `write_susie` does."""
    if len(loci) > 1 and PLACEHOLDER not in destination:
        raise UsageError(f"{len(loci)} loci need {PLACEHOLDER} in -o, such as priors.{PLACEHOLDER}.tsv")
    if not loci:
        return [(destination.replace(PLACEHOLDER, "all"), np.arange(len(panel.variants)))]
    found = []
    for locus in loci:
        places = [place for place, one in enumerate(panel.variants) if inside(one, locus)]
        if not places:
            raise InputError(
                f"{panel.path} has no variant in {locus.contig}:{locus.start + 1}-{locus.end}; correct the locus"
            )
        label = f"{locus.contig}_{locus.start + 1}_{locus.end}"
        found.append((destination.replace(PLACEHOLDER, label), np.array(places, np.intp)))
    return found


def _write_lines(destination: str, lines: Iterable[str]) -> None:
    with open_stream(destination) as stream:
        encoder = BgzfEncoder(stream) if Path(destination).suffix in BGZF_SUFFIXES else None
        text: ByteSink = encoder or stream
        for line in lines:
            text.write(line.encode() + b"\n")
        if encoder:
            encoder.finish()
