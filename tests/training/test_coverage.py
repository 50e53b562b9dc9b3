"""FASTA, bigWig and baked files."""

import numpy as np
import pytest

pytest.importorskip("pybigtools")

from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.encoding import UNKNOWN, encode
from enformer_vep.training.baked import BakedReader, bake
from enformer_vep.training.config import DataConfig
from enformer_vep.training.coverage import BigWigReader
from enformer_vep.training.examples import Geometry
from enformer_vep.training.sequences import Sequence, read_sequences, tile
from enformer_vep.training.sources import open_organism
from enformer_vep.training.targets import parse_targets
from tests.training import toy

TARGETS = parse_targets(toy.TARGETS, "t")
WIDTH = toy.BIN_WIDTH


@pytest.fixture
def folder(genome_form):
    return genome_form[0]


@pytest.fixture
def reader(folder):
    return BigWigReader(folder / "genome.fa", TARGETS, folder, WIDTH)


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


def test_uncovered_bins_are_unknown(tmp_path, folder):
    values = np.ones(toy.LENGTHS["chr2"] // WIDTH)
    values[3:5] = np.nan
    toy.write_bigwig(tmp_path / "motif.bw", {"chr2": values})
    reader = BigWigReader(folder / "genome.fa", TARGETS, tmp_path, WIDTH)
    np.testing.assert_array_equal(np.isnan(reader.values("chr2", 0, 8)[:, 0]), np.isnan(values[:8]))
    assert np.isnan(reader.values("chr1", 0, 8)).all(), "a contig that the bigWig lacks"


def test_baked_file_gives_the_same(reader, tmp_path):
    bake(tmp_path / "toy.npz", reader, {"chr2": 4096}, TARGETS, WIDTH)
    baked = BakedReader(tmp_path / "toy.npz", TARGETS, WIDTH)
    assert baked.contigs == {"chr2": 4096}
    np.testing.assert_array_equal(baked.values("chr2", 1600, 20), reader.values("chr2", 1600, 20))
    np.testing.assert_array_equal(baked.codes("chr2", 7, 600), reader.codes("chr2", 7, 600))
    with pytest.raises(InputError, match="another bin width than the configuration; bake it again"):
        BakedReader(tmp_path / "toy.npz", TARGETS, 32)


@pytest.mark.parametrize(
    ("file", "message"),
    [("", "names no coverage"), ("no.bw", "does not exist"), ("genome.fa", "cannot be read")],
)
def test_unreadable_coverage_is_named(file, message, folder):
    targets = parse_targets(f"identifier\tfile\nA\t{file}\n", "t")
    with pytest.raises(InputError, match=message):
        BigWigReader(folder / "genome.fa", targets, folder, WIDTH)


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
    geometry = Geometry(256, 8, WIDTH)
    whole = DataConfig("human", folder / "targets.txt", folder / "sequences.bed", folder / "genome.fa")
    with pytest.raises(InputError, match="no test sequences"):
        open_organism("human", [whole], geometry, ("test",))
    with pytest.raises(UsageError, match="targets is missing"):
        open_organism("human", [DataConfig()], geometry, ("train",))
    (tmp_path / "other.bed").write_text("chr9\t0\t100\ttrain\n")
    with pytest.raises(InputError, match="contig 'chr9' is not in the genome"):
        open_organism(
            "human",
            [DataConfig("human", whole.targets, tmp_path / "other.bed", whole.fasta)],
            geometry,
            ("train",),
        )
