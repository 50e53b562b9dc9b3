"""`enhancers` as a user meets it: rows, reasons, resuming, shards, refusals."""

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from enformer_vep.cli.command_with_subcommands import CommandWithSubcommands
from enformer_vep.explain.pair_scores import PairScorer
from tests.builders import make_fasta, write_text
from tests.cli.conftest import Outcome

Command = Callable[..., Outcome]

# The small model reads 2,048 bp; the contigs have 9,000 and 4,000.
GENES = [("A", 4000, 4600, "+"), ("B", 3000, 4400, "-"), ("C", 7500, 7900, "+"), ("D", 8600, 8700, "-")]
ELEMENTS = """\
chr1\t4500\t4700\tnear_both
chr1\t3300\t3400\tnear_a_too
chr1\t7000\t7100\tnear_c
chr1\t100\t200\tfar
chr1\t8990\t9010\tover_the_end
chr9\t1\t10\tnowhere
chr1\t5050\t5150\tat_the_edge
chr2\t1000\t1010\tin_a_gap
"""


@pytest.fixture
def genome(tmp_path: Path, sequences: dict[str, str]) -> Path:
    chr2 = sequences["chr2"]
    return make_fasta(tmp_path / "gaps.fa", {"chr1": sequences["chr1"], "chr2": f"{chr2[:1005]}NN{chr2[1007:]}"})


@pytest.fixture
def annotation(tmp_path: Path) -> Path:
    lines = (
        f'1\ttest\tgene\t{start}\t{end}\t.\t{strand}\t.\tgene_id "ENS{name}.3"; gene_name "{name}"; gene_type "x";\n'
        for name, start, end, strand in GENES
    )
    return write_text(tmp_path / "genes.gtf", "".join(lines))


@pytest.fixture
def elements(tmp_path: Path) -> Path:
    return write_text(tmp_path / "elements.bed", ELEMENTS)


@pytest.fixture
def enhancers(command: Command, genome: Path, annotation: Path, elements: Path, small_model: Path) -> Command:
    def run(*options: object, wanted: Path = elements) -> Outcome:
        words = ("-f", genome, "--genes", annotation, "-m", small_model, "--device", "cpu", "--within", 1200)
        return command("enhancers", wanted, *words, "--shuffles", 2, "-t", "0,1", *options)

    return run


def test_a_row_for_every_pair(enhancers: Command) -> None:
    outcome = enhancers("--methods", "distance,knockout", "--knock-outs", "n,deletion")
    assert outcome.code == 0, outcome.err
    header, *rows = outcome.table
    assert header == [
        "#CHROM", "START", "END", "NAME", "STATUS", "GENE_ID", "GENE_NAME", "TSS", "DISTANCE", "N_TSS",
        "KNOCKOUT_N_TRACK0", "KNOCKOUT_N_TRACK1", "KNOCKOUT_DELETION_TRACK0", "KNOCKOUT_DELETION_TRACK1",
        "INVERSE_DISTANCE",
    ]  # fmt: skip
    assert [(*row[3:5], *row[6:10]) for row in rows] == [
        ("near_both", "ok", "A", "3999", "601", "1"),
        ("near_a_too", "ok", "A", "3999", "-649", "1"),
        ("at_the_edge", "out_of_reach", "A", "3999", "1101", "1"),
        ("near_both", "ok", "B", "4399", "-201", "1"),
        ("near_a_too", "out_of_reach", "B", "4399", "1049", "1"),
        ("at_the_edge", "ok", "B", "4399", "-701", "1"),
        ("near_c", "ok", "C", "7499", "-449", "1"),
        ("far", "no_gene_in_reach", "NA", "NA", "NA", "NA"),
        ("over_the_end", "outside_contig", "NA", "NA", "NA", "NA"),
        ("nowhere", "unknown_contig", "NA", "NA", "NA", "NA"),
        ("in_a_gap", "gap", "NA", "NA", "NA", "NA"),
    ]
    for row in rows:
        assert (row[4] == "ok") == ("NA" not in row[10:14])
        assert row[14] == "NA" if row[8] == "NA" else float(row[14]) == pytest.approx(1 / abs(int(row[8])))
    assert "5 of 11 pairs scored (not: 1 unknown_contig, 1 outside_contig, 1 no_gene_in_reach" in outcome.err


def test_pairs_from_a_table(enhancers: Command, tmp_path: Path) -> None:
    """As of a CRISPRi screen: nothing that was asked for is lost."""
    lines = ["chrom\tstart\tend\tgene\tgene_id\tregulated", "1\t4500\t4700\tA\tENSA\t1", "1\t100\t200\tA\tENSA\t0",
             "1\t4500\t4700\tOLD\tENS9\t0"]  # fmt: skip
    table = write_text(tmp_path / "pairs.tsv", "".join(f"{line}\n" for line in lines))
    outcome = enhancers("--methods", "knockout", "--knock-outs", "n", wanted=table)
    assert outcome.code == 0, outcome.err
    assert [row[:7] for row in outcome.table[1:]] == [
        ["1", "4500", "4700", ".", "ok", "ENSA.3", "A"],
        ["1", "100", "200", ".", "out_of_reach", "ENSA.3", "A"],
        ["1", "4500", "4700", ".", "gene_without_tss", "ENS9", "OLD"],
    ]


def test_all_methods_and_groups(enhancers: Command, tmp_path: Path) -> None:
    groups = write_text(tmp_path / "groups.tsv", "TRACK0\tBoth\nTRACK1\tBoth\n")
    whole = enhancers("-s", "SAD", "--rc")
    assert whole.code == 0, whole.err
    grouped = enhancers("-s", "SAD", "--rc", "--groups", groups)
    assert grouped.code == 0, grouped.err
    columns = whole.table[0]
    scored = [number for number, row in enumerate(whole.table) if row[4] == "ok"]
    assert {column.rpartition("_")[0] for column in columns[10:]} >= {"KNOCKOUT_SHUFFLE", "GRADIENT_INPUT"}
    for number in scored:
        single = dict(zip(columns, whole.table[number], strict=True))
        mean = dict(zip(grouped.table[0], grouped.table[number], strict=True))
        for name, value in mean.items():
            score, _, label = name.rpartition("_")
            if label == "Both" and score not in ("GRADIENT_NOTEBOOK", "GRADIENT_CALICO"):
                expected = (float(single[f"{score}_TRACK0"]) + float(single[f"{score}_TRACK1"])) / 2
                assert float(value) == pytest.approx(expected, rel=2e-3, abs=1e-5)
        assert mean["ATTENTION"] == single["ATTENTION"]


def test_a_dry_run_counts(enhancers: Command, tmp_path: Path) -> None:
    outcome = enhancers("--dry-run", "-o", tmp_path / "never.tsv")
    assert outcome.code == 0, outcome.err
    assert outcome.out == ""
    assert "5 of 11 pairs can be scored" in outcome.err
    assert "in windows of 3 genes" in outcome.err
    assert not (tmp_path / "never.tsv").exists()


def test_an_interrupted_run_goes_on(enhancers: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enformer_vep.jobs.unit_tables.UNITS_PER_PIECE", 2)
    monkeypatch.setattr("enformer_vep.resume.resumable.CHECKPOINT_SECONDS", 0.0)
    options = ("--methods", "knockout", "--knock-outs", "shuffle")
    assert enhancers(*options, "-o", tmp_path / "whole.tsv.gz").code == 0
    rows, calls = PairScorer.rows, list[object]()

    def stops(self: PairScorer, group: object) -> object:
        calls.append(group)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return rows(self, group)  # type: ignore[arg-type]

    monkeypatch.setattr(PairScorer, "rows", stops)
    assert enhancers(*options, "-o", tmp_path / "parts.tsv.gz").code == 130
    assert not (tmp_path / "parts.tsv.gz").exists()
    other = enhancers(*options, "--seed", 7, "-o", tmp_path / "parts.tsv.gz")
    assert other.code == 1
    assert "seed was 44, is 7" in other.err
    outcome = enhancers(*options, "-o", tmp_path / "parts.tsv.gz")
    assert outcome.code == 0, outcome.err
    assert len(calls) == 5
    assert (tmp_path / "parts.tsv.gz").read_bytes() == (tmp_path / "whole.tsv.gz").read_bytes()


def test_shards_join_to_the_whole(
    enhancers: Command, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enformer_vep.jobs.unit_tables.UNITS_PER_PIECE", 1)
    options = ("--methods", "distance,attention")
    summary = tmp_path / "summary.json"
    assert enhancers(*options, "-o", tmp_path / "whole.tsv.gz", "--summary", summary).code == 0
    assert json.loads(summary.read_text())["by_status"]["ok"] == 5
    for number in (1, 2, 3):
        assert enhancers(*options, "-o", tmp_path / "part{shard}.tsv.gz", "--shard", f"{number}/3").code == 0
    again = enhancers(*options, "-o", tmp_path / "part{shard}.tsv.gz", "--shard", "2/3")
    assert "is complete already" in again.err
    parts = [tmp_path / f"part{number}.tsv.gz" for number in (3, 1, 2)]
    joined = command("merge", *parts, "-o", tmp_path / "joined.tsv.gz")
    assert joined.code == 0, joined.err
    assert (tmp_path / "joined.tsv.gz").read_bytes() == (tmp_path / "whole.tsv.gz").read_bytes()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--methods", "magic"), 2, "'magic' is no method: choose from gradient, attention, knockout, distance"),
        (("--knock-outs", "n,n"), 2, "a value stands twice in --knock-outs n,n"),
        (("-t", "TRACK9"), 2, "TRACK9"),
        (("--organism", "fly"), 1, "no fly head"),
        (("-o", "pairs.parquet"), 2, "written as .tsv or .tsv.gz"),
        (("--shard", "1/2"), 2, "--shard needs -o FILE"),
        (("-s", "D2"), 2, "'D2' is not one of"),
        (("--pseudocount", 2, "-s", "SAD"), 2, "--pseudocount changes SADR"),
    ],
)
def test_refusals_are_one_line(enhancers: Command, options: tuple[object, ...], code: int, message: str) -> None:
    outcome = enhancers(*options)
    assert outcome.code == code
    assert message in outcome.err
    assert outcome.out == ""


def test_an_empty_bed_is_an_error(enhancers: Command, tmp_path: Path) -> None:
    outcome = enhancers(wanted=write_text(tmp_path / "empty.bed", "# no peak\n"))
    assert outcome.code == 1
    assert "has no element; give BED" in outcome.err


def test_an_output_over_an_input_is_refused(enhancers: Command, elements: Path) -> None:
    outcome = enhancers("-o", elements)
    assert outcome.code == 2
    assert elements.read_text() == ELEMENTS


def test_a_command_with_subcommands() -> None:
    """The first word decides; options of the command stay its own."""
    said: list[object] = []

    @click.group(cls=CommandWithSubcommands)
    @click.argument("files", nargs=-1, required=True)
    @click.option("--must", required=True)
    def both(files: tuple[str, ...], must: str) -> None:
        said.append((files, must))

    @both.command()
    @click.argument("table")
    @click.option("--share", default=1)
    def evaluate(table: str, share: int) -> None:
        said.append((table, share))

    group = click.Group(commands={"both": both})
    for words in (["both", "a", "--must", "x", "evaluate"], ["both", "evaluate", "t", "--share", "3"]):
        group.main(words, standalone_mode=False)
    assert said == [(("a", "evaluate"), "x"), ("t", 3)]
    with pytest.raises(click.MissingParameter, match="must"):
        group.main(["both", "a"], standalone_mode=False)
    shown = both.get_help(click.Context(both, info_name="both"))
    assert "--must" in shown
    assert "evaluate" in shown
    assert "COMMAND" not in shown.splitlines()[0]
