"""The published layout, whole and damaged."""

import json
import logging
import zlib

import numpy as np
import pytest

pytest.importorskip("google_crc32c")

from enformer_vep.errors import InputError
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.encoding import UNKNOWN, encode, reverse_complement
from enformer_vep.tracks.table import TrackTable
from enformer_vep.training.example_message import decode_example
from enformer_vep.training.example_sources import Variation
from enformer_vep.training.record_files import RecordStream, count_records
from enformer_vep.training.tfrecord import open_tfrecords
from tests.builders import make_fasta
from tests.training import toy

TARGETS = TrackTable.from_text(toy.TARGETS, "targets.txt")
RECORD = 256
MARGIN = (RECORD - 8 * toy.BIN_WIDTH) // 2


def geometry(window=RECORD, bins=8):
    return Geometry(window, (window - bins * toy.BIN_WIDTH) // 2, toy.BIN_WIDTH, bins)


@pytest.fixture(scope="module")
def example():
    return toy.make_toy()


@pytest.fixture(scope="module")
def fasta(example, tmp_path_factory):
    return make_fasta(tmp_path_factory.mktemp("genome") / "genome.fa", example.sequences)


@pytest.fixture
def folder(tfrecord_form):
    return tfrecord_form[0]


@pytest.fixture
def own_folder(example, tmp_path):
    """A copy that a test may damage."""
    toy.write_tfrecord_form(tmp_path / "own", example)
    return tmp_path / "own"


def test_records_come_back_in_the_order_of_the_bed_file(folder, example):
    source = open_tfrecords(folder, None, TARGETS, geometry())["valid"]
    assert len(source) == 63
    for number in (0, 19, 20, 62, 5):
        read, start = source.read(number, Variation()), number * 128
        np.testing.assert_array_equal(read.codes, encode(example.sequences["chr2"][start : start + RECORD]))
        first = (start + MARGIN) // toy.BIN_WIDTH
        np.testing.assert_array_equal(read.values[:, 0], example.values["chr2"][first : first + 8])
        assert read.values.dtype == np.float32


def test_reverse_complement_and_shift(folder):
    source = open_tfrecords(folder, None, TARGETS, geometry(window=128))["train"]
    plain = source.read(4, Variation())
    turned = source.read(4, Variation(reverse=True))
    np.testing.assert_array_equal(turned.codes, reverse_complement(plain.codes))
    np.testing.assert_array_equal(turned.values, plain.values[::-1])
    moved = source.read(4, Variation(shift=2))
    np.testing.assert_array_equal(moved.codes[:-2], plain.codes[2:])
    np.testing.assert_array_equal(moved.values, plain.values)


def test_order_reads_every_record_once_and_each_file_from_its_front(folder):
    source = open_tfrecords(folder, None, TARGETS, geometry())["train"]
    order = source.order(np.random.default_rng(0), batch_size=4)
    assert sorted(order) == list(range(len(source)))
    assert list(order) != sorted(order)
    for file in range(13):
        own = [number for number in order if number // 20 == file]
        assert own == sorted(own)


def test_longer_windows_take_their_flanks_from_the_genome(folder, example, fasta, caplog):
    source = open_tfrecords(folder, fasta, TARGETS, geometry(window=512))["valid"]
    start = 3 * 128 - 128
    expected = encode(example.sequences["chr2"][start : start + 512])
    np.testing.assert_array_equal(source.read(3, Variation()).codes, expected)
    shifted = encode(example.sequences["chr2"][start + 3 : start + 515])
    np.testing.assert_array_equal(source.read(3, Variation(shift=3)).codes, shifted)
    assert not caplog.records


def test_longer_windows_without_a_genome_are_padded_with_one_warning(folder, example, caplog):
    with caplog.at_level(logging.WARNING, "enformer_vep"):
        codes = open_tfrecords(folder, None, TARGETS, geometry(window=512))["valid"].read(3, Variation()).codes
    assert [record.message for record in caplog.records if "padded with N" in record.message]
    assert len(caplog.records) == 1
    np.testing.assert_array_equal(codes[128:384], encode(example.sequences["chr2"][384 : 384 + RECORD]))
    assert set(codes[:128]) == set(codes[384:]) == {UNKNOWN}


def test_fewer_and_more_bins_than_the_record(folder):
    whole, few, many = (
        open_tfrecords(folder, None, TARGETS, geometry(bins=bins))["valid"].read(1, Variation()).values[:, 0]
        for bins in (8, 4, 12)
    )
    np.testing.assert_array_equal(few, whole[2:6])
    np.testing.assert_array_equal(many[2:10], whole)
    assert np.isnan(many[[0, 1, 10, 11]]).all()


def test_another_genome_is_noticed(folder, example, tmp_path):
    turned = {name: sequence[::-1] for name, sequence in example.sequences.items()}
    fasta = make_fasta(tmp_path / "other.fa", turned)
    source = open_tfrecords(folder, fasta, TARGETS, geometry(window=512))["valid"]
    with pytest.raises(InputError, match=r"row 3 of split valid: the FASTA has another sequence at chr2:384-640"):
        source.read(3, Variation())


def test_files_of_unequal_length_are_counted(own_folder):
    path = own_folder / "tfrecords" / "train-0-1.tfr"
    path.write_bytes((own_folder / "tfrecords" / "valid-0-3.tfr").read_bytes())
    (own_folder / "statistics.json").write_text(json.dumps(statistics(own_folder) | {"train_seqs": 0}))
    assert len(open_tfrecords(own_folder, None, TARGETS, geometry())["train"]) == 255 - 20 + 3


def statistics(folder):
    return json.loads((folder / "statistics.json").read_text())


def recompressed(path, change):
    content = bytearray(zlib.decompress(path.read_bytes()))
    change(content)
    path.write_bytes(zlib.compress(bytes(content)))


FRAME = len(toy.frame(b"")) + len(toy.example_message(np.zeros((RECORD, 4), np.uint8), np.zeros((8, 1))))


def flip(position):
    def change(content):
        content[position] ^= 1

    return change


def cut(content):
    del content[FRAME + 100 :]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (flip(FRAME), "record 1: the checksum of its length is wrong"),
        (flip(FRAME + 500), "record 1: its checksum is wrong"),
        (cut, "record 1: the file ends in the middle of it"),
    ],
)
def test_damaged_records_are_named(change, message, own_folder):
    path = own_folder / "tfrecords" / "valid-0-0.tfr"
    source = open_tfrecords(own_folder, None, TARGETS, geometry())["valid"]
    recompressed(path, change)
    source.read(0, Variation())
    with pytest.raises(InputError, match=rf"^TFRecord file .*valid-0-0\.tfr, {message}; copy the file again$"):
        source.read(1, Variation())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda whole: whole[:-200], "the compressed stream ends early"),
        (lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]), "incorrect data check"),
        (lambda whole: b"plain text", "not a zlib stream"),
        (lambda whole: b"", "record 0: the compressed stream ends early"),
    ],
)
def test_damaged_compression_is_named(content, message, own_folder):
    path = own_folder / "tfrecords" / "valid-0-0.tfr"
    path.write_bytes(content(path.read_bytes()))
    with pytest.raises(InputError, match=message):
        count_records(path)


def test_records_of_another_shape_are_named(own_folder):
    (own_folder / "statistics.json").write_text(json.dumps(statistics(own_folder) | {"target_length": 9}))
    source = open_tfrecords(own_folder, None, TARGETS, geometry())["valid"]
    with pytest.raises(InputError, match=r"record 2: target has 16 bytes, not the 18"):
        source.read(2, Variation())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pool_width": 32}, "bins of 32 bp, but the model's have 16"),
        ({"num_targets": 2}, "2 tracks, but the targets"),
    ],
)
def test_data_that_do_not_fit_are_refused(changes, message, own_folder):
    (own_folder / "statistics.json").write_text(json.dumps(statistics(own_folder) | changes))
    with pytest.raises(InputError, match=message):
        open_tfrecords(own_folder, None, TARGETS, geometry())


def test_missing_parts_are_named(own_folder, tmp_path, fasta):
    bed = own_folder / "sequences.bed"
    bed.write_text("".join(bed.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match="62 valid rows for 63 records"):
        open_tfrecords(own_folder, fasta, TARGETS, geometry())
    for path in (own_folder / "tfrecords").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"has no files such as train-0\.tfr"):
        open_tfrecords(own_folder, None, TARGETS, geometry())
    with pytest.raises(InputError, match=r"statistics\.json cannot be read"):
        open_tfrecords(tmp_path / "nowhere", None, TARGETS, geometry())


@pytest.mark.parametrize("message", [b"\x0a\xff", b"\x0b", b"\x80" * 12, b"\x0a\x05abc"])
def test_what_is_no_message_is_refused(message):
    with pytest.raises(ValueError, match=r"bytes?"):
        decode_example(message)


def test_numbers_beside_the_bytes_are_passed_over():
    number = toy.field(1, toy.field(1, b"n") + toy.field(2, toy.field(3, b"\x0a\x01\x07")))
    text = toy.field(1, toy.field(1, b"s") + toy.field(2, toy.field(1, toy.field(1, b"ACGT"))))
    assert decode_example(toy.field(1, number + text) + b"\x10\x96\x01") == {"s": b"ACGT"}


@pytest.mark.slow
def test_tensorflow_reads_what_the_tests_write(folder):
    tensorflow = pytest.importorskip("tensorflow")
    path = folder / "tfrecords" / "valid-0-0.tfr"
    kind = tensorflow.io.FixedLenFeature([], tensorflow.string)
    stream = RecordStream(path)
    for record in tensorflow.data.TFRecordDataset(str(path), compression_type="ZLIB"):
        theirs = tensorflow.io.parse_single_example(record, {"sequence": kind, "target": kind})
        assert decode_example(stream.read()) == {name: value.numpy() for name, value in theirs.items()}
    assert stream.at_end()


@pytest.mark.slow
def test_reads_what_tensorflow_writes(tmp_path):
    tensorflow = pytest.importorskip("tensorflow")
    features = {"sequence": bytes(range(256)) * 3, "target": np.arange(9, dtype="<f2").tobytes()}
    path = tmp_path / "train-0.tfr"
    lists = {name: tensorflow.train.BytesList(value=[content]) for name, content in features.items()}
    wrapped = {name: tensorflow.train.Feature(bytes_list=content) for name, content in lists.items()}
    message = tensorflow.train.Example(features=tensorflow.train.Features(feature=wrapped)).SerializeToString()
    with tensorflow.io.TFRecordWriter(str(path), tensorflow.io.TFRecordOptions(compression_type="ZLIB")) as writer:
        for _ in range(3):
            writer.write(message)
    stream = RecordStream(path)
    assert [decode_example(stream.read()) for _ in range(3)] == [features] * 3
    assert stream.at_end()
