"""The `tracks` command: what it prints for whom."""

import json
import logging
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from enformer_vep.cli.tracks import tracks
from enformer_vep.errors import UsageError
from enformer_vep.tracks.table import Track, TrackTable

TABLE = TrackTable(
    (
        Track(0, "ENCFF833POA", "DNASE:cerebellum"),
        Track(1, "CNhs12336", "CAGE:liver, adult"),
    )
)


@pytest.fixture
def requests(monkeypatch) -> list[tuple]:
    """Stands in for the loading of tables; records what was asked for."""
    seen: list[tuple] = []

    def load_track_table(*arguments):
        seen.append(arguments)
        return TABLE if arguments[0] != "bare" else None

    fake = SimpleNamespace(load_track_table=load_track_table)
    monkeypatch.setitem(sys.modules, "enformer_vep.scoring.track_tables", fake)
    return seen


def run(*arguments: str) -> str:
    return CliRunner().invoke(tracks, arguments, catch_exceptions=False).stdout


def test_all_tracks_of_the_human_head_are_the_default(requests):
    assert run() == (
        "index\tidentifier\tassay\tdescription\n"
        "0\tENCFF833POA\tDNASE\tDNASE:cerebellum\n"
        "1\tCNhs12336\tCAGE\tCAGE:liver, adult\n"
    )
    assert requests == [("enformer", None, "human")]


def test_options_reach_the_loader(requests, tmp_path):
    run("--model", "mine", "--organism", "mouse", "--targets", str(tmp_path))
    assert requests == [("mine", tmp_path, "mouse")]


@pytest.mark.usefixtures("requests")
def test_a_pattern_narrows_the_list():
    assert run("LIVER").splitlines()[1:] == ["1\tCNhs12336\tCAGE\tCAGE:liver, adult"]


@pytest.mark.usefixtures("requests")
def test_json_has_the_index_as_a_number():
    assert json.loads(run("--json", "/^CN/")) == [
        {"index": 1, "identifier": "CNhs12336", "assay": "CAGE", "description": "CAGE:liver, adult"}
    ]


@pytest.mark.usefixtures("requests")
def test_no_match_gives_a_header_and_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        assert run("kidney") == "index\tidentifier\tassay\tdescription\n"
    assert caplog.messages == ["none of the 2 human tracks matches kidney"]


@pytest.mark.usefixtures("requests")
def test_a_model_without_a_table_says_how_to_give_one():
    with pytest.raises(UsageError, match="model bare has no track table for human; give one with --targets"):
        run("--model", "bare")


def test_help_shows_examples_line_by_line():
    assert "\n    enformer-vep tracks GM12878  " in run("--help")


@pytest.mark.usefixtures("requests")
def test_groups_are_listed_with_their_tracks():
    listed = (
        "group\tindex\tidentifier\tassay\tdescription\n"
        "Brain_Cerebellar_Hemisphere\t0\tENCFF833POA\tDNASE\tDNASE:cerebellum\n"
        "Brain_Cerebellum\t0\tENCFF833POA\tDNASE\tDNASE:cerebellum\n"
    )
    assert run("--groups", "gtex-v8:DNASE") == listed
    assert run("--groups", "gtex-v8:DNASE", "liver") == listed.partition("\n")[0] + "\n"


def test_a_file_of_groups_as_json(requests, tmp_path):
    path = tmp_path / "groups.tsv"
    path.write_text("CNhs12336\torgans\nCNhs12336\tliver\nENCFF833POA\torgans\n")
    assert [(row["group"], row["index"]) for row in json.loads(run("--groups", str(path), "--json"))] == [
        ("organs", 1),
        ("organs", 0),
        ("liver", 1),
    ]
