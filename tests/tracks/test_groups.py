"""Groups of tracks: the file, the packaged tissues, and the averaging matrix."""

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enformer_vep.errors import InputError, UsageError
from enformer_vep.tracks.groups import TrackGroups, load_groups
from enformer_vep.tracks.table import Track, TrackTable

TABLE = TrackTable(
    (
        Track(0, "CNhs10624", "CAGE:liver, adult, pool1"),
        Track(1, "ENCFF462ZLK", "DNASE:right lobe of liver female adult (53 years)"),
        Track(2, "CNhs10625", "CAGE:lung, adult, pool1"),
        Track(3, "CNhs11786", "CAGE:lung, right lower lobe, adult,"),
        Track(4, "OTHER", "CHIP:H3K27ac:liver"),
    )
)


@pytest.fixture
def load(tmp_path):
    def load_text(text: str) -> TrackGroups:
        path = tmp_path / "groups.tsv"
        path.write_text(text)
        return load_groups(str(path), TABLE)

    return load_text


def test_identifiers_indices_header_comments_and_more_columns(load):
    groups = load("# mine\ntrack\tgroup\tnote\nCNhs10625\tlung\tadult\n\n0\tliver\n1\tliver\nCNhs10624\tall\n")
    assert groups == TrackGroups(("lung", "liver", "all"), ((2,), (0, 1), (0,)))
    assert groups.tracks == (0, 1, 2)


def test_tracks_are_written_as_for_the_tracks_option(load):
    groups = load("assay:CAGE\tcage\n/liver/\tliver\n0-1\tpair\n0,2\ttwo\n")
    assert groups.members == ((0, 2, 3), (0, 1, 4), (0, 1), (0, 2))


def test_a_track_twice_in_a_group_counts_once(load):
    assert load("0\ta\nCNhs10624\ta\n1\ta\n").members == ((0, 1),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "0\ta\nCNhs10642\ta\n",
            r"groups\.tsv: line 2: CNhs10642: no such identifier; did you mean .*CNhs10624",
        ),
        ("# x\n\n9\ta\n", r"groups\.tsv: line 3: 9: the last track is 4"),
        ("0 a\n", r"groups\.tsv: line 1: '0 a' is not a track and a group; write a track, a tab"),
        ("0\t\n", "line 1: .* is not a track and a group"),
        ("0\tWhole Blood\n", "line 1: group 'Whole Blood' is not one word; write Whole_Blood"),
        ("0\ta\ntrack\tgroup\n", "line 2: track: no such identifier"),
        ("@more\ta\n", "line 1: @more names another file"),
        ("# nothing\n", r"groups\.tsv has no group; write a track"),
    ],
)
def test_a_bad_line_is_named(load, text, message):
    with pytest.raises(InputError, match=message) as caught:
        load(text)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_missing_table():
    with pytest.raises(InputError, match="groups file none cannot be read"):
        load_groups("none", TABLE)
    with pytest.raises(UsageError, match="--targets"):
        load_groups("gtex-v8", None)


def test_packaged_groups_of_one_assay_have_the_tissues_names(caplog):
    caplog.set_level(logging.INFO)
    assert load_groups("gtex-v8:CAGE", TABLE) == TrackGroups(("Liver", "Lung"), ((0,), (2, 3)))
    assert load_groups("GTEx-v8:dnase", TABLE) == TrackGroups(("Liver",), ((1,),))
    first, second = (record.getMessage() for record in caplog.records)
    assert first == "gtex-v8: 48 of 50 groups have no track in this model: left out"
    assert second == "gtex-v8: 36 of 37 groups have no track in this model: left out"


def test_packaged_groups_keep_the_assays_apart():
    assert load_groups("gtex-v8", TABLE).names == ("Liver_CAGE", "Liver_DNASE", "Lung_CAGE")


def test_packaged_groups_that_this_model_cannot_have():
    with pytest.raises(UsageError, match="none of its tracks"):
        load_groups("gtex-v8", TrackTable(TABLE.tracks[4:]))
    with pytest.raises(UsageError, match="gtex-v8:ATAC is unknown; give gtex-v8 or gtex-v8:CAGE, gtex-v8:DNASE"):
        load_groups("gtex-v8:ATAC", TABLE)


def test_weights_by_hand():
    groups = TrackGroups(("liver", "lung"), ((0, 1), (3,)))
    weights = groups.weights([3, 1, 0, 2])
    assert weights.dtype == np.float64
    assert weights.tolist() == [[0, 1], [0.5, 0], [0.5, 0], [0, 0]]
    assert (np.array([10, 3, 5, 99]) @ weights).tolist() == [4, 10]


def test_a_group_needs_its_tracks_predicted():
    with pytest.raises(UsageError, match="group lung needs track 3, which --tracks leaves out"):
        TrackGroups(("lung",), ((2, 3),)).weights([0, 2])


@given(st.lists(st.sets(st.integers(0, 30), min_size=1), min_size=1, max_size=8), st.randoms())
def test_weights_average(members, random):
    groups = TrackGroups(tuple(f"g{i}" for i in range(len(members))), tuple(tuple(rows) for rows in members))
    tracks = list(groups.tracks)
    random.shuffle(tracks)
    predictions = np.arange(31, dtype=np.float64) ** 2
    expected = [predictions[list(rows)].mean() for rows in members]
    np.testing.assert_allclose(predictions[tracks] @ groups.weights(tracks), expected, rtol=1e-6)
