"""FASTA, sequences and baked files; test_bigwig.py has what a bigWig's bins are."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pybigtools")
pytest.importorskip("accelerate")
pytest.importorskip("matplotlib")

from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.encoding import UNKNOWN, encode
from enformer_vep.tracks.table import TrackTable
from enformer_vep.training.baked import BakedReader, bake
from enformer_vep.training.configuration import DataConfig, TrainingConfig
from enformer_vep.training.coverage import BigWigReader, CoverageRule
from enformer_vep.training.datasets import open_organism
from enformer_vep.training.example_sources import Augmentation, Variation
from enformer_vep.training.launch import bake_data
from enformer_vep.training.sequences import Sequence, read_sequences, tile
from tests.training import toy

TARGETS = TrackTable.from_text(toy.TARGETS, "t")
WIDTH = toy.BIN_WIDTH
RULE = CoverageRule()
GEOMETRY = Geometry(window=256, first=64, width=WIDTH, bins=8)


@pytest.fixture
def folder(genome_form):
    return genome_form[0]


@pytest.fixture
def reader(folder):
    return BigWigReader(folder / "genome.fa", TARGETS, folder, WIDTH, RULE)


def test_values_and_codes_by_position(reader):
    example = toy.make_toy()
    np.testing.assert_array_equal(reader.values("chr2", 320, 50)[:, 0], example.values["chr2"][20:70])
    np.testing.assert_array_equal(reader.codes("chr2", 5, 90), encode(example.sequences["chr2"][5:90]))


def test_past_the_ends_nothing_is_known(reader):
    length = toy.LENGTHS["chr2"]
    values = reader.values("chr2", length - WIDTH, 3)[:, 0]
    assert np.isfinite(values[0])
    assert np.isnan(values[1:]).all()
    assert np.isnan(reader.values("chr2", -2 * WIDTH, 3)[:2]).all()
    assert set(reader.codes("chr2", length, length + 9)) == {UNKNOWN}


def test_baked_file_gives_the_same(reader, tmp_path):
    bake(tmp_path / "toy.npz", reader, {"chr2": 4096}, TARGETS, WIDTH, RULE)
    baked = BakedReader(tmp_path / "toy.npz", TARGETS, WIDTH, RULE)
    assert baked.contigs == {"chr2": 4096}
    np.testing.assert_array_equal(baked.values("chr2", 1600, 20), reader.values("chr2", 1600, 20))
    np.testing.assert_array_equal(baked.codes("chr2", 7, 600), reader.codes("chr2", 7, 600))
    with pytest.raises(InputError, match="another bin width than the configuration; bake it again"):
        BakedReader(tmp_path / "toy.npz", TARGETS, 32, RULE)


def test_a_narrow_row_and_a_shift_read_no_further_than_was_baked(folder, tmp_path):
    """Past its end a baked file knows nothing, but the genome does."""
    (tmp_path / "narrow.bed").write_text("chr2\t4000\t4032\ttest\n")
    plain = DataConfig("human", folder / "targets.txt", tmp_path / "narrow.bed", folder / "genome.fa")
    baked = replace(plain, baked=tmp_path / "toy.npz")
    bake_data(TrainingConfig((baked,), toy.SHAPE))
    for shift in (0, Augmentation().max_shift):
        one, other = (
            open_organism("human", [section], GEOMETRY, ("test",)).splits["test"].read(0, Variation(shift=shift))
            for section in (baked, plain)
        )
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.codes, other.codes)


BLACK = "chr2\t100\t101\n"


@pytest.mark.parametrize(
    ("baked_as", "read_as", "message"),
    [
        (
            ("zero", ""),
            ("unknown", ""),
            "another rule for absent positions than the configuration; bake it again",
        ),
        (("unknown", ""), ("zero", ""), "another rule for absent positions"),
        (("zero", BLACK), ("zero", ""), "another blacklist than the configuration; bake it again"),
        (("zero", BLACK), ("zero", BLACK + "chr2\t200\t300\n"), "another blacklist"),
    ],
)
def test_baked_file_of_another_rule_is_refused(baked_as, read_as, message, folder, tmp_path):
    rules = []
    for name, (absent, rows) in (("a", baked_as), ("b", read_as)):
        (tmp_path / f"{name}.bed").write_text(rows)
        rules.append(CoverageRule(absent, tmp_path / f"{name}.bed" if rows else None))
    reader = BigWigReader(folder / "genome.fa", TARGETS, folder, WIDTH, rules[0])
    bake(tmp_path / "toy.npz", reader, {"chr2": 4096}, TARGETS, WIDTH, rules[0])
    baked = BakedReader(tmp_path / "toy.npz", TARGETS, WIDTH, rules[0])
    np.testing.assert_array_equal(baked.values("chr2", 0, 20), reader.values("chr2", 0, 20))
    assert np.isnan(baked.values("chr2", 0, 20)).sum() == bool(baked_as[1])
    with pytest.raises(InputError, match=message):
        BakedReader(tmp_path / "toy.npz", TARGETS, WIDTH, rules[1])


def test_a_blacklist_is_known_by_its_content_and_not_by_its_path(folder, tmp_path):
    for name in ("a.bed", "b.bed"):
        (tmp_path / name).write_text(BLACK)
    one, other = (CoverageRule("zero", tmp_path / name).signature() for name in ("a.bed", "b.bed"))
    assert one == other
    with pytest.raises(InputError, match=r"blacklist .*c\.bed cannot be read"):
        CoverageRule("zero", tmp_path / "c.bed").signature()


def test_baked_file_of_an_older_version_is_refused(folder, tmp_path):
    """Version 1 took what a bigWig leaves out for unknown, and did not say so."""
    tracks = [[target.identifier, target.sum_stat] for target in TARGETS]
    meta = json.dumps({"format_version": 1, "bin_width": WIDTH, "tracks": tracks})
    np.savez(tmp_path / "old.npz", meta=np.array(meta))
    with pytest.raises(InputError, match="another format version than the configuration; bake it again"):
        BakedReader(tmp_path / "old.npz", TARGETS, WIDTH, RULE)


@pytest.mark.parametrize(
    ("file", "message"),
    [("", "names no coverage"), ("no.bw", "does not exist"), ("genome.fa", "cannot be read")],
)
def test_unreadable_coverage_is_named(file, message, folder):
    targets = TrackTable.from_text(f"identifier\tfile\nA\t{file}\n", "t")
    with pytest.raises(InputError, match=message):
        BigWigReader(folder / "genome.fa", targets, folder, WIDTH, RULE)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chr1\t0\t10", "line 1: 3 columns; contig, start, end and split"),
        ("chr1\t10\t5\ttest", "line 1: 10 to 5 is not an interval"),
        ("chr1\t0\t10\tdev", "line 1: split 'dev' is not known; use one of train, valid, test"),
        ("# nothing", "has no rows"),
    ],
)
def test_malformed_sequences_are_named(line, message, tmp_path):
    path = tmp_path / "a.bed"
    path.write_text(line + "\n")
    with pytest.raises(InputError, match=message):
        read_sequences(path)


def test_a_row_is_tiled_side_by_side_in_its_middle():
    tiles = tile(Sequence("c", 10, 330, "train"), span=100, bin_width=4, grid=False)
    assert [one.start for one in tiles] == [20, 120, 220]
    gridded = tile(Sequence("c", 10, 330, "train"), span=100, bin_width=8, grid=True)
    assert [one.start for one in gridded] == [16, 116, 216]
    [narrow] = tile(Sequence("c", 100, 120, "train"), span=100, bin_width=4, grid=False)
    assert narrow.start == 60


def test_sections_that_do_not_say_enough(folder, tmp_path):
    whole = DataConfig("human", folder / "targets.txt", folder / "sequences.bed", folder / "genome.fa")
    with pytest.raises(InputError, match="no test sequences"):
        open_organism("human", [whole], GEOMETRY, ("test",))
    with pytest.raises(UsageError, match="targets is missing"):
        open_organism("human", [DataConfig()], GEOMETRY, ("train",))
    (tmp_path / "other.bed").write_text("chr9\t0\t100\ttrain\n")
    with pytest.raises(InputError, match="contig 'chr9' is not in the genome"):
        open_organism(
            "human",
            [DataConfig("human", whole.targets, tmp_path / "other.bed", whole.fasta)],
            GEOMETRY,
            ("train",),
        )
