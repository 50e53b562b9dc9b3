"""Whether labels can be divided into folds, said before any forest is grown."""

import logging

import numpy as np
import numpy.typing as npt

from enformer_vep.eqtl.eqtl_settings import FoldSettings, Together
from enformer_vep.eqtl.grouping import Groups, count_split, linked_groups
from enformer_vep.eqtl.labelled_examples import Examples
from enformer_vep.errors import InputError

logger = logging.getLogger(__name__)

OK = "ok"
TOO_FEW_GROUPS = "too_few_groups"


def why_not(positive: npt.NDArray[np.bool_], groups: Groups | None, folds: int) -> str:
    """Why so few examples cannot be divided into folds; "ok" if they can."""
    if positive.sum() < folds:
        return "too_few_positives"
    if (~positive).sum() < folds:
        return "too_few_negatives"
    if groups is not None and len(np.unique(groups)) < folds:
        return TOO_FEW_GROUPS
    return OK


def check_folds(examples: Examples, folds: FoldSettings) -> None:
    """Refuses labels that are too dependent for so many folds, and warns of folds that part what is linked.

    Raises:
        InputError: Some tissue has enough examples in too few groups, and no other can be tested.
    """
    states, few = [], []
    split = parted = 0
    for tissue, rows, groups in examples.grouped(folds):
        positive = examples.positive(rows)
        states.append(why_not(positive, groups, folds.folds))
        if states[-1] == TOO_FEW_GROUPS and groups is not None:
            few.append(_too_few(tissue, len(np.unique(groups)), folds))
        if folds.together is not Together.LINKED and len(rows):
            linked = linked_groups(rows, folds.stretch)
            split += count_split(linked, groups)
            parted += len(np.unique(linked))
    if few and OK not in states:
        raise InputError(few[0])
    for message in few:
        logger.warning("%s", message)
    if split:
        logger.warning(
            "--keep-together %s: folds may part %d of %d groups of examples that share a variant, a gene, a credible "
            "set or a stretch of %s bp; training then knows the test, and even scores of noise can look good: "
            "--keep-together linked prevents it",
            folds.together, split, parted, f"{folds.stretch:,}",
        )  # fmt: skip


def _too_few(tissue: str, groups: int, folds: FoldSettings) -> str:
    linked = f" (linked by a variant, a gene, a credible set or a stretch of {folds.stretch:,} bp)"
    shorter = ", or a shorter --stretch" if folds.together is Together.LINKED else ""
    return (
        f"{tissue}: {groups} group{'' if groups == 1 else 's'} of examples"
        f"{linked if shorter else ''} for {folds.folds} folds; label more loci, or give fewer --folds{shorter}"
    )
