"""`--targets` names tracks: beside a model that knows its tracks, identifiers are compared, in every command."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from enformer_vep.effects.network import one_hot
from enformer_vep.genome.encoding import encode
from enformer_vep.models.checkpoints import load_model, save_model
from tests.builders import make_fasta, make_vcf, targets_text
from tests.cli.conftest import CONTIGS

WINDOW = 2048
OWN = [f"TRACK{index}" for index in range(5)]
COMMANDS = ("score", "calibrate", "tracks", "convert", "groups")

Words = Callable[[str, Path, Path], tuple[object, ...]]


def table(identifiers: list[str], description: str = "CAGE:liver") -> str:
    rows = [f"{index}\t{identifier}\t{description}" for index, identifier in enumerate(identifiers)]
    return "\n".join(["index\tidentifier\tdescription", *rows]) + "\n"


@pytest.fixture
def words(tmp_path: Path, fasta: Path, sequences: dict[str, str]) -> Words:
    """The command line of every command that takes a model and a table; a dozen variants make a background."""
    letters = {place: sequences["chr1"][place - 1] for place in range(3000, 3120, 10)}
    records = [("chr1", place, ".", one, "A" if one != "A" else "C") for place, one in letters.items()]
    vcf = make_vcf(tmp_path / "dozen.vcf", records, CONTIGS)

    def make(name: str, model: Path, targets: Path) -> tuple[object, ...]:
        variants = (vcf, "-f", fasta, "-m", model, "--device", "cpu", "--targets", targets)
        groups = tmp_path / "groups.tsv"
        groups.write_text("TRACK1\tone\nTRACK2\ttwo\n")
        return {
            "score": ("score", *variants),
            "calibrate": ("calibrate", *variants, "--min-alleles", 10, "-o", tmp_path / "background.safetensors"),
            "tracks": ("tracks", "-m", model, "--targets", targets),
            "convert": ("convert", model, tmp_path / "converted.safetensors", "--targets-human", targets),
            "groups": ("score", *variants, "--groups", groups),
        }[name]

    return make


@pytest.fixture
def nameless(small_model: Path, tmp_path: Path) -> Path:
    """The small model without its tables."""
    model = load_model(small_model, None)
    save_model(model.network, tmp_path / "nameless.safetensors")
    return tmp_path / "nameless.safetensors"


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("identifiers", "message"),
    [
        (
            ["TRACK0", "TRACK2", "TRACK1", "TRACK3", "TRACK4"],
            "track 1 is TRACK2, but TRACK1 in the table of model small.safetensors: the same tracks in another "
            "order; put them in that order, or give no table",
        ),
        (
            ["TRACK0", "TRACK1", "TRACK2", "OTHER", "TRACK4"],
            "track 3 is OTHER, but TRACK3 in the table of model small.safetensors, which has no OTHER; "
            "give the table of model small.safetensors, or none",
        ),
        (OWN[:4], "4 tracks listed, but the human head has 5"),
    ],
    ids=["another order", "an unknown track", "another number"],
)
def test_other_tracks_are_refused(
    name: str,
    identifiers: list[str],
    message: str,
    words: Words,
    command: Callable,
    small_model: Path,
    tmp_path: Path,
) -> None:
    targets = tmp_path / "targets.txt"
    targets.write_text(table(identifiers))
    before = sorted(tmp_path.iterdir())
    outcome = command(*words(name, small_model, targets), "-q")
    assert outcome.code == 1
    assert f"{targets}: {message}" in outcome.err
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""
    assert {path.name for path in tmp_path.iterdir()} <= {path.name for path in before} | {
        "groups.tsv", "genome.fa.fai"
    }  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_other_descriptions_of_the_same_tracks_are_taken(
    name: str, words: Words, command: Callable, small_model: Path, tmp_path: Path
) -> None:
    targets = tmp_path / "targets.txt"
    targets.write_text(table(OWN, "CAGE:my words"))
    outcome = command(*words(name, small_model, targets))
    assert outcome.code == 0, outcome.err
    if name == "tracks":
        assert {row[3] for row in outcome.table[1:]} == {"CAGE:my words"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_model_without_a_table_takes_any(
    name: str, words: Words, command: Callable, nameless: Path, tmp_path: Path
) -> None:
    targets = tmp_path / "targets.txt"
    targets.write_text(table(["TRACK4", *OWN[:4]]))
    outcome = command(*words(name, nameless, targets))
    assert outcome.code == 0, outcome.err


def test_a_score_stands_under_the_name_of_the_row_that_predicts_it(
    command: Callable, nameless: Path, tmp_path: Path
) -> None:
    """SAD of every row from two plain forward passes of the network."""
    letters = np.random.default_rng(3).choice(list("ACGT"), 2 * WINDOW)
    genome = make_fasta(tmp_path / "g.fa", {"chr1": "".join(letters)})
    alternate = letters.copy()
    alternate[WINDOW] = "A" if letters[WINDOW] != "A" else "C"
    variants = make_vcf(tmp_path / "v.vcf", [("chr1", WINDOW + 1, "v", letters[WINDOW], alternate[WINDOW])])
    first = WINDOW - (WINDOW // 2 - 1)
    windows = [encode("".join(one[first : first + WINDOW])) for one in (letters, alternate)]
    network = load_model(nameless).network.double()
    with torch.inference_mode():
        reference, changed = network(one_hot(torch.from_numpy(np.stack(windows))).double())["human"].sum(dim=1)
    names = ["E", "A", "D", "B", "C"]
    (tmp_path / "targets.txt").write_text(table(names))
    outcome = command(
        "score",
        variants,
        "-f",
        genome,
        "-m",
        nameless,
        "--device",
        "cpu",
        "--targets",
        tmp_path / "targets.txt",
    )
    found = dict(zip(*(row[6:] for row in outcome.table), strict=True))
    expected = (changed - reference).numpy()
    for row, name in enumerate(names):
        assert float(found[f"SAD_{name}"]) == pytest.approx(expected[row], rel=1e-3)


def test_a_background_of_other_rows_is_refused(command: Callable, words: Words, nameless: Path, tmp_path: Path) -> None:
    """The model does not say which row a name means: the tables of background and run have to."""
    background, targets = tmp_path / "background.safetensors", tmp_path / "targets.txt"
    targets.write_text(table(OWN))
    assert command(*words("calibrate", nameless, targets)).code == 0
    with_background = (*words("score", nameless, targets), "--calibration", background)
    assert command(*with_background).code == 0
    targets.write_text(table(OWN, "other words, same rows"))
    assert command(*with_background).code == 0
    targets.write_text(table(OWN[::-1]))
    refused = command(*with_background)
    assert refused.code == 2
    assert "targets" in refused.err


def test_a_finished_shard_of_other_rows_is_not_left_alone(
    command: Callable, words: Words, nameless: Path, tmp_path: Path
) -> None:
    """One column, TRACK2, that means another row in the other table."""
    targets, shard = tmp_path / "targets.txt", tmp_path / "shard.tsv.gz"
    for order in (OWN, [*OWN[3:], *OWN[:3]]):
        targets.write_text(table(order))
        score = (*words("score", nameless, targets), "-t", "TRACK2")
        assert command(*score, "--shard", "1/1", "-o", shard).code == 0
        assert gzip.decompress(shard.read_bytes()) == command(*score).out.encode()
    assert "complete already" in command(*score, "--shard", "1/1", "-o", shard).err


def test_a_table_of_the_wrong_length_in_the_model_can_be_replaced(
    command: Callable, words: Words, small_model: Path, tmp_path: Path
) -> None:
    model = load_model(small_model, None)
    broken, targets = tmp_path / "broken.safetensors", tmp_path / "targets.txt"
    targets.write_text(table(OWN))
    for text in (targets_text(["CAGE:liver"] * 4), "no table\n"):
        save_model(model.network, broken, {"targets_human": text})
        assert command("tracks", "-m", broken).code == 1
        assert command(*words("convert", broken, targets)).code == 0
        assert load_model(tmp_path / "converted.safetensors").metadata["targets_human"] == table(OWN)


def test_the_official_table_is_compared_without_weights(
    command: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from enformer_vep.files.sha256 import sha256_of
    from enformer_vep.models import hub

    monkeypatch.setenv("ENFORMER_VEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    targets = tmp_path / "targets.txt"
    targets.write_text(table(OWN[::-1]))
    listed = command("tracks", "--targets", targets)
    assert [row[1] for row in listed.table[1:]] == OWN[::-1]
    path = hub.table_path("human")
    path.parent.mkdir()
    path.write_text(table(OWN))
    monkeypatch.setitem(hub.TABLES, "human", sha256_of(path))
    assert [row[1] for row in command("tracks").table[1:]] == OWN
    refused = command("tracks", "--targets", targets)
    assert refused.code == 1
    assert "track 0 is TRACK4, but TRACK0 in the table of model enformer" in refused.err
