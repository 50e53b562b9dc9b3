"""What the options of a run become: one request of typed values, or click's own message and exit code 2."""

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from enformer_vep.cli.options import as_request, compute_options, input_options, scoring_options
from enformer_vep.settings import (
    Centre,
    ComputeSettings,
    Engine,
    GeneSettings,
    Indels,
    Precision,
    Score,
    ScoreRequest,
    ScoreSettings,
)
from tests.cli.conftest import Outcome

PLAIN = ScoreRequest("v.vcf", Path("g.fa"))


def request_of(*words: str) -> ScoreRequest:
    """The request of a command that has every option of a run."""
    requests: list[ScoreRequest] = []

    @click.command()
    @input_options
    @scoring_options
    @compute_options
    @as_request
    def command(request: ScoreRequest) -> None:
        requests.append(request)

    result = CliRunner().invoke(command, ["v.vcf", "-f", "g.fa", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return requests[0]


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ((), ScoreSettings()),
        (("-s", "sad, js"), ScoreSettings((Score.SAD, Score.JS))),
        (("-s", "all"), ScoreSettings(tuple(Score))),
        (("--bins", "center:3"), ScoreSettings(centre_bins=3)),
        (("--bins", "centre:12"), ScoreSettings(centre_bins=12)),
        (("--shifts", "-1,0,1", "--rc"), ScoreSettings(shifts=(-1, 0, 1), reverse_complement=True)),
        (("--genes", "g.gtf"), ScoreSettings((Score.SADR,), genes=GeneSettings())),
        (
            ("--genes", "g.gtf", "--gene-types", "a, b", "--center", "TSS", "--tss-bins", "5", "-s", "SAD"),
            ScoreSettings(genes=GeneSettings(5, Centre.TSS, ("a", "b"))),
        ),
        (
            ("--genes", "g.gtf", "--transcripts", "MANE Select, T1", "--tss-bins", "10"),
            ScoreSettings((Score.SADR,), genes=GeneSettings(10, transcripts="MANE Select, T1")),
        ),
        (("--groups", "gtex-v8", "-t", "0", "--strict"), ScoreSettings(tracks="0", groups="gtex-v8", strict=True)),
    ],
)  # fmt: skip
def test_what_to_score(words: tuple[str, ...], settings: ScoreSettings) -> None:
    request = request_of(*words)
    assert request.settings == settings
    assert request == replace(PLAIN, settings=settings, genes=Path("g.gtf") if "--genes" in words else None), (
        "nothing else changes"
    )


@pytest.mark.parametrize(
    ("words", "compute"),
    [
        (("--devices", "0, 2"), ComputeSettings(devices=("cuda:0", "cuda:2"))),
        (("--devices", "cpu,cpu"), ComputeSettings(devices=("cpu", "cpu"))),
        (("--batch-size", "8", "--device", "cpu"), ComputeSettings("cpu", 8)),
        (("--threads", "3"), ComputeSettings(threads=3)),
        (("--batch-size", "auto", "--window", "2048", "--piece-size", "9"), ComputeSettings(window=2048, piece_size=9)),
    ],
)  # fmt: skip
def test_where_to_compute(words: tuple[str, ...], compute: ComputeSettings) -> None:
    assert request_of(*words) == replace(PLAIN, compute=compute)


@pytest.mark.parametrize("flag", ["--precision", "--engine", "--indels"])
def test_a_choice_takes_every_value_in_any_case(flag: str) -> None:
    """By value, `fp16`: click 8.2 and later would take the names of an enumeration's members."""
    kind: type[StrEnum] = {"--precision": Precision, "--engine": Engine, "--indels": Indels}[flag]
    for one in kind:
        for word in (one.value, one.value.upper()):
            assert getattr(request_of(flag, word).settings, flag.removeprefix("--")) is one


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("-s", "SAD,FOO"), "choose from SAD, MEAN"),
        (("--bins", "left:3"), "write all, or center:N"),
        (("--bins", "center:0"), "write all, or center:N"),
        (("--shifts", "1,,2"), "such as -1,0,1"),
        (("--batch-size", "0"), "write auto"),
        (("--devices", ""), "such as 0,1, or all"),
        (("--devices", "0,0"), "such as 0,1, or all"),
        (("--devices", ","), "such as 0,1, or all"),
        (("--threads", "0"), "1<=x<=1024"),
        (("--gene-types", " "), "leave the option out for all"),
        (("--precision", "float8"), "'fp16', 'bf16'"),
        (("--calibration", "c", "--add", "z"), "quantile, zscore"),
    ],
)
def test_a_value_that_cannot_be_read(command: Callable[..., Outcome], words: tuple[str, ...], remedy: str) -> None:
    """Named as every other bad value of an option is; before any file is looked at."""
    outcome = command("score", "none.vcf", "-f", "none.fa", *words)
    assert (outcome.code, outcome.out) == (2, "")
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("Error: Invalid value for")]
    assert max(words[-2:], key=lambda word: word.startswith("-")) in line
    assert remedy in line


@pytest.mark.parametrize(
    "words", [("--center", "tss"), ("--gene-types", "x"), ("--transcripts", "canonical"), ("--tss-bins", "4")]
)
def test_options_of_genes_need_an_annotation(command: Callable[..., Outcome], words: tuple[str, ...]) -> None:
    outcome = command("score", "none.vcf", "-f", "none.fa", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert words[0] in outcome.err
    assert "give one with --genes" in outcome.err
