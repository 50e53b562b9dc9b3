"""Reads what association studies say of a panel's variants: effects and standard errors, or PIPs, locus by locus."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError, UsageError
from enformer_vep.export.bayes_factors import (
    PRIOR_DEVIATION,
    Floats,
    LocusEvidence,
    from_probabilities,
    variance_of_effect,
    wakefield,
)
from enformer_vep.export.panel import Panel, inside, separator_of
from enformer_vep.export.parquet_columns import read_columns
from enformer_vep.genome.regions import Region

logger = logging.getLogger(__name__)

Places = npt.NDArray[np.intp]

ROLES: Mapping[str, tuple[str, ...]] = {
    "beta": ("beta", "effect"),
    "se": ("se", "standard_error", "sebeta"),
    "z": ("z", "zscore"),
    "n": ("n",),
    "freq": ("maf", "freq", "frq", "af", "eaf", "effect_allele_frequency"),
    "pip": ("pip", "variant_pip", "susie_pip", "posterior"),
    "locus": ("locus", "region"),
}
"""What columns are called; lower case. Of several that fit, the one that stands first here is taken."""

_MISSING = frozenset({"", "na", "nan", "none", "."})


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """How a table is read.

    Attributes:
        probabilities: It has PIPs; otherwise effects.
        columns: Pairs of (role, column name) that override `ROLES`.
        loci: Regions; else the column of the locus says which variants belong together.
        prior_deviation: Of effects, in their unit.
    """

    probabilities: bool = False
    columns: tuple[tuple[str, str], ...] = ()
    loci: tuple[Region, ...] = ()
    prior_deviation: float = PRIOR_DEVIATION


def read_evidence(panel: Panel, settings: EvidenceSettings) -> list[LocusEvidence]:
    """Gives the evidence of every locus.

    Variants without a usable number were not studied: they belong to no locus.

    Raises:
        InputError: A column is missing, a cell is no number, or no locus is left.
        UsageError: A role does not exist.
    """
    table = _Columns(panel, settings.columns)
    if settings.probabilities:
        values = table.numbers("pip")
        known = ~np.isnan(values)
        bad = known & ~((values >= 0) & (values <= 1))
        if bad.any():
            raise InputError(
                f"{panel.path}: {values[bad][0]:g} is no probability; name the PIPs with --column pip=NAME"
            )
    else:
        values = _log_factors(table, settings.prior_deviation)
        known = ~np.isnan(values)
    if dropped := int((~known).sum()):
        logger.warning("%d variants of %s have no usable number and belong to no locus", dropped, panel.path)
    loci = [places[known[places]] for places in _loci(panel, table, settings.loci)]
    loci = [places for places in loci if len(places)]
    if not loci:
        raise InputError(f"{panel.path} has no locus with a usable number; correct the loci or the columns")
    if not settings.probabilities:
        return [LocusEvidence(places, values[places]) for places in loci]
    several = sum(values[places].sum() > 1.05 for places in loci)
    if several:
        logger.warning(
            "the PIPs of %d of %d loci add up to more than 1: they count as one causal variant each; "
            "give every credible set a locus of its own to count them all",
            several,
            len(loci),
        )
    return [from_probabilities(places, values[places]) for places in loci]


def _log_factors(table: "_Columns", prior_deviation: float) -> Floats:
    """Log Bayes factors; NaN where there is no usable number."""
    if table.has("se") and (table.has("beta") or table.has("z")):
        error = table.numbers("se")
        error = np.where(error > 0, error, np.nan)
        z = table.numbers("beta") / error if table.has("beta") else table.numbers("z")
        variance = error**2
    elif table.has("z") and table.has("n") and table.has("freq"):
        z, people, frequency = (table.numbers(role) for role in ("z", "n", "freq"))
        usable = (people > 0) & (frequency > 0) & (frequency < 1)
        variance = np.full(len(z), np.nan)
        variance[usable] = variance_of_effect(people[usable], frequency[usable])
    else:
        raise InputError(
            f"{table.path} needs columns beta and se, z and se, or z, n and maf; name others with --column ROLE=NAME"
        )
    factors = wakefield(z, variance, prior_deviation)
    return np.where(np.isfinite(factors), factors, np.nan)


def _loci(panel: Panel, table: "_Columns", regions: Sequence[Region]) -> list[Places]:
    if regions:
        found = [[place for place, one in enumerate(panel.variants) if inside(one, region)] for region in regions]
        return [np.array(places, np.intp) for places in found]
    if not table.has("locus"):
        raise InputError(
            f"{panel.path} does not say which variants belong to one locus: add a column LOCUS, name it with "
            "--column locus=NAME, or give --loci"
        )
    names: dict[str, list[int]] = {}
    for place, name in enumerate(table.texts("locus")):
        if name.lower() not in _MISSING:
            names.setdefault(name, []).append(place)
    return [np.array(places, np.intp) for places in names.values()]


class _Columns:
    """The columns of a panel's table, by role."""

    def __init__(self, panel: Panel, chosen: Sequence[tuple[str, str]]) -> None:
        self.path: Path = panel.path
        self._panel = panel
        self._held = {} if panel.lines else read_columns(panel.path)
        self._header = panel.header.split(separator_of(panel.header)) if panel.lines else list(self._held)
        written = {name.lower(): name for name in reversed(self._header)}
        self._found = {
            role: next(written[name] for name in names if name in written)
            for role, names in ROLES.items()
            if any(name in written for name in names)
        }
        for role, name in chosen:
            if role not in ROLES:
                raise UsageError(f"--column {role}={name}: no such role; choose from {', '.join(ROLES)}")
            if name.lower() not in written:
                raise InputError(f"{self.path} has no column {name}; name one of {', '.join(self._header)}")
            self._found[role] = written[name.lower()]

    def has(self, role: str) -> bool:
        return role in self._found

    def texts(self, role: str) -> list[str]:
        """Cells [variants], as they stand there."""
        name = self._found[role]
        if not self._panel.lines:
            return ["" if cell is None else str(cell) for cell in self._held[name]]
        separator, place = separator_of(self._panel.header), self._header.index(name)
        return [line.split(separator)[place] for line in self._panel.lines]

    def numbers(self, role: str) -> Floats:
        """Cells [variants]; NaN where one is missing."""
        if role not in self._found:
            raise InputError(f"{self.path} has no column {role}; name it with --column {role}=NAME")
        cells = self.texts(role)
        values = np.full(len(cells), np.nan)
        for place, cell in enumerate(cells):
            if cell.strip().lower() in _MISSING:
                continue
            try:
                values[place] = float(cell)
            except ValueError:
                where = f"{self.path}, variant {place + 1}"
                raise InputError(f"{where}: {self._found[role]} {cell!r} is no number; correct it") from None
        return values
