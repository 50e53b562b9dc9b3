"""`enformer-vep compare`: joins, correlations against scipy, what does not belong together."""

import gzip
import json
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from enformer_vep.compare import joined_values
from enformer_vep.compare.pair_statistics import agreement, disagreement
from enformer_vep.compare.table_comparison import compare_tables
from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.tables.row import GENE_ID, GENE_NAME, N_TSS, TSS_DISTANCE, Layout, ScoredVariant, ValueBlock
from enformer_vep.tables.writers import choose_writer, open_table
from tests.cli.conftest import Outcome, runner

Values = npt.NDArray[np.float32]
Row = tuple[Variant, Values | None]
LETTERS = "ACGT"
GENES = (GENE_ID, GENE_NAME, TSS_DISTANCE, N_TSS)


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    return runner(capfd)


def variants(count: int, seed: int = 0) -> list[Variant]:
    """On two contigs: SNVs, and an insertion now and then."""
    random, found = np.random.default_rng(seed), []
    for number in range(count):
        reference = LETTERS[random.integers(4)]
        name, position = f"chr{1 + number % 2}", 100 + 10 * (number // 2)
        alternate = reference + "A" if number % 7 == 0 else LETTERS[(LETTERS.index(reference) + 1) % 4]
        found.append(Variant(name, position, f"rs{number}", reference, alternate, number))
    return found


def write(path: Path, rows: Iterable[Row], columns: Sequence[str], genes: Callable[[int], str] | None = None) -> Path:
    blocks: dict[str, list[str]] = {}
    for column in columns:
        score, _, label = column.partition("_")
        blocks.setdefault(score, []).append(label)
    layout = Layout(tuple(ValueBlock(score, tuple(labels)) for score, labels in blocks.items()), GENES if genes else ())
    with open_table(str(path), choose_writer(str(path), layout)) as table:
        for number, (variant, values) in enumerate(rows):
            status = Status.TOO_LONG if values is None else Status.OK
            context = (genes(number), "NAME", 5, 1) if genes else ()
            table.write(ScoredVariant(variant, status, values, context))
    return path


def numbers(rows: int, columns: int, seed: int) -> Values:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path, Values, Values]:
    """Two tables of 60 alleles: the second lacks ten, has others, in another order and under other contig names."""
    alleles, columns = variants(60), ("SAD_x", "SAD_y", "D1_x", "D1_y")
    first = numbers(60, 4, 1)
    second = 2 * first + numbers(60, 4, 2)
    first[:, 2:], second[:, 2:] = np.abs(first[:, 2:]), np.abs(second[:, 2:])
    first[::4, 0] = np.round(first[::4, 0])
    second[::5, 0] = 0
    one = write(tmp_path / "a.tsv.gz", zip(alleles, first, strict=True), columns)
    order = np.random.default_rng(3).permutation(60)[:50]
    renamed = [
        Variant(v.contig.removeprefix("chr"), v.position, ".", v.reference.lower(), v.alternate, at)
        for at, v in enumerate(alleles[number] for number in order)
    ]
    foreign = [(Variant("chr9", 5, ".", "A", "C", 60), first[0]), (Variant("chr9", 6, ".", "A", "<DEL>", 61), None)]
    rows = [*zip(renamed, second[order], strict=True), *foreign]
    reordered = [(variant, None if values is None else values[::-1].copy()) for variant, values in rows]
    other = write(tmp_path / "b.tsv", reordered, columns[::-1])
    kept = np.sort(order)
    return one, other, first[kept], second[kept]


def test_agreement_is_scipy_s(pair: tuple[Path, Path, Values, Values], command: Callable[..., Outcome]) -> None:
    one, other, first, second = pair
    outcome = command("compare", one, other)
    assert outcome.code == 0, outcome.err
    header, *rows = outcome.table
    assert header == ["COLUMN_A", "COLUMN_B", "ROWS", "PEARSON", "SPEARMAN", "SAME_SIGN"]
    assert [row[:3] for row in rows] == [[name, name, "50"] for name in ("SAD_x", "SAD_y", "D1_x", "D1_y")]
    for column, row in enumerate(rows):
        x, y = first[:, column], second[:, column]
        assert float(row[3]) == pytest.approx(stats.pearsonr(x.astype(float), y.astype(float))[0], rel=1e-5)
        assert float(row[4]) == pytest.approx(stats.spearmanr(x, y)[0], rel=1e-5)
    signed = (first[:, 0] != 0) & (second[:, 0] != 0)
    assert 0 < signed.sum() < 50
    assert float(rows[0][5]) == pytest.approx(np.mean((first[:, 0] * second[:, 0] > 0)[signed]), rel=1e-5)
    assert [row[5] for row in rows[2:]] == ["NA", "NA"]
    assert "50 rows compared in 4 columns; 10 of 60 (16.7%) only in" in outcome.err
    assert "2 of 52 (3.8%) only in" in outcome.err


def test_numbers_that_are_missing_are_left_out() -> None:
    first, second = numbers(40, 1, 4)[:, 0], numbers(40, 1, 5)[:, 0]
    first[3], second[7], second[9] = np.nan, np.inf, np.nan
    known = np.isfinite(first) & np.isfinite(second)
    found = agreement(first, second)
    assert found.rows == 37
    assert found.pearson == pytest.approx(pd.Series(first[known]).corr(pd.Series(second[known])), rel=1e-6)
    assert found.spearman == pytest.approx(pd.Series(first[known]).corr(pd.Series(second[known]), "spearman"))
    np.testing.assert_array_equal(np.isnan(disagreement(first, second)), ~known)


@pytest.mark.parametrize(("scale", "offset"), [(1e-30, 0), (1e30, 0), (1e-3, 100)])
def test_correlations_of_small_and_large_numbers(scale: float, offset: float) -> None:
    first = (numbers(50, 1, 6)[:, 0] * np.float32(scale) + np.float32(offset)).astype(np.float32)
    second = first + (numbers(50, 1, 7)[:, 0] * np.float32(scale))
    expected = stats.pearsonr(first.astype(float) / scale, second.astype(float) / scale)[0]
    assert agreement(first, second).pearson == pytest.approx(expected, rel=1e-9)


def test_what_has_no_correlation() -> None:
    varied, constant = numbers(20, 1, 8)[:, 0], np.full(20, 0.1, np.float32)
    assert np.isnan(agreement(varied, constant).pearson)
    assert np.isnan(agreement(constant, varied).spearman)
    nothing = agreement(np.full(20, np.nan, np.float32), varied)
    assert nothing.rows == 0
    assert np.isnan([nothing.pearson, nothing.spearman, nothing.same_sign]).all()
    assert np.isnan(agreement(varied, np.zeros(20, np.float32)).same_sign)
    assert agreement(varied, varied).pearson == 1.0
    assert agreement(varied, -varied).spearman == -1.0


def test_the_rows_furthest_apart(
    pair: tuple[Path, Path, Values, Values], command: Callable[..., Outcome], tmp_path: Path
) -> None:
    one, other, first, second = pair
    listed = tmp_path / "apart.tsv.gz"
    outcome = command("compare", one, other, "--disagreements", listed, "--top", 7, "--summary", tmp_path / "s.json")
    assert outcome.code == 0, outcome.err
    table = pd.read_csv(listed, sep="\t")
    apart = first / np.sqrt(np.mean(first.astype(float) ** 2, 0)) - second / np.sqrt(
        np.mean(second.astype(float) ** 2, 0)
    )
    columns = np.array(["SAD_x", "SAD_y", "D1_x", "D1_y"])
    most = np.abs(apart).argmax(axis=1)
    rows = np.argsort(-np.abs(apart).max(axis=1))[:7]
    assert list(table) == [
        "#CHROM", "POS", "ID", "REF", "ALT", "APART", "COLUMN_A", "COLUMN_B", "VALUE_A", "VALUE_B",
    ]  # fmt: skip
    np.testing.assert_allclose(table["APART"], apart[rows, most[rows]], rtol=1e-5)
    assert list(table["COLUMN_A"]) == list(columns[most[rows]]) == list(table["COLUMN_B"])
    np.testing.assert_allclose(table["VALUE_A"], first[rows, most[rows]], rtol=1e-5)
    np.testing.assert_allclose(table["VALUE_B"], second[rows, most[rows]], rtol=1e-5)
    with gzip.open(one, "rt") as handle:
        there = {tuple(line.split("\t")[:5]) for line in handle}
    assert {tuple(map(str, row)) for row in table.iloc[:, :5].itertuples(index=False)} <= there
    summary = json.loads((tmp_path / "s.json").read_text())
    assert (summary["compared_rows"], summary["columns"]) == (50, 4)
    assert summary["b"] == {"table": str(other), "rows": 52, "only": 2}


def test_memory_or_a_temporary_file_make_no_difference(
    pair: tuple[Path, Path, Values, Values], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = compare_tables(str(pair[0]), str(pair[1]))
    monkeypatch.setattr(joined_values, "LARGEST_IN_MEMORY", 0)
    monkeypatch.setattr(joined_values, "_CHUNK_VALUES", 12)
    stored = compare_tables(str(pair[0]), str(pair[1]))
    assert stored.agreements == plain.agreements
    assert stored.disagreements == plain.disagreements
    np.testing.assert_array_equal(stored.values, plain.values)


def test_parquet_is_as_good(pair: tuple[Path, Path, Values, Values], command: Callable[..., Outcome]) -> None:
    one, other, *_ = pair
    moved = one.with_name("a.parquet")
    assert command("export", one, "-o", moved).code == 0
    assert command("compare", moved, other).out == command("compare", one, other).out


def test_pairs_of_different_names(tmp_path: Path, command: Callable[..., Outcome]) -> None:
    alleles, values = variants(30), numbers(30, 4, 9)
    one = write(tmp_path / "a.tsv", zip(alleles, values, strict=True), ("SAD_x", "SAD_y", "JS_x", "JS_y"))
    other = write(tmp_path / "b.tsv", zip(alleles, values[:, [0, 2, 3]], strict=True), ("SAD_z", "JS_z", "LLR"))
    refused = command("compare", one, other)
    assert refused.code == 1
    assert "no column of" in refused.err
    assert "give pairs with --map" in refused.err
    names = tmp_path / "map.tsv"
    names.write_text("# of a, of b\nx\tz\n\nSAD_y\tLLR\n")
    outcome = command("compare", one, other, "--map", names)
    assert [row[:2] for row in outcome.table[1:]] == [["SAD_x", "SAD_z"], ["SAD_y", "LLR"], ["JS_x", "JS_z"]]
    assert [row[3] for row in outcome.table[1::2]] == ["1", "1"]
    only = command("compare", one, other, "--map", names, "-c", "SAD_*")
    assert [row[0] for row in only.table[1:]] == ["SAD_x", "SAD_y"]
    for text, said in {
        "x\n": "line 1: write two names",
        "q\tz\n": "line 1: q is no track and no column of",
        "x\tq\n": "line 1: q is no track and no column of",
        "x\tLLR\n": "line 1: x and LLR have no score in common; name two columns, such as SAD_x",
    }.items():
        names.write_text(text)
        refused = command("compare", one, other, "--map", names)
        assert refused.code == 1
        assert said in refused.err
        assert len(refused.err.splitlines()) == 1


def test_rows_of_genes_are_matched_by_gene(tmp_path: Path, command: Callable[..., Outcome]) -> None:
    alleles = [one for one in variants(20) for _ in range(2)]
    values = numbers(40, 2, 10)
    columns = ("SADR_x", "SADR_y")
    one = write(tmp_path / "a.tsv", zip(alleles, values, strict=True), columns, lambda at: f"G{at % 2}")
    swapped = values.reshape(20, 2, 2)[:, ::-1].reshape(40, 2)
    other = write(tmp_path / "b.tsv", zip(alleles, swapped, strict=True), columns, lambda at: f"G{1 - at % 2}")
    outcome = command("compare", one, other, "--disagreements", tmp_path / "apart.tsv")
    assert [row[2:5] for row in outcome.table[1:]] == [["40", "1", "1"]] * 2
    assert list(pd.read_csv(tmp_path / "apart.tsv", sep="\t"))[5:7] == ["GENE_ID", "GENE_NAME"]
    plain = write(tmp_path / "c.tsv", zip(variants(20), values[::2], strict=True), columns)
    for pair in ((one, plain), (plain, one)):
        refused = command("compare", *pair)
        assert refused.code == 1
        assert f"{one} has a row for each gene and" in refused.err
        assert "score both with --genes, or neither" in refused.err


def test_what_does_not_belong_together_is_one_line(tmp_path: Path) -> None:
    alleles, values, columns = variants(40), numbers(40, 1, 11), ("SAD_x",)
    one = write(tmp_path / "a.tsv", zip(alleles, values, strict=True), columns)
    shifted = [Variant(v.contig, v.position + 1, v.id, v.reference, v.alternate, v.record) for v in alleles]
    elsewhere = write(tmp_path / "shifted.tsv", zip(shifted, values, strict=True), columns)
    rebuilt = write(tmp_path / "rebuilt.tsv", zip(variants(40, seed=5), values, strict=True), columns)
    twice = write(tmp_path / "twice.tsv", [*zip(alleles, values, strict=True), (alleles[3], values[3])], columns)
    unscored = write(tmp_path / "unscored.tsv", ((one, None) for one in alleles), columns)
    for pair, said in {
        (one, elsewhere): "no allele is scored in both",
        (one, unscored): "no allele is scored in both",
        (one, rebuilt): "are of different assemblies: REF differs at ",
        (
            one,
            twice,
        ): f"has scores of chr2:110 {alleles[3].reference}>{alleles[3].alternate} in two rows, the second in",
        (one, tmp_path / "absent.tsv"): "does not exist",
    }.items():
        with pytest.raises(InputError) as error:
            compare_tables(*map(str, pair))
        assert said in str(error.value)
        assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="no column JS_"):
        compare_tables(str(one), str(one), ["JS_*"])


def test_alleles_without_scores_may_stand_there_twice(tmp_path: Path) -> None:
    deletion = Variant("chr1", 5, ".", "A", "<DEL>")
    rows = [*zip(variants(10), numbers(10, 1, 12), strict=True), (deletion, None), (deletion, None)]
    table = str(write(tmp_path / "a.tsv", rows, ("SAD_x",)))
    found = compare_tables(table, table)
    assert (len(found.joined.rows[0]), found.joined.only, found.joined.not_scored) == (10, (0, 0), 2)


def test_a_pipe_is_refused(command: Callable[..., Outcome], tmp_path: Path) -> None:
    table = write(tmp_path / "a.tsv", zip(variants(4), numbers(4, 1, 13), strict=True), ("SAD_x",))
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(table.read_bytes(),))
    writer.start()
    refused = command("compare", tmp_path / "pipe", table)
    writer.join()
    assert refused.code == 2
    assert "several times: write it to a file first" in refused.err


@pytest.mark.parametrize(("rows", "tracks", "name"), [(30, 3, "f.svg"), (5200, 40, "f.png")])
def test_the_figure(tmp_path: Path, command: Callable[..., Outcome], rows: int, tracks: int, name: str) -> None:
    alleles, values = variants(rows), numbers(rows, tracks, 14)
    values[:, -1] = 0
    columns = [f"SAD_{track}" for track in range(tracks)]
    one = write(tmp_path / "a.tsv", zip(alleles, values, strict=True), columns)
    other = write(tmp_path / "b.tsv", zip(alleles, values + numbers(rows, tracks, 15), strict=True), columns)
    outcome = command("compare", one, other, "--figure", tmp_path / name, "-o", tmp_path / "agreement.tsv")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / name).stat().st_size > 10_000
    refused = command("compare", one, other, "--figure", tmp_path / "f.gif")
    assert refused.code == 2
    assert "figures are written as png, svg, pdf" in refused.err


@pytest.mark.parametrize("words", [("-o", "a.tsv.gz"), ("--summary", "./b.tsv"), ("--map", "m.tsv", "-o", "m.tsv")])
def test_an_input_is_not_written_over(
    pair: tuple[Path, Path, Values, Values],
    command: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(pair[0].parent)
    Path("m.tsv").write_text("SAD_x\tSAD_x\n")
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    outcome = command("compare", "a.tsv.gz", "b.tsv", *words)
    assert outcome.code == 2
    assert "is an input of this run" in outcome.err
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before


@pytest.mark.parametrize("options", [("-o", "--summary"), ("--disagreements", "--figure")])
@pytest.mark.parametrize("name", ["x.png", "./x.png"])
def test_two_outputs_of_one_name(
    pair: tuple[Path, Path, Values, Values], command: Callable[..., Outcome], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, str], name: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    outcome = command("compare", *pair[:2], options[0], "x.png", options[1], name)
    assert outcome.code == 2
    assert "two outputs have the same name" in outcome.err
    assert not Path("x.png").exists()
