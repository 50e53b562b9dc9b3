"""What an example consists of, and how it varies."""

import numpy as np
import pytest

from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.encoding import encode, reverse_complement
from enformer_vep.tracks.table import TrackTable
from enformer_vep.training.configuration import Augmentation
from enformer_vep.training.example_sources import Example, RegionSource, Variation, orient
from enformer_vep.training.loading import BatchNumbers, ShuffledExamples
from enformer_vep.training.sequences import Sequence, tile
from enformer_vep.training.targets import CLIP_FIRST
from tests.builders import random_sequence

WIDTH = 4
GEOMETRY = Geometry(window=16, first=4, width=WIDTH, bins=2)
TARGETS = TrackTable.from_text("identifier\tstrand_pair\nplus\t1\nminus\t0\nboth\t2\n", "t")
LENGTH = 400


class MemoryReader:
    """One contig whose values are the position of the bin times the track."""

    grid = False
    contigs = {"c": LENGTH}  # noqa: RUF012

    def __init__(self):
        self.sequence = encode(random_sequence(np.random.default_rng(0), LENGTH))

    def codes(self, contig, start, end):
        padded = np.pad(self.sequence, 100, constant_values=4)
        return padded[start + 100 : end + 100]

    def values(self, contig, start, bins):
        positions = start + WIDTH * np.arange(bins, dtype=np.float32)
        return positions[:, None] * np.array([1, 10, 100], dtype=np.float32)


@pytest.fixture
def reader():
    return MemoryReader()


@pytest.fixture
def source(reader):
    tiles = tile(Sequence("c", 100, 300, "train"), GEOMETRY.predicted, WIDTH, grid=False)
    return RegionSource(reader, tiles, GEOMETRY, TARGETS, CLIP_FIRST)


def test_plain_example_has_its_bins_in_the_middle_of_its_window(reader, source):
    example = source.read(0, Variation())
    np.testing.assert_array_equal(example.codes, reader.sequence[96:112])
    np.testing.assert_array_equal(example.values[:, 0], [100, 104])


def test_reverse_complement_flips_bins_and_exchanges_strands(reader, source):
    plain, turned = source.read(3, Variation()), source.read(3, Variation(reverse=True))
    np.testing.assert_array_equal(turned.codes, reverse_complement(plain.codes))
    np.testing.assert_array_equal(turned.values, plain.values[::-1][:, [1, 0, 2]])


@pytest.mark.parametrize("shift", [-3, 3])
def test_shift_moves_the_sequence_only_and_takes_real_flanks(shift, reader, source):
    plain, shifted = source.read(2, Variation()), source.read(2, Variation(shift=shift))
    first = 100 + 2 * GEOMETRY.predicted - GEOMETRY.first + shift
    np.testing.assert_array_equal(shifted.codes, reader.sequence[first : first + GEOMETRY.window])
    np.testing.assert_array_equal(shifted.values, plain.values)


def test_roaming_moves_values_along_and_stays_in_the_row(reader, source):
    for travel in np.linspace(0, 0.999, 20):
        example = source.read(0, Variation(travel=float(travel)))
        start = int(example.values[0, 0])
        assert 100 <= start <= 300 - GEOMETRY.predicted
        np.testing.assert_array_equal(example.codes[GEOMETRY.first :][:4], reader.sequence[start : start + 4])


def test_unstranded_tracks_need_no_exchange():
    targets = TrackTable.from_text("identifier\nA\nB\n", "t")
    assert targets.with_partners(range(2))[1] is None
    values = np.arange(4.0).reshape(2, 2)
    turned = orient(Example(np.array([0, 1, 2, 4], np.uint8), values), True, None)
    np.testing.assert_array_equal(turned.codes, [4, 1, 2, 3])
    np.testing.assert_array_equal(turned.values, values[::-1])


def test_draws_cover_what_is_allowed_and_nothing_else():
    random = np.random.default_rng(0)
    drawn = [Augmentation(max_shift=2).draw(random) for _ in range(300)]
    assert {one.shift for one in drawn} == {-2, -1, 0, 1, 2}
    assert {one.reverse for one in drawn} == {True, False}
    assert {one.travel for one in drawn} == {None}
    plain = Augmentation(reverse_complement=False, max_shift=0)
    assert {plain.draw(random) for _ in range(20)} == {Variation()}


class Counted(RegionSource):
    """Remembers what was read."""

    def read(self, number, variation):
        return number, variation


def items(reader, seed, numbers):
    tiles = tile(Sequence("c", 100, 300, "train"), GEOMETRY.predicted, WIDTH, grid=False)
    examples = ShuffledExamples(
        Counted(reader, tiles, GEOMETRY, TARGETS, CLIP_FIRST), Augmentation(), seed, batch_size=5
    )
    return [examples[number] for number in numbers]


def test_item_is_a_function_of_seed_and_number_alone(reader):
    forward = items(reader, 1, range(60))
    assert items(reader, 1, reversed(range(60))) == forward[::-1]
    assert items(reader, 2, range(60)) != forward


def test_every_epoch_is_another_order_of_all_tiles(reader):
    numbers = [number for number, _ in items(reader, 1, range(50))]
    assert sorted(numbers[:25]) == sorted(numbers[25:]) == list(range(25))
    assert numbers[:25] != numbers[25:]


def test_processes_share_every_batch_and_resume_where_they_were():
    both = [BatchNumbers(batch_size=2, first=0, rank=rank, processes=2) for rank in (0, 1)]
    zero, one = (iter(numbers) for numbers in both)
    assert [next(zero), next(one), next(zero), next(one)] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert next(iter(BatchNumbers(batch_size=2, first=1, rank=1, processes=2))) == [6, 7]
