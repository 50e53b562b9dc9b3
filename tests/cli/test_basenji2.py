"""`enformer-vep score --model FILE.h5`: Basenji2 through the command line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

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
    refused = command(*words, "-m", ours, "--engine", "delta")
    assert refused.code == 2
    assert "models of the family basenji2 have none" in refused.err
    described = command("models", model)
    assert "human:13" in described.out


def test_an_enformer_has_one_activation(command: Command, small_model: Path, tmp_path: Path) -> None:
    refused = command("convert", small_model, tmp_path / "x.safetensors", "--activation", "tanh")
    assert refused.code == 1
    assert "models of the family enformer have one activation" in refused.err
