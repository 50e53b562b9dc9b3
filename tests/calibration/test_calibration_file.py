import json
import os
import stat

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from enformer_vep.calibration import (
    Addition,
    Calibration,
    CalibrationFitter,
    ScoreCalibration,
    read_calibration,
    write_calibration,
)
from enformer_vep.calibration.distribution import Distribution
from enformer_vep.calibration.ranks import NODE_PROBABILITIES, Nodes
from enformer_vep.calibration.transform import RobustScale
from enformer_vep.errors import InputError, OutputError
from enformer_vep.genome.alleles import VariantClass
from enformer_vep.tables.row import ValueBlock

BLOCKS = (ValueBlock("SAD", ("a", "b", "ü")), ValueBlock("D1", ("a", "b", "ü")))
KEY = "enformer-vep calibration"
# Of every three rows.
CLASSES = [VariantClass.SNV, VariantClass.SNV, VariantClass.DELETION_1]


def values(rows=3000, seed=0):
    random = np.random.default_rng(seed)
    return (random.standard_t(3, (rows, 6)) * [1, 1e-12, 1e-20, 1, 1e-6, 1e3]).astype(np.float32)


def fitted():
    fitter = CalibrationFitter(BLOCKS, {"model": "m", "bins": 3, "rc": True}, {"engine": "delta"}, components=2)
    fitter.add(values(), CLASSES * 1000)
    return fitter.finish()


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "background.safetensors"
    write_calibration(fitted(), path)
    return path


def rewritten(path, change):
    """The same file with another header."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        header = json.loads(file.metadata()[KEY])
    change(header)
    arrays = load_file(path)
    save_file(arrays, path, {KEY: json.dumps(header)})


def test_what_is_read_is_what_was_written(written):
    before, after = fitted(), read_calibration(written)
    assert after.identity == {"model": "m", "bins": 3, "rc": True}
    assert after.recorded == {"engine": "delta"}
    assert after.counts == before.counts == {VariantClass.SNV: 2000, VariantClass.DELETION_1: 1000}
    assert (after.least, after.rank_error) == (100, before.rank_error)
    probes = values(201, seed=1)
    found = after.extend(BLOCKS, tuple(Addition))(probes, CLASSES * 67)
    np.testing.assert_array_equal(found, before.extend(BLOCKS, tuple(Addition))(probes, CLASSES * 67))
    assert (found[:, 1] != 0).all(), "1e-12 has a rank"


def test_a_class_with_few_alleles_is_counted_and_no_more(tmp_path):
    fitter = CalibrationFitter(BLOCKS, {}, least=1001)
    fitter.add(values(), CLASSES * 1000)
    write_calibration(fitter.finish(), tmp_path / "x.safetensors")
    found = read_calibration(tmp_path / "x.safetensors")
    assert found.classes == (VariantClass.SNV,)
    assert found.counts[VariantClass.DELETION_1] == 1000
    added = found.extend(BLOCKS)(values(3), CLASSES)
    assert np.isnan(added).all(axis=1).tolist() == [False, False, True]


def test_the_same_bytes_each_time(written, tmp_path):
    again = tmp_path / "again.safetensors"
    write_calibration(read_calibration(written), again)
    assert again.read_bytes() == written.read_bytes()


def test_a_file_that_is_there_is_replaced_whole(written):
    before = written.read_bytes()
    written.write_bytes(b"something else")
    write_calibration(fitted(), written)
    assert written.read_bytes() == before
    assert [path.name for path in written.parent.iterdir()] == [written.name]
    assert stat.S_IMODE(written.stat().st_mode) & ~0o664 == 0


def test_all_tracks_of_the_real_model_are_a_few_megabytes(tmp_path):
    labels = tuple(f"ENCFF{number:06}" for number in range(5313))
    nodes = np.random.default_rng(0).random((5313, len(NODE_PROBABILITIES)), dtype=np.float32)
    scale = RobustScale(nodes[:, 0], nodes[:, 1])
    sizes = Nodes(NODE_PROBABILITIES, np.sort(nodes, axis=1))
    score = ScoreCalibration("D2", labels, {VariantClass.SNV: Distribution(1000, sizes, scale)})
    path = tmp_path / "large.safetensors"
    write_calibration(Calibration({}, {}, {VariantClass.SNV: 1000}, 100, 0.0, (score,)), path)
    assert path.stat().st_size < 6e6


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError, match="make the folder first"):
        write_calibration(fitted(), tmp_path / "nowhere" / "x.safetensors")


@pytest.mark.parametrize("share", [0, 0.0001, 0.5, 0.999])
def test_a_truncated_file(written, share):
    content = written.read_bytes()
    written.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"background.safetensors: no calibration, or an incomplete one .*calibrate$"):
        read_calibration(written)


def test_a_file_of_something_else(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"weight": np.zeros(3, dtype=np.float32)}, path)
    with pytest.raises(InputError, match=r"model.safetensors: holds no calibration: make it again"):
        read_calibration(path)
    path.write_text("#CHROM\tPOS\n" * 100)
    with pytest.raises(InputError, match=r"model.safetensors: no calibration"):
        read_calibration(path)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match=r"x.safetensors: there is no such calibration: check the name"):
        read_calibration(tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="cannot be read"):
        read_calibration(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(written):
    written.chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        read_calibration(written)


def test_a_newer_format(written):
    rewritten(written, lambda header: header.update(format=3))
    with pytest.raises(InputError, match="is of format 3, known are those up to 2: pip install --upgrade"):
        read_calibration(written)


def test_an_older_format(written):
    """It does not say of which kinds of variants it was made, so nothing can be ranked in it."""
    rewritten(written, lambda header: header.update(format=1, alleles=3000, probabilities=[0, 1]))
    with pytest.raises(InputError, match=r"ranked SNVs and indels together .*: make it again with enformer-vep calib"):
        read_calibration(written)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header["scores"][0]["labels"].pop(),
        lambda header: header["scores"][0].update(score="SAX"),
        lambda header: header.pop("counts"),
        lambda header: header["counts"].update(mnv=500),
        lambda header: header["counts"].update(vnm=500),
        lambda header: header.update(scores=3),
    ],
)
def test_a_header_that_does_not_fit_the_numbers(written, change):
    rewritten(written, change)
    with pytest.raises(InputError, match=r"this calibration is damaged .*: make it again"):
        read_calibration(written)
