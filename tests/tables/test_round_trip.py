"""What is written reads back as what went in."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enformer_vep.genome.variants import Status, Variant
from enformer_vep.tables.row import Layout, ScoredVariant, ValueBlock
from tests.tables.rows import open_writer

NAMES = ["SAD_a", "SAD_b"]

# Fields as a VCF can have them: no tab, no line end, not empty.
field = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="\x85"),
    min_size=1,
    max_size=12,
)
allele = st.text("ACGTNacgtn", min_size=1, max_size=12)
variants = st.builds(
    Variant,
    contig=field,
    position=st.integers(0, 2**31),
    id=field,
    reference=allele,
    alternate=allele | field,
)
values = st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=2)


@st.composite
def rows(draw: st.DrawFn) -> ScoredVariant:
    status = draw(st.sampled_from(Status))
    scores = np.array(draw(values), dtype=np.float32) if status is Status.OK else None
    return ScoredVariant(draw(variants), status, scores)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("round_trip")


@pytest.mark.parametrize("name", ["table.tsv", "table.tsv.gz"])
@settings(max_examples=50, deadline=None)
@given(written=st.lists(rows(), max_size=8))
def test_a_table_reads_back_as_it_was(folder: Path, name: str, written: list[ScoredVariant]) -> None:
    with open_writer(str(folder / name), Layout((ValueBlock("SAD", ("a", "b")),))) as writer:
        for row in written:
            writer.write(row)
    read = pd.read_csv(folder / name, sep="\t", dtype=str, keep_default_na=False, quoting=3)
    assert list(read.columns) == ["#CHROM", "POS", "ID", "REF", "ALT", "STATUS", *NAMES]
    assert len(read) == len(written)
    for row, cells in zip(written, read.itertuples(index=False, name=None), strict=True):
        variant = row.variant
        assert Variant(cells[0], int(cells[1]), *cells[2:5]) == variant
        assert cells[5] == row.status
        if row.values is None:
            assert cells[6:] == ("NA", "NA")
        else:
            assert np.array(cells[6:], dtype=np.float32).tobytes() == row.values.tobytes()
