"""What a run says of the order and the density of its variants."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import pytest

from enformer_vep.effects.network import Front
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.variants import Variant
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.operations import count_operations
from enformer_vep.scoring.advice import SAMPLE, share_of_operations, warn_if_unsorted, with_advice
from enformer_vep.settings import Centre, Engine, GeneSettings, Indels, ScoreSettings
from tests.toys import CountingEngine, toy_scorer

FULL = EnformerConfig()
FRONT, OPERATIONS, GEOMETRY = Front(128, 259), count_operations(FULL), FULL.output


def at(*positions: int, contig: str = "chr1", alternate: str = "C") -> list[Variant]:
    return [Variant(contig, position, ".", "A", alternate) for position in positions]


def every(step: int, count: int = SAMPLE, alternate: str = "C") -> list[Variant]:
    return at(*range(1_000_000, 1_000_000 + step * count, step), alternate=alternate)


def share(variants: Sequence[Variant], indels: Indels = Indels.LOCAL) -> float:
    return share_of_operations(variants, FRONT, OPERATIONS, GEOMETRY, indels)


def test_share_by_hand() -> None:
    """Of 3.75 TFLOP without heads, a variant every 150 bp takes its change and its window above the tokens."""
    assert share(every(150, 4000)) == pytest.approx((OPERATIONS.window + OPERATIONS.alternate) / 3.75e12, abs=0.02)
    assert share(every(30, 4000)) < 0.35
    assert share(every(2_000_000)) > 1
    # Two alternates of a local indel in either way; half a window more of one that moves a flank.
    window, change = OPERATIONS.window, OPERATIONS.alternate
    local = share(every(150, 4000, alternate="CC"))
    assert local == pytest.approx((window + 2 * change) / (3.75e12 + change), abs=0.02)
    half = (3.75e12 - window - change) / 2
    moved = pytest.approx((window + change + half) / (3.75e12 + half), abs=0.02)
    assert share(every(150, 4000, alternate="C" * 66)) == moved
    assert share(every(150, 4000, alternate="CC"), Indels.STITCH) == moved


@pytest.mark.parametrize(
    ("variants", "late"),
    [
        (at(1, 5, 5000, 9000), None),
        (at(5000, 4100, 9000), None),
        (at(5000, 3900, 100), "chr1:3900"),
        (at(5) + at(5, contig="chr2") + at(7), "chr1:7"),
    ],
)
def test_unsorted_input_is_named_once(
    variants: list[Variant], late: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    assert list(warn_if_unsorted(variants, 1000)) == variants
    assert len(caplog.messages) == (late is not None)
    assert all(message.startswith(f"{late} ") for message in caplog.messages)


def messages(
    variants: list[Variant],
    caplog: pytest.LogCaptureFixture,
    settings: ScoreSettings = ScoreSettings(),  # noqa: B008
) -> list[str]:
    caplog.clear()
    made = replace(toy_scorer(CountingEngine(), GEOMETRY, settings, 1), front=FRONT, operations=OPERATIONS)
    with caplog.at_level(logging.INFO):
        assert list(with_advice(variants, made)) == variants
    return caplog.messages


def test_the_grid_is_recommended_where_it_pays(caplog: pytest.LogCaptureFixture) -> None:
    (message,) = messages(every(150, 2 * SAMPLE), caplog)
    assert "lie at 6,693 per Mb: with --window-grid they would take about" in message
    assert messages(every(150, SAMPLE - 1), caplog) == []
    assert messages(every(400_000), caplog) == []
    by_gene = GeneSettings(centre=Centre.TSS)
    for settings in (
        ScoreSettings(window_grid=True),
        ScoreSettings(share_windows=100),
        ScoreSettings(engine=Engine.PAIR),
        ScoreSettings(genes=by_gene),
    ):
        assert messages(every(150), caplog, settings) == []


def test_other_networks_get_no_advice(caplog: pytest.LogCaptureFixture) -> None:
    made = toy_scorer(CountingEngine(), Geometry(64, 0, 4, 16), ScoreSettings(), 1)
    with caplog.at_level(logging.INFO):
        assert list(with_advice(every(150), made)) == every(150)
    assert caplog.messages == []
