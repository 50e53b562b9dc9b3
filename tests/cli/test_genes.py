"""`score` with genes, groups and stitched indels, and `calibrate`, as a user meets them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.builders import make_fasta, make_vcf
from tests.cli.conftest import CONTIGS, Outcome

Command = Callable[..., Outcome]

# The small model reads 2,048 bp: genes A and B lie near the variants at 4,000 to 4,200, C near no variant.
GENES = [("A", 3900, 4600, "+"), ("B", 3000, 4150, "-"), ("C", 7500, 7900, "+")]


@pytest.fixture
def annotation(tmp_path: Path) -> Path:
    path = tmp_path / "genes.gtf"
    lines = (
        f'1\ttest\tgene\t{start}\t{end}\t.\t{strand}\t.\tgene_id "ENS{name}"; gene_name "{name}"; gene_type "x";'
        for name, start, end, strand in GENES
    )
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.fixture
def score(command: Command, vcf: Path, fasta: Path, small_model: Path) -> Command:
    def run(*options: object, name: str = "score", variants: Path = vcf) -> Outcome:
        return command(name, variants, "-f", fasta, "-m", small_model, "--device", "cpu", *options)

    return run


def values(outcome: Outcome, first: int = 6) -> npt.NDArray[np.float64]:
    return np.array([[float(cell) for cell in row[first:]] for row in outcome.table[1:] if row[5] == "ok"])


def values_of_snvs(outcome: Outcome) -> npt.NDArray[np.float64]:
    """Of a calibrated table, without its column CLASS."""
    return np.array([[float(cell) for cell in row[7:]] for row in outcome.table[1:] if row[6] == "snv"])


def test_a_row_for_each_allele_and_gene(score: Command, annotation: Path) -> None:
    outcome = score("--genes", annotation, "-t", "0")
    assert outcome.code == 0, outcome.err
    header, *rows = outcome.table
    assert header[5:] == ["STATUS", "GENE_ID", "GENE_NAME", "TSS_DISTANCE", "N_TSS", "SADR_TRACK0"]
    assert [(row[2], row[5], row[7], row[8]) for row in rows] == [
        ("near_start", "no_gene_in_reach", "NA", "NA"),
        ("two_alleles", "ok", "A", "100"),
        ("two_alleles", "ok", "B", "150"),
        ("two_alleles", "ok", "A", "100"),
        ("two_alleles", "ok", "B", "150"),
        ("insertion", "ok", "A", "200"),
        ("insertion", "ok", "B", "50"),
        ("deletion", "ok", "A", "300"),
        ("deletion", "ok", "B", "-50"),
        ("symbolic", "symbolic_allele", "NA", "NA"),
        ("near_end", "no_gene_in_reach", "NA", "NA"),
    ]
    assert "4 of 7 alleles scored (not: 1 symbolic_allele, 2 no_gene_in_reach)" in outcome.err


def test_gene_scores_are_scores_of_their_bins(score: Command, annotation: Path) -> None:
    """The one bin of gene A is one of those of the whole window, whose profile D1 bounds."""
    one = values(score("--genes", annotation, "--tss-bins", 1, "-s", "D1"), 10)
    three = values(score("--genes", annotation, "--tss-bins", 3, "-s", "D1"), 10)
    whole = values(score("-s", "D1"))[1:5].repeat(2, axis=0)
    assert (one <= three).all()
    assert (three <= whole * (1 + 1e-5)).all()


def test_windows_on_the_tss_give_similar_rows(score: Command, annotation: Path) -> None:
    around, centred = (score("--genes", annotation, "--center", kind) for kind in ("variant", "tss"))
    # A window on the TSS reaches further: half a window, not half of what is predicted.
    cells = [row[:9] for row in centred.table if row[5] == "ok"]
    assert [row[:9] for row in around.table if row[5] == "ok"] == [
        row for row in cells if row[2] in ("two_alleles", "insertion", "deletion")
    ]


def test_devices_and_shards_give_the_same_bytes(score: Command, annotation: Path, tmp_path: Path) -> None:
    options = ("--genes", annotation, "--center", "tss", "--indels", "stitch", "--piece-size", 2)
    expected = score(*options).out
    assert score(*options, "--devices", "cpu,cpu").code == 2, "--device is given as well"
    for number in (1, 2):
        assert score(*options, "--shard", f"{number}/2", "-o", tmp_path / f"{number}.tsv").code == 0
    joined = (tmp_path / "1.tsv").read_text() + (tmp_path / "2.tsv").read_text().partition("\n")[2]
    assert joined == expected


def test_stitching_changes_indels_only(score: Command) -> None:
    plain, stitched = values(score()), values(score("--indels", "stitch"))
    changed = (plain != stitched).any(axis=1)
    assert changed.tolist() == [False, False, False, True, True, False]


def test_groups_are_columns(score: Command, tmp_path: Path) -> None:
    (tmp_path / "groups.tsv").write_text("track\tgroup\nTRACK0\tboth\n1\tboth\nTRACK2\tone\n")
    outcome = score("--groups", tmp_path / "groups.tsv")
    assert outcome.table[0][6:] == ["SAD_both", "SAD_one"]
    single = values(score("-t", "0,1,2"))
    expected = np.stack([single[:, :2].mean(axis=1), single[:, 2]], axis=1)
    np.testing.assert_allclose(values(outcome), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--transcripts", "all"), "give one with --genes"),
        (("--center", "tss"), "give one with --genes"),
        (("--gene-types", "lncRNA"), "give one with --genes"),
        (("--genes", "nowhere.gtf"), "nowhere.gtf"),
        (("--groups", "nowhere.tsv"), "nowhere.tsv"),
        (("--add", "quantile"), "give one with --calibration"),
        (("--calibration", "nowhere.safetensors"), "nowhere.safetensors"),
    ],
)
def test_what_is_missing_is_said(score: Command, options: tuple[str, ...], words: str) -> None:
    outcome = score(*options)
    assert outcome.code in (1, 2)
    assert words in outcome.err
    assert "Traceback" not in outcome.err


@pytest.fixture
def background(tmp_path: Path, sequences: dict[str, str]) -> Path:
    other = {"A": "C", "C": "G", "G": "T", "T": "A"}
    sequence = sequences["chr1"]
    records = [
        ("chr1", position, ".", sequence[position - 1], other[sequence[position - 1]])
        for position in range(1500, 7500, 250)
    ]
    return make_vcf(tmp_path / "background.vcf", records, CONTIGS)


def test_calibrated_scores(score: Command, background: Path, tmp_path: Path) -> None:
    file = tmp_path / "background.safetensors"
    made = score("-o", file, "--components", 2, "--min-alleles", 10, name="calibrate", variants=background)
    assert made.code == 0, made.err
    outcome = score("--calibration", file)
    assert outcome.table[0][6:] == [
        "CLASS",
        *(f"SAD{kind}_TRACK{track}" for kind in ("", "Q", "Z") for track in range(5)),
        "SADPC_1",
        "SADPC_2",
    ]
    cells = {row[2]: row[6] for row in outcome.table[1:]}
    assert cells["insertion"] == "insertion_2_5"
    assert cells["symbolic"] == "NA"
    # Indels have scores and components, but no rank beside SNVs.
    lacking = [row[12:22] == ["NA"] * 10 for row in outcome.table[1:] if row[5] == "ok"]
    assert lacking == [row[6] != "snv" for row in outcome.table[1:] if row[5] == "ok"]
    found = values_of_snvs(outcome)
    np.testing.assert_array_equal(found[:, :5], values(score())[~np.array(lacking)])
    # By hand: the share of background sizes below, half of the ties counted.
    sizes = np.abs(values(score(variants=background)))
    ranks = (sizes[None] < np.abs(found[:, None, :5])).mean(axis=1)
    np.testing.assert_allclose(np.abs(found[:, 5:10]), ranks, atol=1.5 / len(sizes))
    assert (np.sign(found[:, 5:10]) == np.sign(found[:, :5])).all()


def test_swapping_the_alleles_negates_scores_and_quantiles(
    score: Command,
    command: Command,
    background: Path,
    tmp_path: Path,
    sequences: dict[str, str],
    small_model: Path,
) -> None:
    """The same two haplotypes, seen from the other one."""
    file = tmp_path / "background.safetensors"
    score("-o", file, "--min-alleles", 10, name="calibrate", variants=background)
    here = sequences["chr1"]
    one, two = here[3999], "C" if here[3999] == "A" else "A"
    there = make_fasta(tmp_path / "there.fa", {**sequences, "chr1": here[:3999] + two + here[4000:]})
    found = []
    for genome, reference, alternate in ((None, one, two), (there, two, one)):
        variants = make_vcf(tmp_path / f"{reference}.vcf", [("chr1", 4000, ".", reference, alternate)], CONTIGS)
        options = ["--calibration", file, "--add", "quantile", "-s", "SAD,SADR", "-t", "0,1"]
        if genome is None:
            refused = score(*options, variants=variants)
            assert "has no SADR" in refused.err
        options[5] = "SAD"
        words = [
            "score",
            variants,
            "-m",
            small_model,
            "--device",
            "cpu",
            "-f",
            genome or tmp_path / "genome.fa",
        ]
        found.append(values_of_snvs(command(*words, *options)))
    np.testing.assert_allclose(found[0], -found[1], rtol=2e-3, atol=1e-6)
    assert (found[0] != 0).all()


@pytest.mark.parametrize(
    "options",
    [
        ("--rc",),
        ("--shifts", "-1,0,1"),
        ("--bins", "center:2"),
        ("--share-windows", "100"),
        ("--window-grid",),
    ],
)
def test_a_calibration_of_other_settings_is_refused(
    score: Command, background: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    file = tmp_path / "background.safetensors"
    score("-o", file, "--min-alleles", 10, name="calibrate", variants=background)
    refused = score("--calibration", file, *options)
    assert refused.code == 2
    assert options[0].removeprefix("--") in refused.err
    assert "enformer-vep calibrate" in refused.err


def test_a_calibration_of_other_genes_is_refused(
    score: Command, background: Path, annotation: Path, tmp_path: Path
) -> None:
    """The same numbers of bins, but other starts, or other types of genes."""
    lines = annotation.read_text().splitlines(keepends=True)
    other, typed = tmp_path / "other.gtf", tmp_path / "typed.gtf"
    other.write_text("".join(lines[:2]))
    typed.write_text("".join([lines[0].replace('"x"', '"y"'), *lines[1:]]))
    file = tmp_path / "background.safetensors"
    assert (
        score("--genes", annotation, "-o", file, "--min-alleles", 10, name="calibrate", variants=background).code == 0
    )
    assert score("--genes", annotation, "--calibration", file).code == 0
    # A copy with its lines in another order has the same genes.
    other_order = tmp_path / "order.gtf"
    other_order.write_text("".join(reversed(lines)))
    assert score("--genes", other_order, "--calibration", file).code == 0
    for options in (("--genes", other), ("--genes", typed, "--gene-types", "x")):
        refused = score(*options, "--calibration", file)
        assert refused.code == 2
        assert "genes" in refused.err


@pytest.fixture
def transcripts(annotation: Path, tmp_path: Path) -> Path:
    """Gene A with three transcripts that start at least 256 bp apart from each other."""
    lines = annotation.read_text().splitlines(keepends=True)
    more = [
        lines[0].replace("\tgene\t3900", f"\ttranscript\t{first}").replace("\n", f' transcript_id "{first}";{words}\n')
        for first, words in (
            (3900, ' transcript_type "retained_intron";'),
            (4300, ' tag "basic"; tag "Ensembl_canonical";'),
            (4560, ' tag "basic";'),
        )
    ]
    path = tmp_path / "transcripts.gtf"
    path.write_text("".join([*lines, *more]))
    return path


STARTS = {"filtered": "2", "all": "3", "canonical": "1", "basic": "2", "3900": "1", "4300,4560,3900": "3"}


def test_a_column_says_how_many_starts_were_read(score: Command, transcripts: Path) -> None:
    """Those of gene B, which has no transcript, are one."""
    options = ("--genes", transcripts, "-t", "0", "-s", "REF", "--tss-bins", 2)
    tables = {choice: score(*options, "--transcripts", choice).table for choice in STARTS}
    assert tables["filtered"] == score(*options).table
    for choice, table in tables.items():
        cells = {row[6]: row[9] for row in table[1:] if row[2] == "insertion"}
        assert cells == {"ENSA": STARTS[choice], "ENSB": "1"}, choice
    # No two of the starts share a bin, so that the sums over two bins of each add up.
    rows = {choice: [row for row in table if row[2] == "insertion"] for choice, table in tables.items()}
    sums = {choice: next(float(row[10]) for row in some if row[6] == "ENSA") for choice, some in rows.items()}
    assert sums["all"] == pytest.approx(sums["basic"] + sums["3900"], rel=1e-5)
    assert sums["canonical"] < sums["basic"] < sums["all"] == sums["4300,4560,3900"]


def test_every_format_has_the_number_of_starts(score: Command, transcripts: Path, tmp_path: Path) -> None:
    """Those that can have several rows per allele."""
    pandas = pytest.importorskip("pandas")
    expected = [row[9] for row in score("--genes", transcripts).table[1:]]
    for name in ("table.parquet", "table.tsv.gz"):
        assert score("--genes", transcripts, "-o", tmp_path / name).code == 0
    numbers = pandas.read_parquet(tmp_path / "table.parquet")["N_TSS"]
    assert ["NA" if pandas.isna(number) else str(int(number)) for number in numbers] == expected
    assert list(pandas.read_csv(tmp_path / "table.tsv.gz", sep="\t", dtype=str, na_filter=False)["N_TSS"]) == expected


def test_windows_are_on_the_start_that_stands_for_the_gene(
    score: Command, transcripts: Path, tmp_path: Path, sequences: dict[str, str]
) -> None:
    """Of gene A 4,300 does, whose window is 3,277 to 5,324; on its 5' end, 3,900, it would be 2,877 to 4,924."""
    options = ("--genes", transcripts, "--center", "tss", "--tss-bins", 2, "-s", "REF", "-t", "0")
    for choice in ("all", "canonical"):
        rows = [row for row in score(*options, "--transcripts", choice).table[1:] if row[6] == "ENSA"]
        assert [(row[2], row[8]) for row in rows] == [
            ("two_alleles", "100"),
            ("two_alleles", "100"),
            ("insertion", "200"),
            ("deletion", "300"),
        ]
        # One window for all of them: what is predicted of the reference is the same.
        assert len({row[10] for row in rows}) == 1
    # The middle two bins of the window, as a variant there has it.
    letter = sequences["chr1"][4299]
    there = make_vcf(tmp_path / "there.vcf", [("chr1", 4300, ".", letter, "A" if letter != "A" else "C")], CONTIGS)
    (same,) = values(score("--bins", "center:2", "-s", "REF", "-t", "0", variants=there))
    assert same[0] == pytest.approx(float(rows[0][10]), rel=1e-5)


@pytest.mark.parametrize("option", [("--transcripts", "all"), ("--transcripts", "canonical"), ("--tss-bins", "4")])
def test_a_calibration_of_other_starts_is_refused(
    score: Command, background: Path, transcripts: Path, tmp_path: Path, option: tuple[str, str]
) -> None:
    file = tmp_path / "background.safetensors"
    assert (
        score("--genes", transcripts, "-o", file, "--min-alleles", 10, name="calibrate", variants=background).code == 0
    )
    assert score("--genes", transcripts, "--calibration", file).code == 0
    refused = score("--genes", transcripts, "--calibration", file, *option)
    assert refused.code == 2
    assert option[0].removeprefix("--") in refused.err


def test_tags_that_the_annotation_lacks_are_named(score: Command, annotation: Path) -> None:
    outcome = score("--genes", annotation, "--transcripts", "mane")
    assert outcome.code == 1
    assert "has no transcript for --transcripts mane; give filtered or all" in outcome.err


def test_the_same_background_gives_the_same_bytes(score: Command, background: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        score("-o", tmp_path / name, "--min-alleles", 10, name="calibrate", variants=background)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
