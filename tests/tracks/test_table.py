"""The track table: the published layout, its errors, and back to text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enformer_vep.errors import InputError
from enformer_vep.tracks.table import Track, TrackTable, require_same_tracks

# Three rows each of the published tables (calico/basenji, manuscripts/cross2020), paths shortened.
HUMAN = (
    "index\tgenome\tidentifier\tfile\tclip\tscale\tsum_stat\tdescription\n"
    "0\t0\tENCFF833POA\tcoverage.w5\t32\t2\tmean\tDNASE:cerebellum male adult (27 years)\n"
    "1\t0\tENCFF110QGM\tcoverage.w5\t32\t2\tmean\tDNASE:frontal cortex male adult (27 years)\n"
    "2\t0\tCNhs12333\tcoverage.w5\t384\t1\tsum\tCAGE:B lymphoblastoid cell line: GM12878 ENCODE, biol_\n"
)
MOUSE = (
    "index\tgenome\tidentifier\tfile\tclip\tscale\tsum_stat\tdescription\n"
    "5313\t1\tENCFF866ZTV\tcoverage.w5\t32\t2\tmean\tDNASE:B6D2F1/J 416B\n"
    "5314\t1\tENCFF695LHM\tcoverage.w5\t32\t2\tmean\tDNASE:BALB/cAnN A20\n"
)


def test_the_published_layout():
    table = TrackTable.from_text(HUMAN)
    assert len(table) == 3
    assert table[2] == Track(
        index=2,
        identifier="CNhs12333",
        description="CAGE:B lymphoblastoid cell line: GM12878 ENCODE, biol_",
        file="coverage.w5",
        clip=384.0,
        scale=1.0,
        sum_stat="sum",
    )
    assert [track.assay for track in table] == ["DNASE", "DNASE", "CAGE"]


def test_mouse_tracks_are_numbered_from_the_first_row_of_their_head():
    assert [track.index for track in TrackTable.from_text(MOUSE)] == [0, 1]


def test_the_identifier_alone_is_enough():
    table = TrackTable.from_text("identifier\nliver\nbrain\n")
    assert list(table) == [Track(0, "liver"), Track(1, "brain")]
    assert table[0].assay == ""


def test_windows_line_ends_blank_lines_and_short_rows():
    table = TrackTable.from_text("identifier\tdescription\tclip\r\na\tCAGE:x\t1.5\r\n\r\nb\r\n")
    assert list(table) == [Track(0, "a", "CAGE:x", clip=1.5), Track(1, "b")]


def test_find_wants_the_exact_spelling():
    table = TrackTable.from_text(HUMAN)
    assert table.find("CNhs12333") is table[2]
    assert table.find("cnhs12333") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1 has no column identifier"),
        ("index description\n", "line 1 has no column identifier"),
        ("identifier\tclip\na\tlots\n", "line 2: clip 'lots' is not a number"),
        ("identifier\na\nb\na\n", "line 4: identifier a is the same as in mine.txt: line 2"),
        ("identifier\ttext\na b\tx\n", "line 2: identifier 'a b' is not one word"),
        ("description\tidentifier\nCAGE:x\n", "line 2: identifier '' is not one word"),
        ("index\tidentifier\n0\ta\n2\tb\n", "line 3: index '2' does not follow the line before"),
        ("index\tidentifier\nzero\ta\n", "line 2: index 'zero' does not follow"),
    ],
)
def test_a_malformed_table_is_named_with_its_line(text, message):
    with pytest.raises(InputError, match=rf"^mine\.txt: {re.escape(message)}.*; .+") as caught:
        TrackTable.from_text(text, source="mine.txt")
    assert "\n" not in str(caught.value)


def test_reading_a_file(tmp_path):
    path = tmp_path / "targets.txt"
    path.write_text(HUMAN, encoding="utf-8-sig")
    assert TrackTable.read(path) == TrackTable.from_text(HUMAN)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"], ids=["absent", "binary"])
def test_a_file_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "targets.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"targets\.txt: cannot read the track table: .*; give a tab-separated"):
        TrackTable.read(path)


numbers = st.none() | st.floats(min_value=0, allow_infinity=False)
words = st.text("ABCdef0123._-", min_size=1, max_size=8)
sentences = st.text("CAGE:biol, (27 years)/'\"#é", max_size=20)


@given(st.lists(st.tuples(words, sentences, numbers, numbers, st.none() | words), unique_by=lambda row: row[0]))
def test_text_and_back(rows):
    columns = ("identifier", "description", "clip", "scale", "sum_stat")
    lines = ["\t".join("" if field is None else str(field) for field in fields) for fields in (columns, *rows)]
    tracks = tuple(
        Track(index, name, text, clip=clip, scale=scale, sum_stat=pooling)
        for index, (name, text, clip, scale, pooling) in enumerate(rows)
    )
    assert TrackTable.from_text("\n".join(lines)) == TrackTable(tracks)


def test_partners_are_named_by_the_index_column():
    table = TrackTable.from_text(
        "index\tidentifier\tfile\tclip_soft\tstrand_pair\n5\ta\ta.bw\t16\t6\n6\tb\t\tNA\t5\n7\tc\t\tnan\t\n"
    )
    assert [track.strand_partner for track in table] == [1, 0, None]
    assert [(track.file, track.clip_soft) for track in table] == [("a.bw", 16.0), ("", None), ("", None)]
    assert table.with_partners([0, 2]) == ((0, 2, 1), (2, 1, 0))


@pytest.mark.parametrize(
    ("name", "count", "first", "assays"),
    [
        ("human", 5313, "ENCFF833POA", {"ATAC": 10, "CAGE": 638, "CHIP": 3991, "DNASE": 674}),
        ("mouse", 1643, "ENCFF866ZTV", {"ATAC": 127, "CAGE": 357, "CHIP": 1058, "DNASE": 101}),
    ],
)
def test_the_published_tables(shared_directory, name, count, first, assays):
    table = TrackTable.read(shared_directory / "data" / "targets" / f"targets_{name}.txt")
    assert len(table) == count
    assert table[0].identifier == first
    found = [track.assay for track in table]
    assert {assay: found.count(assay) for assay in set(found)} == assays


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("BAC", "mine: track 0 is B, but A in the table of model m: the same tracks in another order; put "),
        ("ACB", "mine: track 1 is C, but B in the table of model m: the same tracks in another order; put "),
        (
            "ABX",
            "mine: track 2 is X, but C in the table of model m, which has no X; give the table of model m",
        ),
        (
            "BAX",
            "mine: track 0 is B, but A in the table of model m, which has no X; give the table of model m",
        ),
        ("AB", "mine: 2 tracks listed, but model m has 3; give the table of model m, or none"),
    ],
)
def test_the_first_difference_of_two_tables_is_named(listed, message):
    require_same_tracks("ABC", "ABC", "mine", "model m")
    with pytest.raises(InputError, match=re.escape(message)):
        require_same_tracks(listed, "ABC", "mine", "model m")


def test_a_fingerprint_is_of_identifiers_and_their_order():
    a, b = Track(0, "a", "CAGE:x"), Track(1, "b")
    fingerprint = TrackTable((a, b)).fingerprint
    assert fingerprint == TrackTable((Track(0, "a", "other words"), b)).fingerprint
    assert fingerprint != TrackTable((Track(0, "b"), Track(1, "a"))).fingerprint


def test_a_partner_that_names_another_track_is_refused() -> None:
    rows = "0\tA\t1\n1\tB\t2\n2\tC\t1\n"
    with pytest.raises(InputError, match="line 2: strand_pair is not that of the track which it names"):
        TrackTable.from_text("index\tidentifier\tstrand_pair\n" + rows)
