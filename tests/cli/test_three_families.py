"""One VCF through three families of models: shards, joined, exported, compared."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.basenji2_models import make_basenji2_model
from tests.builders import make_vcf
from tests.cli.conftest import CONTIGS, Outcome
from tests.models.tiny_bert import make_bert

Command = Callable[..., Outcome]
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}


@pytest.fixture(params=["enformer", "basenji2", "dnabert"])
def model(request: pytest.FixtureRequest, small_model: Path, tmp_path: Path) -> str:
    if request.param == "enformer":
        return str(small_model)
    if request.param == "basenji2":
        return str(make_basenji2_model(tmp_path / "basenji2.safetensors"))
    pytest.importorskip("transformers")
    make_bert(tmp_path / "bert", k=6)
    return f"dnabert:{tmp_path / 'bert'}"


def test_shards_are_joined_and_exported(
    command: Command, model: str, tmp_path: Path, fasta: Path, sequences: dict[str, str]
) -> None:
    text = sequences["chr1"]
    records = [("chr1", place, f"v{place}", text[place - 1], OTHER[text[place - 1]]) for place in range(4000, 4120, 20)]
    vcf = make_vcf(tmp_path / "six.vcf", [*records, ("chr1", 4500, "symbolic", text[4499], "<DEL>")], CONTIGS)
    common = ("-f", fasta, "-m", model, "--device", "cpu", "--piece-size", 2)
    whole = command("score", vcf, *common)
    assert whole.code == 0, whole.err
    assert [row[2] for row in whole.table[1:]] == [*(str(record[2]) for record in records), "symbolic"]
    assert [row[5] for row in whole.table[1:]] == ["ok"] * 6 + ["symbolic_allele"]
    parts = [tmp_path / f"part.{number}.tsv" for number in (1, 2)]
    for number, part in enumerate(parts, start=1):
        assert command("score", vcf, *common, "--shard", f"{number}/2", "-o", part).code == 0
    joined, exported = tmp_path / "joined.tsv", tmp_path / "scores.vcf"
    assert command("merge", *parts, "-o", joined).code == 0
    assert joined.read_text() == whole.out
    assert command("export", joined, "-o", exported).code == 0
    assert sum(not line.startswith("#") for line in exported.read_text().splitlines()) == 7
    same = command("compare", joined, joined)
    assert same.code == 0, same.err
    assert {row[3] for row in same.table[1:]} == {"1"}
