"""Tables come back as they were written, whole or in part."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from enformer_vep.calibration import Addition
from enformer_vep.errors import InputError, UsageError
from enformer_vep.export.exporter import ExportRequest, export
from enformer_vep.export.recipe import (
    Combine,
    comparable_columns,
    is_quantile,
    is_signed,
    make_recipe,
    select_columns,
)
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.scoring.scores import compute_scores
from enformer_vep.settings import Score
from enformer_vep.tables.reader import layout_of, open_scores
from enformer_vep.tables.row import GENE_ID, GENE_NAME, N_TSS, TSS_DISTANCE, Layout, ScoredVariant, ValueBlock
from tests.tables.rows import LAYOUT, ROWS, SAD, open_writer

NAMES = ["scores.tsv", "scores.tsv.gz", "scores.parquet"]
GENES = Layout((SAD,), (GENE_ID, GENE_NAME, TSS_DISTANCE, N_TSS))


def write(path: Path, layout: Layout = LAYOUT, rows: list[ScoredVariant] = ROWS) -> str:
    with open_writer(str(path), layout) as writer:
        for row in rows:
            writer.write(row)
    return str(path)


def gene_rows() -> list[ScoredVariant]:
    first, second = Variant("1", 5, ".", "A", "C"), Variant("1", 5, ".", "A", "C", 1)
    return [
        ScoredVariant(first, Status.OK, np.float32([1, -2]), ("ENSG1", "G 1", -7, 1)),
        ScoredVariant(first, Status.OK, np.float32([3, 4]), ("ENSG2", "NA?", 5, 12)),
        ScoredVariant(Variant("1", 6, ".", "A", "C"), Status.NO_GENE, None),
        ScoredVariant(second, Status.OK, np.float32([5, 6]), ("ENSG1", "G 1", -7, 1)),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_rows_come_back(tmp_path, name):
    table = open_scores(write(tmp_path / name))
    assert table.layout.columns == LAYOUT.columns
    rows = list(table.rows())
    for number, (row, written) in enumerate(zip(rows, ROWS, strict=True)):
        one = written.variant
        assert row.variant == Variant(one.contig, one.position, one.id, one.reference, one.alternate, number)
        assert (row.status, row.context or (None,)) == (written.status, written.context or (None,))
        if written.values is None:
            assert row.values is None
        else:
            np.testing.assert_array_equal(row.values, written.values)
    assert [row.variant for row in table.rows()] == [row.variant for row in rows]


def test_parquet_keeps_descriptions_and_notes(tmp_path):
    assert open_scores(write(tmp_path / "scores.parquet")).layout == LAYOUT


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_an_allele_and_its_genes_share_it(tmp_path, name):
    rows = list(open_scores(write(tmp_path / name, GENES, gene_rows())).rows())
    assert rows[0].variant is rows[1].variant
    assert [row.variant.record for row in rows] == [0, 0, 1, 2]
    assert [row.context for row in rows[:2]] == [("ENSG1", "G 1", -7, 1), ("ENSG2", "NA?", 5, 12)]


@pytest.mark.parametrize("name", NAMES)
def test_some_columns(tmp_path, name):
    table = open_scores(write(tmp_path / name)).only(["JS_*", "SAD_x-y"])
    assert table.layout.values == ("SAD_x-y", "JS_CNhs1", "JS_x-y")
    np.testing.assert_array_equal(next(table.rows()).values, ROWS[0].values[1:])


@pytest.mark.parametrize("name", ["copy.tsv", "copy.tsv.gz", "copy.parquet", "copy.bed", "copy.h5"])
@pytest.mark.parametrize("source", NAMES)
def test_an_export_is_what_score_writes(tmp_path, source, name):
    export(ExportRequest(write(tmp_path / source), str(tmp_path / name)))
    layout = open_scores(str(tmp_path / source)).layout
    write(tmp_path / f"direct-{name}", layout)
    assert (tmp_path / name).read_bytes() == (tmp_path / f"direct-{name}").read_bytes()


def test_standard_input(tmp_path):
    path = write(tmp_path / "scores.tsv.gz")
    words = [sys.executable, "-m", "enformer_vep", "export", "-", "-o", "-", "--to", "vcf"]
    with Path(path).open("rb") as table:
        done = subprocess.run(words, stdin=table, capture_output=True, check=True)
    assert sum(not line.startswith(b"#") for line in done.stdout.splitlines()) == len(ROWS)


def text_of(path: Path) -> list[str]:
    return write(path) and path.read_text().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: [], "is empty"),
        (lambda lines: ["a\tb\n"], "does not begin with the columns #CHROM"),
        (lambda lines: [lines[0].replace("SAD_CNhs1", "SAD")], "has SAD; give a table"),
        (lambda lines: [lines[0].replace("JS_x-y", "SAD_z")], "columns of one score apart"),
        (lambda lines: [lines[0].replace("JS_x-y", "SAD_CNhs1")], "has two columns SAD_CNhs1"),
        (lambda lines: [*lines[:2], lines[2].replace("ok", "fine")], "line 3: cannot be understood"),
        (lambda lines: [lines[0], lines[1][:-5] + "x\n"], "line 2: cannot be understood"),
        (lambda lines: [lines[0], lines[1].rpartition("\t")[0] + "\n"], "line 2: cannot be understood"),
        (lambda lines: [lines[0], lines[1].rstrip("\n") + "\t1\n"], "line 2: cannot be understood"),
    ],
)
def test_bad_tables_are_one_line(tmp_path, change, words):
    path = tmp_path / "scores.tsv"
    path.write_text("".join(change(text_of(path))))
    with pytest.raises(InputError, match=words):
        list(open_scores(str(path)).rows())


def test_cut_and_missing_tables(tmp_path):
    path = tmp_path / "scores.tsv.gz"
    write(path)
    content = path.read_bytes()
    damaged = content[:40] + b"\xff" * 30 + content[70:]
    for cut in (content[:-28], content[: len(content) // 2], damaged):
        path.write_bytes(cut)
        with pytest.raises(InputError, match=str(path)):
            list(open_scores(str(path)).rows())
    path.write_bytes(gzip.compress(b"\xff\xfe\n"))
    for name in (path, tmp_path / "none.tsv", tmp_path / "none.parquet"):
        with pytest.raises(InputError, match=name.name):
            open_scores(str(name))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        open_scores(str(tmp_path / "bad.parquet"))


def test_probabilities_may_be_missing(tmp_path):
    path = tmp_path / "p.tsv"
    path.write_text("#CHROM\tPOS\tID\tREF\tALT\tSTATUS\tP_Liver\tP_Lung\n1\t5\t.\tA\tC\tok\tNA\t0.5\n")
    np.testing.assert_array_equal(next(open_scores(str(path)).rows()).values, [np.nan, 0.5])


def test_blocks_by_the_word_before_the_first_underscore():
    names = ["#CHROM", "POS", "ID", "REF", "ALT", "STATUS", "SAD_a", "SAD_b_c", "SADQ_a", "SADPC_1"]
    layout = layout_of(names, "x")
    assert [(block.score, block.labels) for block in layout.blocks] == [
        ("SAD", ("a", "b_c")),
        ("SADQ", ("a",)),
        ("SADPC", ("1",)),
    ]
    assert list(layout.values) == names[6:]


VALUES = np.float32([-3, 1, np.nan, 2])


@pytest.mark.parametrize(
    ("combine", "signed", "expected"),
    [
        (Combine.NONE, False, [3, 1, np.nan, 2]),
        (Combine.NONE, True, [-3, 1, np.nan, 2]),
        (Combine.MAX, False, [3]),
        (Combine.MAX, True, [-3]),
        (Combine.MEAN, False, [2]),
        (Combine.MEAN, True, [0]),
    ],
)
def test_what_is_made_of_values(combine, signed, expected):
    layout = Layout((ValueBlock("SAD", ("a", "b", "c", "d")),))
    recipe = make_recipe(layout, (), combine, signed=signed)
    np.testing.assert_array_equal(recipe.apply(VALUES), np.float32(expected))
    assert recipe.names == (layout.values if combine is Combine.NONE else (f"SAD_{combine}",))
    # An infinite value is no value, and certainly no small one.
    nothing = recipe.apply(np.float32([np.inf, np.nan, -np.inf, np.nan]))
    assert len(nothing) == len(expected)
    assert np.isnan(nothing).all()


def test_what_is_signed_by_the_names_of_scores_and_additions():
    """Signed: what exchanging REF and ALT negates. The formulas of DESIGN say which scores those are."""
    delta = np.random.default_rng(0).normal(size=(1, 6, 1)) / 10
    reference = np.ones((1, 6, 1))
    there = compute_scores(torch.tensor(reference), torch.tensor(delta), list(Score))
    back = compute_scores(torch.tensor(reference + delta), torch.tensor(-delta), list(Score))
    for score, one, other in zip(Score, there.ravel().tolist(), back.ravel().tolist(), strict=True):
        signed = bool(np.isclose(one, -other))
        for suffix in ("", *(addition.suffix for addition in Addition)):
            assert is_signed(f"{score}{suffix}") is signed
        assert not is_signed(f"{score}SD")
        assert not is_signed(f"{score}AGREE")
        assert is_quantile(f"{score}Q")
        assert not is_quantile(score)
    assert {score for score in Score if score.in_track_units} == {
        "SAD",
        "MEAN",
        "SAX",
        "D1",
        "D2",
        "REF",
        "ALT",
    }
    assert not is_signed("P")


def calibrated(titles: tuple[str, ...] = ()) -> Layout:
    blocks = [ValueBlock(score, ("a", "b"), "", titles) for score in ("SAD", "D1", "SADQ", "D1Q", "SADZ", "D1Z")]
    return Layout(tuple(blocks))


def test_quantiles_and_z_scores_keep_their_sign(tmp_path):
    values = np.float32([1, -2, 3, 4, 0.5, -0.75, 0.25, 0.5, 2, -3, -1, 1])
    rows = [ScoredVariant(Variant("1", 5, ".", "A", "C"), Status.OK, values)]
    path = write(tmp_path / "t.tsv", calibrated(), rows)
    (tmp_path / "x.bim").write_text("1 n1 0 5 A C\n")
    bims = (tmp_path / "x.bim",)

    def run(tool: str, *columns: str, combine: Combine | None = None) -> list[float]:
        (name,) = export(ExportRequest(path, str(tmp_path / "e"), tool, columns, combine, bims=bims))
        line = gzip.decompress(Path(name).read_bytes()).decode().splitlines()[1]
        return [float(cell) for cell in line.split("\t")[6 if tool == "sldp" else 4 :]]

    assert run("sldp", "SADQ_*", "SADZ_*") == [-0.5, 0.75, -2, 3]
    assert run("sldp", "SADQ_*", combine=Combine.MAX) == [0.75]
    assert run("ldsc", "SADQ_*", "D1Q_*") == [0.5, 0.75, 0.25, 0.5]
    for column in ("D1Q_*", "D1Z_*", "D1_*"):
        with pytest.raises(UsageError, match="has no sign to keep"):
            run("sldp", column)
    with pytest.raises(UsageError, match=r"D1Z is below 0 .* choose columns of D1 or D1Q"):
        run("ldsc", "D1Z_*")
    # Columns in units of their tracks are combined by their quantiles.
    assert run("sldp", "SAD_*", combine=Combine.MAX) == [0.75]
    assert run("ldsc", "D1_*", combine=Combine.MEAN) == [0.375]
    assert run("sldp", "SADZ_*", combine=Combine.MAX) == [3]
    assert run("ldsc", "SAD_a", combine=Combine.MAX) == [1]


def test_units_are_not_mixed_unknowingly(caplog):
    def combined(score: str, titles: tuple[str, ...] = ()) -> tuple[int, ...]:
        caplog.clear()
        return comparable_columns(Layout((ValueBlock(score, ("a", "b"), "", titles),)), (0, 1))

    assert combined("SADR", ("CAGE:x", "DNASE:y")) == (0, 1)
    assert combined("SAD", ("CAGE:x", "CAGE:y")) == (0, 1)
    assert not caplog.text
    assert combined("SAD") == (0, 1)
    assert "SAD of 2 tracks are combined as they are" in caplog.text
    assert combined("D1", ("CAGE:x", "mean of 3 tracks")) == (0, 1)
    assert "D1 of 2 tracks are combined as they are" in caplog.text
    with pytest.raises(UsageError, match=r"SAD of CAGE, DNASE are in different units .* score with --calibration"):
        combined("SAD", ("CAGE:x", "DNASE:y"))
    # With some of the quantiles only, as with none.
    partly = Layout((ValueBlock("SAD", ("a", "b")), ValueBlock("SADQ", ("a",))))
    assert comparable_columns(partly, (0, 1)) == (0, 1)
    assert comparable_columns(calibrated(("CAGE:x", "DNASE:y")), (0, 1)) == (4, 5)


def test_damaged_parquet_is_one_line(tmp_path):
    path = tmp_path / "scores.parquet"
    whole = pq.read_table(write(path))
    for change in (
        whole.set_column(5, "STATUS", pa.array(["fine"] * len(whole))),
        whole.set_column(0, "CHROM", pa.array([None] * len(whole), pa.string())),
        whole.set_column(whole.num_columns - 1, "JS_x-y", pa.array(["x"] * len(whole))),
        whole.replace_schema_metadata({"enformer_vep": "{"}),
        whole.replace_schema_metadata({"enformer_vep": "[]"}),
    ):
        pq.write_table(change, path)
        with pytest.raises(InputError, match=str(path)):
            list(open_scores(str(path)).rows())


def test_columns_that_do_not_fit():
    layout = Layout((ValueBlock("SAD", ("a", "b")), ValueBlock("D1", ("a",))))
    with pytest.raises(UsageError, match="no column JS_"):
        select_columns(layout, ["JS_*"])
    with pytest.raises(UsageError, match="D1 has no sign"):
        make_recipe(layout, (), signed=True)
    with pytest.raises(UsageError, match="columns of SAD, D1 cannot be combined"):
        make_recipe(layout, (), Combine.MAX)
