"""`enformer-vep score --model FILE.h5`: Basenji2 through the command line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.basenji2_models import make_basenji2_model
from tests.builders import make_fasta, make_vcf, random_sequence
from tests.cli.conftest import Outcome

Command = Callable[..., Outcome]
# basenji's name of each score, and ours: its logSAD sums logarithms over bins.
NAMES = {"SAD": "SAD", "SAR": "logSAD", "SAX": "SAX", "D1": "D1", "D2": "D2", "LOGD2": "logD2", "JS": "JS"} | {
    "REF": "REF_sum",
    "ALT": "ALT_sum",
}


@pytest.mark.parametrize(("strands", "golden_name"), [((), "fwd"), (("--rc",), "rc")])
def test_scores_are_basenji_s(
    command: Command, shared_directory: Path, strands: tuple[str, ...], golden_name: str
) -> None:
    """Six variants of chr22 under the rule that keeps the left edge, in float64."""
    folder, genome = shared_directory / "golden" / "basenji2", shared_directory / "data" / "genome"
    golden = np.load(folder / "variants.npz")
    outcome = command(
        "score", folder / "variants.vcf", "-f", genome / "hg38.subset.fa.gz", "-m", folder / "tiny_human.h5",
        "--indels", "left", "-s", ",".join(NAMES), "--precision", "float64", "--device", "cpu", *strands,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    values = np.array([row[6:] for row in outcome.table[1:]], dtype=np.float64).reshape(6, len(NAMES), 13)
    for number, theirs in enumerate(NAMES.values()):
        expected = golden[f"left/sigmoid/{golden_name}/{theirs}"]
        assert np.linalg.norm(values[:, number] - expected) < 1e-7 * np.linalg.norm(expected), theirs


def test_a_keras_file_is_scored_and_converted(command: Command, data_directory: Path, tmp_path: Path) -> None:
    random, model = np.random.default_rng(5), data_directory / "tiny_basenji2.h5"
    sequence = random_sequence(random, 40_000)
    fasta = make_fasta(tmp_path / "genome.fa", {"chr1": sequence})
    letter = sequence[19_999]
    other = "A" if letter != "A" else "C"
    vcf = make_vcf(
        tmp_path / "v.vcf",
        [("chr1", 20_000, "snv", letter, other), ("chr1", 20_010, "del", sequence[20_009:20_012], sequence[20_009])],
        {"chr1": 40_000},
    )
    words = ("score", vcf, "-f", fasta, "--device", "cpu", "-s", "SAD,SADR", "-t", "0,5")
    plain = command(*words, "-m", model)
    assert plain.code == 0, plain.err
    assert "does not say which GELU" in plain.err
    assert [row[5] for row in plain.table] == ["STATUS", "ok", "ok"]
    ours = tmp_path / "ours.safetensors"
    assert command("convert", model, ours).code == 0
    assert command(*words, "-m", ours).out == plain.out
    assert command("convert", model, tmp_path / "tanh.safetensors", "--activation", "tanh").code == 0
    assert command(*words, "-m", tmp_path / "tanh.safetensors").out != plain.out
    described = command("models", model)
    assert "human:13" in described.out


@pytest.fixture
def score(command: Command, tmp_path: Path) -> Command:
    """Scores substitutions and indels with a small model that reads 2,048 bp."""
    random, other = np.random.default_rng(8), {"A": "C", "C": "G", "G": "T", "T": "A"}
    text = random_sequence(random, 9000)
    fasta = make_fasta(tmp_path / "genome.fa", {"chr1": text})
    records: list[tuple[object, ...]] = [
        ("chr1", place, f"v{place}", text[place - 1], other[text[place - 1]])
        for place in (1, 700, 3000, 3003, 3170, 4100, 8999, *range(5000, 5300, 20))
    ]
    records += [
        ("chr1", 3002, "insertion", text[3001], text[3001] + "GATTA"),
        ("chr1", 3900, "deletion", text[3899:3920], text[3899]),
        ("chr1", 4200, "mnv", text[4199:4202], "".join(other[one] for one in text[4199:4202])),
        ("chr1", 8990, "near the end", text[8989:8993], text[8989]),
    ]
    vcf = make_vcf(tmp_path / "v.vcf", sorted(records, key=lambda record: int(str(record[1]))), {"chr1": 9000})
    model = make_basenji2_model(tmp_path / "small.safetensors")
    return lambda *words: command("score", vcf, "-f", fasta, "-m", model, "--device", "cpu", *words)


def values_of(outcome: Outcome) -> dict[str, np.ndarray]:
    assert outcome.code == 0, outcome.err
    header, *rows = outcome.table
    names = [name for name in header if name.startswith(("SA", "D1", "REF_", "JS"))]
    assert all(row[5] == "ok" for row in rows)
    return {name: np.array([float(row[header.index(name)]) for row in rows]) for name in names}


@pytest.mark.parametrize(
    "options",
    [
        ("--indels", "left"),
        ("--indels", "stitch", "--rc"),
        ("--indels", "local", "--rc", "--shifts=-128,3", "--bins", "center:2"),
        ("--window-grid", "--phases", "0,64", "--rc"),
        ("--window-grid", "--indels", "stitch", "--share-windows", "400"),
    ],
    ids=" ".join,
)
def test_delta_gives_what_two_passes_give(score: Command, options: tuple[str, ...]) -> None:
    words = ("-s", "SAD,SADR,SAX,D1,REF,JS", "--precision", "float64", *options)
    delta, pair = values_of(score(*words)), values_of(score(*words, "--engine", "pair"))
    assert list(delta) == list(pair)
    assert len(delta) == 18
    for name, expected in pair.items():
        np.testing.assert_allclose(delta[name], expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max(), err_msg=name)


@pytest.mark.parametrize("grid", [(), ("--window-grid",)])
def test_screening(score: Command, tmp_path: Path, grid: tuple[str, ...]) -> None:
    words = ("-s", "SAD,SADR", "-t", "0,2", "--share-windows", 300, "--piece-size", 40, *grid)
    screened = score(*words, "--engine", "adjoint", "--refine", 2)
    exact = score(*words, "--summary", tmp_path / "summary.json")
    engines = [row[screened.table[0].index("ENGINE")] for row in screened.table[1:]]
    first_order = np.array([one == "adjoint" for one in engines])
    assert 5 < first_order.sum() < len(engines) - 5
    wanted = values_of(exact)
    for name, cells in values_of(screened).items():
        np.testing.assert_array_equal(cells[~first_order], wanted[name][~first_order])
        assert np.corrcoef(cells[first_order], wanted[name][first_order])[0, 1] > 0.9
    assert '"engine": "delta"' in (tmp_path / "summary.json").read_text()


def test_an_enformer_has_one_activation(command: Command, small_model: Path, tmp_path: Path) -> None:
    refused = command("convert", small_model, tmp_path / "x.safetensors", "--activation", "tanh")
    assert refused.code == 1
    assert "models of the family enformer have one activation" in refused.err
