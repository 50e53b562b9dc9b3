import numpy as np
import pytest
import torch

pytest.importorskip("pybigtools")
pytest.importorskip("google_crc32c")
pytest.importorskip("matplotlib")

from enformer_vep.effects.network import one_hot
from enformer_vep.models.checkpoints import load_model, save_model
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.training.evaluation_report import COLUMNS
from tests.builders import randomise
from tests.training import toy

BED = "chr1\t0\t4096\ttrain\nchr2\t0\t2048\ttest\nchr2\t4000\t4128\ttest\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    example = toy.make_toy()
    toy.write_genome_form(folder, example)
    toy.write_tfrecord_form(folder / "records", example)
    (folder / "test.bed").write_text(BED)
    network = Enformer(EnformerConfig(**toy.SHAPE, output_tracks={"human": 2})).eval()
    randomise(network, 5)
    table = "index\tidentifier\tdescription\n0\tOTHER\tTOY:other\n1\tMOTIF\tTOY:motif\n"
    save_model(network, folder / "model.safetensors", {"targets_human": table})
    return folder


@pytest.fixture
def evaluate(command, folder):
    def run(*words):
        return command("evaluate", "-m", folder / "model.safetensors", "--workers", 0, *words)

    return run


def genome_form(folder):
    return ("--sequences", folder / "test.bed", "-f", folder / "genome.fa", "-t", folder / "targets.txt")


def expected_pearson(folder, change=lambda values: values):
    """Over all known bins of 16 tiles and a row of its own, from the network and the toy directly."""
    example, network = toy.make_toy(), load_model(folder / "model.safetensors").network
    values = change(example.values["chr2"].copy())
    predicted, observed = [], []
    for start in [*range(0, 2048, 128), 4000]:
        window = "N" * max(64 - start, 0) + example.sequences["chr2"][max(start - 64, 0) : start + 192]
        codes = torch.from_numpy(np.array([["ACGTN".index(letter) for letter in window]], dtype=np.uint8))
        predicted.append(network(one_hot(codes))["human"][0, :, 1].numpy())
        observed.append(values[start // 16 :][:8])
    x, y = np.concatenate(predicted), np.concatenate(observed)
    known = np.isfinite(y)
    return np.corrcoef(x[known], y[known])[0, 1]


def without(values, bins, value):
    values[bins] = value
    return values


def test_matches_the_track_by_name_and_computes_what_numpy_computes(evaluate, folder):
    outcome = evaluate(*genome_form(folder), "--batch-size", 5)
    assert outcome.code == 0, outcome.err
    header, row = outcome.table
    assert tuple(header) == COLUMNS
    figures = dict(zip(header, row, strict=True))
    assert figures["identifier"] == "MOTIF"
    assert figures["known_bins"] == "136"
    assert float(figures["pearson_bins"]) == pytest.approx(expected_pearson(folder), rel=1e-4)
    assert "mean Pearson r over 17 sequences: TOY (1 track) bins " in outcome.err


ABSENT = slice(10, 40)
BLACK = slice(60, 70)


@pytest.mark.parametrize(
    ("words", "known", "change"),
    [
        ((), 136, lambda v: without(v, ABSENT, 0)),
        (("--absent", "unknown"), 106, lambda v: without(v, ABSENT, np.nan)),
        (("--blacklist", "black.bed"), 126, lambda v: without(without(v, ABSENT, 0), BLACK, np.nan)),
        (("--squash", "scale-first"), 136, lambda v: np.minimum(without(v, ABSENT, 0) * 3, 1)),
    ],
)
def test_what_is_absent_and_the_order_of_the_clip_are_options(words, known, change, evaluate, folder, tmp_path):
    values = without(toy.make_toy().values["chr2"], ABSENT, np.nan)
    toy.write_bigwig(tmp_path / "motif.bw", {"chr2": values})
    scaled = "clip\tscale\tdescription\nMOTIF\tmotif.bw\tmean\t1\t3\t"
    table = toy.TARGETS.replace("description\nMOTIF\tmotif.bw\tmean\t", scaled)
    (tmp_path / "targets.txt").write_text(table if "--squash" in words else toy.TARGETS)
    (tmp_path / "black.bed").write_text(f"chr2\t{60 * 16 + 15}\t{69 * 16 + 1}\n")
    words = [tmp_path / word if word == "black.bed" else word for word in words]
    outcome = evaluate(*genome_form(folder)[:-1], tmp_path / "targets.txt", *words)
    assert outcome.code == 0, outcome.err
    figures = dict(zip(*outcome.table, strict=True))
    assert figures["known_bins"] == str(known)
    assert float(figures["pearson_bins"]) == pytest.approx(expected_pearson(folder, change), rel=1e-4)


def test_tfrecords_and_files(evaluate, folder, tmp_path):
    words = ("--tfrecords", folder / "records", "--split", "valid", "--limit", 7)
    outcome = evaluate(*words, "-o", tmp_path / "r.tsv", "--plot", tmp_path / "r.png")
    assert outcome.code == 0, outcome.err
    assert outcome.out == ""
    assert (tmp_path / "r.tsv").read_text().splitlines()[1].split("\t")[8] == "56"
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.png", "r.tsv"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "--sequences is missing"),
        (("--tfrecords", "x", "--sequences", "y"), 2, "exclude each other"),
        (("--tfrecords", "x", "--absent", "unknown"), 2, "summarised and squashed already; remove absent"),
        (("--tfrecords", "x", "--squash", "scale-first"), 2, "squashed already; remove squash"),
        (("--tfrecords", "nowhere"), 1, "targets.txt: cannot read the track table"),
    ],
)
def test_mistakes_are_one_line(words, code, message, evaluate):
    outcome = evaluate(*words)
    assert outcome.code == code
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_tracks_that_the_model_lacks_are_named(evaluate, folder, tmp_path):
    (tmp_path / "targets.txt").write_text(f"identifier\tfile\nELSE\t{folder / 'motif.bw'}\n")
    words = ("--sequences", folder / "test.bed", "-f", folder / "genome.fa", "-t", tmp_path / "targets.txt")
    outcome = evaluate(*words)
    assert outcome.code == 1
    assert "track ELSE" in outcome.err


def test_a_head_that_the_model_lacks_is_named(evaluate, folder):
    outcome = evaluate(*genome_form(folder), "--organism", "mouse")
    assert outcome.code == 2
    assert "has no mouse head: choose from human" in outcome.err
