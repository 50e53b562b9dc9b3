"""Labelled variants with their features, tissue by tissue."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.eqtl.eqtl_settings import EqtlSettings, FeatureSettings, FoldSettings, Together
from enformer_vep.eqtl.features import minor_frequency, signed_log2
from enformer_vep.eqtl.grouping import Groups, check_names, chosen_groups
from enformer_vep.eqtl.label_scores import Matches, find_matches, label_keys
from enformer_vep.eqtl.labels import read_labels, read_lists
from enformer_vep.eqtl.outcomes import Outcome
from enformer_vep.eqtl.score_tables import ScoreTables, open_tables
from enformer_vep.errors import InputError, UsageError

logger = logging.getLogger(__name__)

_USED = (Outcome.POSITIVE.value, Outcome.NEGATIVE.value)


@dataclass(frozen=True, slots=True)
class TissueExamples:
    """The positives and negatives of one tissue, in the order of the labels.

    Attributes:
        tissue: Its name.
        features: float32 [examples, features], signed, for the alleles as the labels have them: swapping REF and ALT
            of a label negates its row.
        positive: bool [examples].
        distance: float64 [examples], signed bp to the gene's TSS; NaN where unknown.
        frequency: float64 [examples], of the rarer allele, 0 to 0.5; NaN where unknown.
        effect: float64 [examples], effect of the ALT allele on expression; NaN where unknown.
        groups: int64 [examples], equal for what a fold must not split; None if nothing.
    """

    tissue: str
    features: npt.NDArray[np.float32]
    positive: npt.NDArray[np.bool_]
    distance: npt.NDArray[np.float64]
    frequency: npt.NDArray[np.float64]
    effect: npt.NDArray[np.float64]
    groups: Groups | None


@dataclass(frozen=True, slots=True)
class Examples:
    """Everything that labels and scores have in common.

    Attributes:
        tracks: Identifiers, in feature order.
        by_gene: Examples are about a variant and a gene.
        values: float32 [keys, features], transformed.
        used: One row per example: tissue, slot (row of values), orientation, scored_as (the score row's variant as
            contig:position:REF:ALT), genes and groups (all that labels of this variant and tissue name), and the
            labels' own columns.
        accounting: One row per label row: file, row, variant, tissue, outcome.
        titles: Descriptions of the tracks, where the score tables have them; else empty.
    """

    tracks: tuple[str, ...]
    by_gene: bool
    values: npt.NDArray[np.float32]
    used: pd.DataFrame
    accounting: pd.DataFrame
    titles: tuple[str, ...] = ()

    @property
    def tissues(self) -> list[str]:
        """All that the labels name, in their order, those without a usable row included."""
        return list(self.accounting["tissue"].unique())

    def positive(self, rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Which of some rows of `used` are positives: bool [rows]."""
        return (rows["outcome"] == Outcome.POSITIVE).to_numpy()

    def grouped(self, folds: FoldSettings) -> Iterator[tuple[str, pd.DataFrame, Groups | None]]:
        """Yields every tissue with its rows of `used` and what of them a fold must not split.

        Raises:
            InputError: The labels have not what is to be kept together.
        """
        check_names(self.used, folds.together)
        for tissue in self.tissues:
            rows = self.used[self.used["tissue"] == tissue]
            yield tissue, rows, chosen_groups(rows, folds) if len(rows) else None

    def by_tissue(self, folds: FoldSettings | None = None) -> Iterator[TissueExamples]:
        """Yields one tissue after the other, each with features of its own; folds say what must not be split.

        Raises:
            InputError: The labels have not what is to be kept together.
        """
        for tissue, rows, groups in self.grouped(folds or FoldSettings(together=Together.NONE)):
            slots, orientation = rows["slot"].to_numpy(), rows["orientation"].to_numpy()
            yield TissueExamples(
                tissue,
                self.values[slots] * orientation[:, None],
                self.positive(rows),
                rows["distance"].to_numpy(),
                minor_frequency(rows["frequency"].to_numpy()),
                rows["effect"].to_numpy(),
                groups,
            )


@dataclass(frozen=True, slots=True)
class EqtlInputs:
    """Where everything is.

    Attributes:
        scores: Tables of `enformer-vep score`.
        labels: Tables with labels or PIPs; or else the two lists.
        positives: Causal variants.
        negatives: Others.
    """

    scores: tuple[Path, ...]
    labels: tuple[Path, ...] = ()
    positives: Path | None = None
    negatives: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what is not one form or the other.

        Raises:
            UsageError: Naming both forms.
        """
        lists = self.positives is not None, self.negatives is not None
        if not self.scores or any(lists) == bool(self.labels) or any(lists) != all(lists):
            raise UsageError("give SCORES, and --labels or both --positives and --negatives")


def load_examples(
    inputs: EqtlInputs, settings: EqtlSettings, advance: Callable[[int], object] = lambda rows: None
) -> Examples:
    """Reads and joins.

    Raises:
        InputError: A table cannot be read, or they have nothing in common.
    """
    tables = open_tables(inputs.scores, settings.features.score)
    if inputs.positives is not None and inputs.negatives is not None:
        labels = read_lists(inputs.positives, inputs.negatives, settings.labels)
    else:
        labels = read_labels(inputs.labels, settings.labels)
    return make_examples(labels, tables, settings.features, advance)


def make_examples(
    labels: pd.DataFrame,
    tables: ScoreTables,
    features: FeatureSettings,
    advance: Callable[[int], object] = lambda rows: None,
) -> Examples:
    """Joins labels, as from `enformer_vep.eqtl.labels`, and scores; changes the labels.

    Of several labels for the same variant in a tissue (several genes, when the scores are not by gene; REF and ALT
    exchanged; an ID beside coordinates) the one with the highest label or PIP counts.

    Raises:
        InputError: Nothing is left to work with.
    """
    own = label_keys(labels, by_gene=tables.by_gene)
    labels["key"] = list(map(str, own))
    labels["same"] = [str(key.either) for key in own]
    _drop_duplicates(labels, "same")
    wanted = labels["outcome"].isin(_USED)
    places = {key: place for place, key in enumerate(dict.fromkeys(compress(own, wanted)))}
    if not places:
        raise InputError(f"no label is usable: {_counts(labels['outcome'])}; check the PIP thresholds")
    matches = find_matches(list(places), tables, advance)
    slots = np.array([places[key] for key in compress(own, wanted)])
    used = _used(labels, labels[wanted].copy(), slots, matches, by_gene=tables.by_gene)
    if used.empty:
        raise InputError(
            f"no labelled variant has scores: {_counts(labels['outcome'])}; check that both are of one assembly"
        )
    signed_log2(matches.values, features.pseudocount)
    accounting = labels.assign(variant=labels["key"])[["file", "row", "variant", "tissue", "outcome"]]
    logger.info("label rows: %s", _counts(accounting["outcome"]))
    _say_if_swapped(used, features)
    return Examples(tables.tracks, tables.by_gene, matches.values, used, accounting, tables.titles)


def _drop_duplicates(labels: pd.DataFrame, key: str) -> pd.Index:
    """Gives all but the strongest row of a tissue and key the outcome; returns their index."""
    order = labels.sort_values("strength", ascending=False, kind="stable", na_position="last")
    repeated = order.index[order.duplicated(["tissue", key])]
    labels.loc[repeated, "outcome"] = Outcome.DUPLICATE.value
    return repeated


def _all_names(labels: pd.DataFrame, used: pd.DataFrame, role: str) -> list[list[str]]:
    """Every name that label rows of the same variant and tissue give it, rows that were left out included."""
    named = labels[labels[role] != ""]
    names: dict[tuple[str, str], dict[str, None]] = {}
    for tissue, variant, name in named[["tissue", "scored_as", role]].itertuples(index=False):
        names.setdefault((tissue, variant), {})[name] = None
    own = used[["tissue", "scored_as"]].itertuples(index=False, name=None)
    return [list(names.get((tissue, variant), ())) for tissue, variant in own]


def _used(
    labels: pd.DataFrame, used: pd.DataFrame, slots: npt.NDArray[np.intp], matches: Matches, *, by_gene: bool
) -> pd.DataFrame:
    reasons = matches.outcomes[slots]
    found = reasons == ""
    labels.loc[used.index[~found], "outcome"] = reasons[~found]
    used["slot"], used["orientation"] = slots, matches.orientation[slots]
    used["distance"] = used["distance"].fillna(pd.Series(matches.distance[slots], index=used.index))
    used["scored_as"] = matches.variants[slots]
    used = used[found].copy()
    labels["scored_as"] = labels["same"].map(used.drop_duplicates("same").set_index("same")["scored_as"])
    used["scored"] = used["scored_as"] + ";" + used["gene"] if by_gene else used["scored_as"]
    repeated = _drop_duplicates(used, "scored")
    labels.loc[repeated, "outcome"] = Outcome.DUPLICATE.value
    used = used.drop(index=repeated)
    for names, role in (("genes", "gene"), ("groups", "group")):
        used[names] = _all_names(labels, used, role)
    return used


def _say_if_swapped(used: pd.DataFrame, features: FeatureSettings) -> None:
    swapped = int((used["orientation"] < 0).sum())
    if swapped:
        what = "the sign of their scores is turned" if features.signed else "their scores are sizes and stay"
        logger.info("%d labels have REF and ALT the other way round than the scores: %s", swapped, what)


def _counts(outcomes: pd.Series) -> str:
    return ", ".join(f"{count} {name}" for name, count in outcomes.value_counts(sort=False).items())
