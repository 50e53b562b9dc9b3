"""Rows of every kind, for the tests of formats."""

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from enformer_vep.genome.variants import Status, Variant
from enformer_vep.tables.row import WINDOW_START, Layout, ScoredVariant, ValueBlock
from enformer_vep.tables.writers import OpenTable, choose_writer, open_table

SAD = ValueBlock("SAD", ("CNhs1", "x-y"), "sum of differences", ('CAGE:"liver"', "DNASE:K562"))
JS = ValueBlock("JS", ("CNhs1", "x-y"), "divergence", SAD.titles)
LAYOUT = Layout((SAD, JS), (WINDOW_START,), (("model", "toy"), ("scores", "SAD,JS")))
CONTIGS = {"chr1": 1000, "chr2": 500}


def ok(variant: Variant, *values: float, window: int = 1) -> ScoredVariant:
    return ScoredVariant(variant, Status.OK, np.array(values, np.float32), (window,))


ROWS = [
    ok(Variant("chr1", 10, "rs1", "A", "G", 0, 1), 0.1, -2.5, 3e-9, 1e9, window=-5),
    ok(Variant("chr1", 20, "rs2", "C", "T", 1, 1), 1.0, 2.0, 3.0, 4.0),
    ScoredVariant(Variant("chr1", 20, "rs2", "C", "<DEL>", 1, 2), Status.SYMBOLIC_ALLELE, None),
    ok(Variant("chr1", 20, "rs2", "C", "CAA", 1, 3), -0.25, 0.0, 0.5, 7.0),
    ScoredVariant(Variant("chr1", 30, ".", "N", ".", 2, 1), Status.MISSING_ALT, None),
    ok(Variant("chr1", 30, ".", "A", "c", 3, 1), np.nan, np.inf, -np.inf, 0.5),
    ok(Variant("chr2", 5, "rs5;rs6", "ACGT", "A", 4, 1), 5.0, 6.0, 7.0, 8.0),
]


def open_writer(destination: str, layout: Layout, **options: Any) -> AbstractContextManager[OpenTable]:
    """A file of one layout, written in one go."""
    return open_table(destination, choose_writer(destination, layout, **options))
