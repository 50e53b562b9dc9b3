"""The grammar of --tracks, token by token, on a table small enough to read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enformer_vep.errors import InputError, UsageError
from enformer_vep.tracks.selection import search_tracks, select_tracks
from enformer_vep.tracks.table import Track, TrackTable

TABLE = TrackTable(
    (
        Track(0, "ENCFF833POA", "DNASE:cerebellum male adult (27 years), left"),
        Track(1, "ENCFF110QGM", "DNASE:frontal cortex"),
        Track(2, "GSM1208591.1", "CHIP:H3K27ac:liver"),
        Track(3, "CNhs12333", "CAGE:B lymphoblastoid cell line: GM12878 ENCODE, biol_"),
        Track(4, "CNhs12336", "CAGE:liver, adult"),
        Track(5, "UW1.1", "DNASE:B6D2F1/J 416B"),
        Track(6, "own-7", "CAGE:liver, adult"),
    )
)


def select(specification: str) -> tuple[int, ...]:
    return select_tracks(specification, TABLE, len(TABLE))


@pytest.mark.parametrize(
    ("specification", "expected"),
    [
        ("3", (3,)),
        ("0-2", (0, 1, 2)),
        ("2-2", (2,)),
        ("CNhs12336", (4,)),
        ("own-7", (6,)),
        ("assay:CAGE", (3, 4, 6)),
        ("ASSAY:dnase", (0, 1, 5)),
        ("/liver/", (2, 4, 6)),
        ("/LIVER/i", (2, 4, 6)),
        ("/^CAGE.*liver/", (4, 6)),
        ("/liver, adult/", (4, 6)),
        (r"/27 years\), left/", (0,)),
        ("/e{1,2}/,3", (0, 1, 2, 3, 4, 6)),
        ("/F1/J/", (5,)),
        (r"/F1\/J/", (5,)),
        ("/F1/J/,/frontal/", (5, 1)),
        (" 4 , 0-1,, CNhs12336 ,", (4, 0, 1)),
        ("3,assay:CAGE", (3, 4, 6)),
        ("6,assay:CAGE,0", (6, 3, 4, 0)),
    ],
)
def test_tokens(specification, expected):
    assert select(specification) == expected


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        ("7", "--tracks 7: the last track is 6"),
        ("5-7", "--tracks 5-7: the last track is 6"),
        ("3-1", "--tracks 3-1: the range runs backwards; write 1-3"),
        ("0,CNhs12334", "--tracks CNhs12334: no such identifier; did you mean CNhs1233"),
        ("cnhs12333", "--tracks cnhs12333: no such identifier; did you mean CNhs12333"),
        ("liver", "--tracks liver: no such identifier; 3 descriptions have it: write /liver/i"),
        ("-1", "--tracks -1: no such identifier; search with: enformer-vep tracks PATTERN"),
        ("assay:RNA", "--tracks assay:RNA: no such assay; the table has CAGE, CHIP, DNASE"),
        ("assay:", "--tracks assay:: no such assay"),
        ("/kidney/", "--tracks /kidney/: no description matches; search with"),
        ("/LIVER/", "--tracks /LIVER/: no description matches"),
        ("/27 years), left/", "/27 years), left/: is no regular expression"),
        ("/(/", "/(/: is no regular expression"),
        ("/liver", "--tracks /liver: the expression has no end; close it with a slash"),
        ("", "--tracks selects nothing"),
        (" , ", "--tracks selects nothing"),
    ],
)
def test_errors_name_the_token_and_the_remedy(specification, message):
    with pytest.raises(UsageError) as caught:
        select(specification)
    assert str(caught.value).startswith(message)
    assert ";" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_digits_are_an_index_unless_they_are_another_track_s_identifier():
    table = TrackTable((Track(0, "0"), Track(1, "7"), Track(2, "1")))
    assert select_tracks("0", table, 3) == (0,)
    with pytest.raises(UsageError, match="also the identifier of track 2; write 1-1 or 2-2"):
        select_tracks("1", table, 3)
    assert select_tracks("1-1,2-2", table, 3) == (1, 2)


def test_without_a_table_indices_and_ranges_work():
    assert select_tracks("8,0-2", None, 9) == (8, 0, 1, 2)


@pytest.mark.parametrize("specification", ["ENCFF833POA", "assay:CAGE", "/liver/"])
def test_without_a_table_names_say_what_is_missing(specification):
    with pytest.raises(UsageError, match="needs the model's track table; give it with --targets"):
        select_tracks(specification, None, 9)


def test_a_table_of_another_head_is_refused():
    with pytest.raises(InputError, match="the track table has 7 rows and the model's head 5313"):
        select_tracks("0", TABLE, 5313)


def test_a_file_holds_one_specification_per_line(tmp_path):
    path = tmp_path / "tracks.txt"
    path.write_text("# my tracks\nCNhs12336\tCAGE:liver, adult\n\n  0-1  \r\n/liver, adult/\n")
    assert select(f"3,@{path},2") == (3, 4, 0, 1, 6, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0\nENCFF\n", r"tracks\.txt: line 2: --tracks ENCFF: no such identifier; "),
        ("@other.txt\n", r"tracks\.txt: line 1: @other\.txt names another file; "),
        ("# nothing\n\n", r"the file names no track; "),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_line(tmp_path, content, message):
    path = tmp_path / "tracks.txt"
    path.write_text(content)
    with pytest.raises(UsageError, match=message):
        select(f"@{path}")


@pytest.mark.parametrize("name", ["absent.txt", "."])
def test_a_file_that_cannot_be_read(tmp_path, name):
    with pytest.raises(InputError, match=r"cannot read the list of tracks: .*; name a text file"):
        select(f"@{tmp_path / name}")


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12))
def test_order_is_that_of_first_mention_without_duplicates(indices):
    names = [TABLE[index].identifier if index % 2 else str(index) for index in indices]
    assert list(select(",".join(names))) == sorted(set(indices), key=indices.index)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6]),
        ("LIVER", [2, 4, 6]),
        ("cnhs", [3, 4]),
        ("(27", [0]),
        ("/^CN/", [3, 4]),
        ("/^cn/i", [3, 4]),
        ("/^CAGE/", [3, 4, 6]),
        ("F1/J", [5]),
        ("kidney", []),
    ],
)
def test_search_looks_in_identifiers_and_descriptions(pattern, expected):
    assert [track.index for track in search_tracks(pattern, TABLE)] == expected


def test_search_refuses_a_broken_expression():
    with pytest.raises(UsageError, match="is no regular expression"):
        search_tracks("/[/", TABLE)


def test_the_published_tables_select_by_every_kind_of_token(shared_directory):
    table = TrackTable.read(shared_directory / "data" / "targets" / "targets_human.txt")
    assert select_tracks("ENCFF136DBS", table, 5313) == (table.find("ENCFF136DBS").index,)
    assert len(select_tracks("assay:cage", table, 5313)) == 638
    assert select_tracks("/GM12878 ENCODE, biol_/", table, 5313)[:1] == (5110,)
    for track in table:
        assert select_tracks(track.identifier, table, 5313) == (track.index,)
