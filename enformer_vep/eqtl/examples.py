"""Labelled variants with their features, tissue by tissue."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.eqtl.features import signed_log2
from enformer_vep.eqtl.matching import Matches, find_matches, label_keys
from enformer_vep.eqtl.outcomes import Outcome
from enformer_vep.eqtl.score_tables import ScoreTables
from enformer_vep.eqtl.settings import FeatureSettings, Together
from enformer_vep.errors import InputError
from enformer_vep.genome.contigs import contig_key

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
        effect: float64 [examples], effect of the ALT allele on expression; NaN where unknown.
        groups: int64 [examples], equal for what a fold must not split; None if nothing.
    """

    tissue: str
    features: npt.NDArray[np.float32]
    positive: npt.NDArray[np.bool_]
    distance: npt.NDArray[np.float64]
    effect: npt.NDArray[np.float64]
    groups: npt.NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class Examples:
    """Everything that labels and scores have in common.

    Attributes:
        tracks: Identifiers, in feature order.
        by_gene: Examples are about a variant and a gene.
        values: float32 [keys, features], transformed.
        used: One row per example: tissue, slot (row of values), orientation, and the labels' own columns.
        accounting: One row per label row: file, row, variant, tissue, outcome.
    """

    tracks: tuple[str, ...]
    by_gene: bool
    values: npt.NDArray[np.float32]
    used: pd.DataFrame
    accounting: pd.DataFrame

    @property
    def tissues(self) -> list[str]:
        """All that the labels name, in their order, those without a usable row included."""
        return list(self.accounting["tissue"].unique())

    def by_tissue(self, together: Together = Together.NONE) -> Iterator[TissueExamples]:
        """Yields one tissue after the other, each with features of its own.

        Args:
            together: What folds must not split.

        Raises:
            InputError: The labels have not what is to be kept together.
        """
        keys = _group_keys(self.used, together)
        for tissue in self.tissues:
            rows = self.used[self.used["tissue"] == tissue]
            slots, orientation = rows["slot"].to_numpy(), rows["orientation"].to_numpy()
            groups = None if keys is None else pd.factorize(keys[rows.index])[0].astype(np.int64)
            yield TissueExamples(
                tissue,
                self.values[slots] * orientation[:, None],
                (rows["outcome"] == Outcome.POSITIVE).to_numpy(),
                rows["distance"].to_numpy(),
                rows["effect"].to_numpy(),
                groups,
            )


def make_examples(
    labels: pd.DataFrame,
    tables: ScoreTables,
    features: FeatureSettings,
    advance: Callable[[int], object] = lambda rows: None,
) -> Examples:
    """Joins labels and scores.

    Of several labels for the same variant in a tissue (several genes, when the scores are not by gene) the one with
    the highest label or PIP counts.

    Args:
        labels: As from `enformer_vep.eqtl.labels`; changed.
        tables: The scores.
        features: How values are transformed.
        advance: Told how many score rows were read.

    Raises:
        InputError: Nothing is left to work with.
    """
    labels["key"] = label_keys(labels, by_gene=tables.by_gene)
    _drop_duplicates(labels)
    wanted = labels["outcome"].isin(_USED)
    keys = pd.Index(labels.loc[wanted, "key"].unique())
    if keys.empty:
        raise InputError(f"no label is usable: {_counts(labels['outcome'])}; check the PIP thresholds")
    matches = find_matches(keys, tables, advance)
    used = _used(labels, wanted, keys, matches)
    if used.empty:
        raise InputError(
            f"no labelled variant has scores: {_counts(labels['outcome'])}; check that both are of one assembly"
        )
    signed_log2(matches.values, features.pseudocount)
    accounting = labels.assign(variant=labels["key"])[["file", "row", "variant", "tissue", "outcome"]]
    logger.info("label rows: %s", _counts(accounting["outcome"]))
    _say_if_swapped(used, features)
    return Examples(tables.tracks, tables.by_gene, matches.values, used, accounting)


def _drop_duplicates(labels: pd.DataFrame) -> None:
    order = labels.sort_values("strength", ascending=False, kind="stable", na_position="last")
    labels.loc[order.index[order.duplicated(["tissue", "key"])], "outcome"] = Outcome.DUPLICATE.value


def _used(labels: pd.DataFrame, wanted: pd.Series, keys: pd.Index, matches: Matches) -> pd.DataFrame:
    used = labels[wanted].copy()
    slots = keys.get_indexer(pd.Index(used["key"]))
    reasons = matches.outcomes[slots]
    found = reasons == ""
    labels.loc[used.index[~found], "outcome"] = reasons[~found]
    used["slot"], used["orientation"] = slots, matches.orientation[slots]
    used["distance"] = used["distance"].fillna(pd.Series(matches.distance[slots], index=used.index))
    return used[found]


def _say_if_swapped(used: pd.DataFrame, features: FeatureSettings) -> None:
    swapped = int((used["orientation"] < 0).sum())
    if swapped:
        what = "the sign of their scores is turned" if features.signed else "their scores are sizes and stay"
        logger.info("%d labels have REF and ALT the other way round than the scores: %s", swapped, what)


def _group_keys(used: pd.DataFrame, together: Together) -> pd.Series | None:
    if together is Together.AUTO:
        together = Together.GROUP if (used["group"] != "").any() else Together.NONE
        if together is Together.GROUP:
            logger.info("folds keep the labels' groups together (--keep-together none splits them)")
    if together is Together.NONE:
        return None
    if together is Together.CHROMOSOME:
        return used["contig"].map(contig_key)
    if together is Together.VARIANT:
        return used["key"].str.partition(";")[0]
    return _named_groups(used, together)


def _named_groups(used: pd.DataFrame, together: Together) -> pd.Series:
    """A row without a name is a group of its own."""
    names = used[together.value]
    if (names == "").all():
        raise InputError(f"the labels have no {together} to keep together; name its column with --column")
    return names.where(names != "", ";" + used.index.astype(str))


def _counts(outcomes: pd.Series) -> str:
    return ", ".join(f"{count} {name}" for name, count in outcomes.value_counts(sort=False).items())
