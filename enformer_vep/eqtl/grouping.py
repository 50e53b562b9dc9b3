"""Which examples of a tissue belong together, so that no fold has one of them in training and one in the test.

What one variant of a locus shows, the next one shows as well: their scores are alike where windows overlap or
alleles are inherited together, and their labels are where one fine-mapping run made them.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.eqtl.eqtl_settings import FoldSettings, Together
from enformer_vep.errors import InputError

Groups = npt.NDArray[np.int64]


def linked_groups(rows: pd.DataFrame, stretch: int) -> Groups:
    """Numbers the connected components of: share a variant, a gene, a credible set, or lie within a stretch.

    Args:
        rows: Columns scored_as (the variant as contig:position:REF:ALT), genes and groups (lists of names).
        stretch: Examples of one contig that lie at most so many bp apart are linked.

    Returns:
        int64 [rows], equal for what is linked, directly or through others.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    known = [_links(kind, rows[kind].tolist()) for kind in ("genes", "groups")]
    stretches = _stretches(rows["scored_as"], stretch)
    links = pd.concat([*known, _links("stretch", [[run] for run in stretches])])
    names = len(rows) + pd.factorize(links)[0]
    size = len(rows) + len(links)
    ends = (links.index.to_numpy(dtype=np.int64), names)
    graph = coo_array((np.ones(len(links), dtype=np.int8), ends), shape=(size, size))
    return _numbered(pd.Series(connected_components(graph, directed=False)[1][: len(rows)]))


def chosen_groups(rows: pd.DataFrame, folds: FoldSettings) -> Groups | None:
    """What the settings keep together; None for nothing.

    Args:
        rows: The examples of one tissue, as for `linked_groups`, with the columns gene and group.
        folds: Says what.

    Returns:
        int64 [rows]; a row without a name is a group of its own.
    """
    if folds.together is Together.NONE:
        return None
    if folds.together is Together.LINKED:
        return linked_groups(rows, folds.stretch)
    if folds.together is Together.VARIANT:
        return _numbered(rows["scored_as"])
    if folds.together is Together.CHROMOSOME:
        return _numbered(_places(rows["scored_as"])["contig"])
    names = rows[folds.together.value]
    return _numbered(names.where(names != "", ";" + rows.index.astype(str)))


def check_names(rows: pd.DataFrame, together: Together) -> None:
    """Makes sure that what is to be kept together has a name.

    Raises:
        InputError: No row has one.
    """
    if together in (Together.GENE, Together.GROUP) and (rows[together.value] == "").all():
        raise InputError(f"the labels have no {together} to keep together; name its column with --column")


def count_split(linked: Groups, groups: Groups | None) -> int:
    """How many linked groups have examples in more than one group, which folds may part."""
    own = np.arange(len(linked)) if groups is None else groups
    return int((pd.Series(own).groupby(linked).nunique() > 1).sum())


def _links(kind: str, names: Sequence[Sequence[object]]) -> pd.Series:
    """One row per example and name, indexed by example; names of different kinds are different."""
    pairs = [(example, f"{kind} {name}") for example, own in enumerate(names) for name in own]
    return pd.Series([name for _, name in pairs], index=[example for example, _ in pairs], dtype=object)


def _places(variants: pd.Series) -> pd.DataFrame:
    """Contig and position of contig:position:REF:ALT."""
    parts = variants.str.rsplit(":", n=3, expand=True)
    return pd.DataFrame({"contig": parts[0], "position": parts[1].astype(np.int64)})


def _stretches(variants: pd.Series, stretch: int) -> npt.NDArray[np.int64]:
    """Numbers the runs of neighbours that are at most `stretch` bp apart."""
    places = _places(variants)
    contigs, positions = _numbered(places["contig"]), places["position"].to_numpy()
    order = np.lexsort((positions, contigs))
    new = (np.diff(contigs[order]) != 0) | (np.diff(positions[order]) > stretch)
    runs = np.empty(len(order), dtype=np.int64)
    runs[order] = np.concatenate([[0], np.cumsum(new)])
    return runs


def _numbered(names: pd.Series) -> Groups:
    return pd.factorize(names)[0].astype(np.int64)
