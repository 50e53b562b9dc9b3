"""The whole program against the written definitions: real files in, the table's numbers out.

`definitions` computes every number again from the FASTA's text and the network's forward pass alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from enformer_vep.cli.main import run
from enformer_vep.models.checkpoints import load_model
from tests.audit import inputs
from tests.audit.definitions import Allele, Answer, Array, Auditor, Question, Shape

SCORES = ("SAD", "MEAN", "SADR", "SAR", "SAX", "D1", "D2", "LOGD2", "JS", "REF", "ALT")


@dataclass(frozen=True)
class Files:
    """What the program reads; of the variants all, or few."""

    variants: dict[bool, Path]
    genome: Path
    genes: Path
    groups: Path
    model: Path


@dataclass(frozen=True)
class Row:
    """What the program writes: cells by column, and score to [columns]."""

    cells: dict[str, str]
    values: dict[str, Array]

    @property
    def allele(self) -> Allele:
        cells = self.cells
        return Allele(cells["#CHROM"], int(cells["POS"]), cells["REF"], cells["ALT"])


class Rounding(NamedTuple):
    """How far numbers may be off: a share of themselves, and a share of the prediction. Of JS its root."""

    relative: float
    of_prediction: float


FLOAT64 = Rounding(1e-7, 1e-13)
"""Tables have float32."""
FLOAT32 = Rounding(1e-5, 3e-6)
"""The network rounds."""


def alleles(sequences: dict[str, str], few: bool) -> list[Allele]:
    return inputs.few(sequences) if few else inputs.alleles(sequences)


@pytest.fixture(scope="module")
def sequences() -> dict[str, str]:
    return inputs.contigs()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, sequences: dict[str, str]) -> Files:
    folder = tmp_path_factory.mktemp("audit")
    return Files(
        {
            few: inputs.write_variants(folder / f"{few}.vcf", sequences, alleles(sequences, few))
            for few in (False, True)
        },
        inputs.write_genome(folder / "genome.fa", sequences),
        inputs.write_genes(folder / "genes.gtf"),
        inputs.write_groups(folder / "groups.tsv"),
        inputs.write_network(folder / "network.safetensors"),
    )


@pytest.fixture(scope="module")
def auditors(files: Files) -> dict[str, Auditor]:
    """One for each head; contigs are read from the FASTA here, line by line."""
    network = load_model(str(files.model), organisms=tuple(inputs.TRACKS)).network.double()
    contigs = read_fasta(files.genome)

    def forward(organism: str) -> Callable[[Array], Array]:
        def predict(window: Array) -> Array:
            with torch.no_grad():
                prediction: Array = network(torch.from_numpy(window)[None])[organism][0].numpy()
            return prediction

        return predict

    shape = Shape(inputs.WINDOW, inputs.BINS, 128)
    return {name: Auditor(contigs, shape, forward(name), inputs.GENES) for name in inputs.TRACKS}


@dataclass(frozen=True)
class Case:
    """A question and the way the program is asked."""

    question: Question
    organism: str = "human"
    engine: str = "delta"
    precision: str = "float64"

    @property
    def few(self) -> bool:
        """Where there are many windows to an allele, few alleles."""
        return bool(self.question.tss_bins) or len(self.question.shifts) > 1

    @property
    def rounding(self) -> Rounding:
        if self.precision == "float32":
            return FLOAT32
        return FLOAT64

    @property
    def words(self) -> str:
        """For the test's name."""
        return " ".join(self.options(None)).replace("--", "") or "plain"

    def options(self, files: Files | None) -> list[str]:
        question = self.question
        words = ["--organism", self.organism, "--engine", self.engine, "--precision", self.precision]
        words += ["--bins", f"center:{question.bins}"] if question.bins else []
        words += ["--rc"] if question.both_strands else []
        words += [f"--shifts={','.join(map(str, question.shifts))}"] if question.shifts != (0,) else []
        words += ["--indels", "stitch" if question.stitch else "left"] if not question.local else []
        words += ["--share-windows", str(question.within)] if question.within else []
        words += ["--groups", str(files.groups) if files else "file"] if question.groups else []
        if question.tss_bins:
            words += ["--genes", str(files.genes) if files else "file", "--tss-bins", str(question.tss_bins)]
            words += ["--center", "tss"] if question.tss_centred else []
            words += ["--transcripts", question.transcripts] if question.transcripts != "filtered" else []
        return words


Q = Question
SMALL_SHIFTS = (-3, 2, 64)
LARGE_SHIFTS = (-200, 0, 65)

WHOLE_WINDOWS = [
    Case(Q()),
    Case(Q(), engine="pair", organism="mouse"),
    Case(Q(stitch=True)),
    Case(Q(both_strands=True, stitch=True), engine="pair"),
    Case(Q(both_strands=True, shifts=SMALL_SHIFTS), organism="mouse"),
    Case(Q(both_strands=True, shifts=LARGE_SHIFTS, stitch=True)),
    Case(Q(shifts=(-64,), groups=inputs.GROUPS)),
    Case(Q(both_strands=True, shifts=(-1, 1), stitch=True, groups=inputs.GROUPS), engine="pair"),
    *(Case(Q(bins=n)) for n in (1, 2, 3, 4, 5)),
    *(Case(Q(bins=n, both_strands=True, stitch=n > 2)) for n in (1, 2, 3, 4, 5)),
    Case(Q(bins=3, both_strands=True, shifts=SMALL_SHIFTS), engine="pair", organism="mouse"),
    Case(Q(bins=2, both_strands=True, shifts=LARGE_SHIFTS, stitch=True)),
    Case(Q(bins=5, shifts=LARGE_SHIFTS), engine="pair"),
    Case(Q(bins=1, both_strands=True, shifts=(300,), groups=inputs.GROUPS)),
]

SHARED_WINDOWS = [
    Case(Q(within=300)),
    Case(Q(within=1, bins=1)),
    *(Case(Q(within=300, bins=n)) for n in (1, 2)),
    *(Case(Q(within=300, bins=n, both_strands=True, stitch=n != 3)) for n in (3, 4, 5)),
    Case(Q(within=450, bins=3, both_strands=True, shifts=SMALL_SHIFTS, stitch=True), organism="mouse"),
    Case(Q(within=301, bins=2, both_strands=True, shifts=LARGE_SHIFTS), engine="pair"),
    # 4000 and 4460 are one bp too far apart.
    Case(Q(within=459, both_strands=True, stitch=True, groups=inputs.GROUPS), engine="pair"),
]

BY_GENES = [
    Case(
        Q(
            tss_bins=bins,
            tss_centred=centred,
            both_strands=bins != 3,
            stitch=bins != 1,
            shifts=(-3, 64) if bins == 5 else (0,),
            groups=inputs.GROUPS if bins == 5 else {},
        ),
        engine="pair" if bins == 1 else "delta",
        organism="mouse" if bins == 3 else "human",
    )
    for bins in (1, 3, 5)
    for centred in (False, True)
]
BY_GENES += [
    Case(Q(tss_bins=3, tss_centred=centred, both_strands=not centred, stitch=True, shifts=(-192, 65)))
    for centred in (False, True)
]
BY_GENES += [
    Case(Q(tss_bins=bins, tss_centred=centred, transcripts=asked, both_strands=centred))
    for bins, asked, centred in (
        (3, "all", False),
        (2, "all", True),
        (10, "canonical", True),
        (4, "mane", False),
        (2, "basic", False),
    )
]

LOCAL_INDELS = [
    Case(Q(local=True)),
    Case(Q(local=True, both_strands=True), engine="pair", organism="mouse"),
    Case(Q(local=True, bins=3, both_strands=True, shifts=LARGE_SHIFTS)),
    Case(Q(local=True, within=300, bins=4, both_strands=True)),
    Case(Q(local=True, within=459, groups=inputs.GROUPS), engine="pair"),
    Case(Q(local=True, tss_bins=3, both_strands=True)),
    Case(Q(local=True, tss_bins=1, tss_centred=True, shifts=(-192, 65))),
    Case(Q(local=True), precision="float32"),
]

SINGLE_PRECISION = [
    Case(Q(both_strands=True, stitch=True), engine=engine, precision="float32") for engine in ("delta", "pair")
] + [
    Case(Q(bins=3, both_strands=True, within=300, shifts=(-3, 2)), precision="float32", organism="mouse"),
    Case(Q(tss_bins=3, tss_centred=True, both_strands=True, stitch=True), precision="float32"),
]


@pytest.mark.parametrize(
    "case", [*WHOLE_WINDOWS, *SHARED_WINDOWS, *BY_GENES, *LOCAL_INDELS, *SINGLE_PRECISION], ids=lambda case: case.words
)
def test_every_number(
    case: Case, files: Files, auditors: dict[str, Auditor], sequences: dict[str, str], tmp_path: Path
) -> None:
    rows = scored(case, files, tmp_path / "table.tsv")
    some = alleles(sequences, case.few)
    answers = list(auditors[case.organism].answers(case.question, some))
    found = {(row.allele, row.cells.get("GENE_ID")): row for row in rows if row.values}
    expected = {(one.allele, one.gene.identifier if one.gene else None): one for one in answers}
    assert set(found) == set(expected)
    check_rows(rows, inputs.records(sequences, some), {one.allele for one in answers})
    for key, answer in expected.items():
        check(found[key], answer, case.rounding)


def check(row: Row, answer: Answer, rounding: Rounding) -> None:
    if "WINDOW_START" in row.cells:
        assert int(row.cells["WINDOW_START"]) == answer.window_start + 1, row.cells
    if answer.gene:
        assert int(row.cells["N_TSS"]) == answer.used, row.cells
        assert int(row.cells["TSS_DISTANCE"]) == answer.gene.distance(answer.allele.start), row.cells
    for score in SCORES:
        got, exact, prediction = row.values[score], answer.scores[score], answer.scores["REF"]
        if score == "JS":  # the square of a distance; what rounds is that
            got, exact, prediction = np.sqrt(got), np.sqrt(exact), np.ones_like(exact)
        tolerance = rounding.relative * np.abs(exact) + rounding.of_prediction * prediction
        assert (np.abs(got - exact) <= tolerance).all(), (
            f"{answer.allele} {answer.gene or ''}: {score} is {got}, by definition {exact}"
        )


def check_rows(rows: list[Row], records: list[tuple[Allele, str]], reached: set[Allele]) -> None:
    """Every allele has its rows, in the order of the file, and a reason where it has no score."""
    statuses = {row.allele: row.cells["STATUS"] for row in rows}
    assert list(dict.fromkeys(row.allele for row in rows)) == [allele for allele, _ in records]
    for allele, status in records:
        assert statuses[allele] == ("no_gene_in_reach" if status == "ok" and allele not in reached else status)


def scored(case: Case, files: Files, table: Path) -> list[Row]:
    """Runs the command and reads its table."""
    words = [
        "score",
        files.variants[case.few],
        "-f",
        files.genome,
        "-m",
        files.model,
        "--device",
        "cpu",
        "-o",
        table,
    ]
    words += ["--scores", ",".join(SCORES), *case.options(files)]
    with pytest.raises(SystemExit) as exit_:
        run([str(word) for word in words])
    assert not exit_.value.code
    header, *lines = [line.split("\t") for line in table.read_text().splitlines()]
    rows = []
    for line in lines:
        cells = dict(zip(header, line, strict=True))
        values = {}
        if cells["STATUS"] == "ok":
            for score in SCORES:
                columns = [name for name in header if name.startswith(f"{score}_")]
                values[score] = np.array([float(cells[name]) for name in columns])
        rows.append(Row(cells, values))
    return rows


def read_fasta(path: Path) -> dict[str, str]:
    contigs: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if line.startswith(">"):
            name = line[1:]
            contigs[name] = ""
        else:
            contigs[name] += line
    return contigs
