"""The picture of a map."""

import numpy as np
import pytest

from enformer_vep.figures.attention_map import MOST_ROWS, DrawnRow, draw_attention
from enformer_vep.figures.drawing import save_figure

pytest.importorskip("matplotlib")
BINS, START, WIDTH = 12, -256, 128


@pytest.fixture
def attention() -> np.ndarray:
    values = np.random.default_rng(4).random((BINS, BINS)).astype(np.float32)
    values[:, 3] = 1e-20
    return values / values.sum(1, keepdims=True)


def rows(attention: np.ndarray, count: int) -> list[DrawnRow]:
    return [DrawnRow(f"row {number}", (number, number + 1), attention[number]) for number in range(count)]


def test_map_and_rows_lie_on_the_contig(attention, tmp_path):
    figure = draw_attention(attention, START, WIDTH, rows(attention, 2), "title")
    panel, first, second, _ = figure.axes
    (image,) = panel.get_images()
    assert np.allclose(image.get_extent(), np.array([START, START + BINS * WIDTH, START + BINS * WIDTH, START]) / 1e6)
    low = 1 / (1000 * BINS)
    assert np.allclose(image.get_array(), np.maximum(attention, low))
    assert image.norm.vmin == low
    # Queries downwards: the first row of the picture is the first of the map.
    assert image.origin == "upper"
    (steps,) = first.patches[:1]
    assert np.allclose(steps.get_data().values, np.maximum(attention[0], low))
    assert np.allclose(steps.get_data().edges * 1e6, START + WIDTH * np.arange(BINS + 1))
    assert second.get_yscale() == "log"
    assert panel.get_xlim() == second.get_xlim()
    marks = [line.get_ydata() for line in panel.lines]
    assert np.allclose(np.array(marks) * 1e6, [[START + 64, START + 192], [START + 192, START + 320]])
    save_figure(figure, tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 10_000


def test_colours_begin_where_the_map_does(attention):
    figure = draw_attention(attention + 0.01, 0, WIDTH, rows(attention, 1), "title")
    (image,) = figure.axes[0].get_images()
    assert np.isclose(image.norm.vmin, 0.01)


def test_rows_that_are_too_many(attention):
    figure = draw_attention(attention, 0, WIDTH, rows(attention, MOST_ROWS + 2), "title")
    assert figure.axes[0].get_title() == f"title (first {MOST_ROWS} of {MOST_ROWS + 2} rows)"
    assert len(figure.axes) == MOST_ROWS + 2


def test_a_map_without_rows_and_without_spread():
    figure = draw_attention(np.full((4, 4), 0.25, np.float32), 0, WIDTH, [], "flat")
    assert len(figure.axes) == 2
    figure.draw_without_rendering()
