"""The run's account in JSON."""

import json

import pytest

from enformer_vep.errors import OutputError
from enformer_vep.files.summary import write_summary


def test_it_reads_back_in_order(tmp_path):
    summary = {
        "version": "0.1.0",
        "counts": {"ok": 3, "too_long": 1},
        "model": {"path": "modèle"},
        "rate": 1.5,
    }
    path = tmp_path / "summary.json"
    write_summary(str(path), summary)
    text = path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert list(json.loads(text)) == list(summary)
    assert json.loads(text) == summary


def test_a_number_that_json_cannot_hold_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_summary(str(tmp_path / "summary.json"), {"rate": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(OutputError, match="is a folder"):
        write_summary(str(tmp_path), {})
