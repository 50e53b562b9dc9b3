"""Curves and bins, drawn."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from enformer_vep.figures.drawing import save_figure
from enformer_vep.figures.precision_recall import BinPanel, Curve, CurvePanel, draw_precision_recall

RECALL, PRECISION = np.array([0.2, 0.6, 1.0]), np.array([1.0, 0.75, 0.3])


def test_curves_keep_their_colour_and_bins_their_intervals(tmp_path):
    both = {name: Curve(f"{name}, AUPRC 0.5", RECALL, PRECISION) for name in ("A", "B")}
    values = np.array([[0.5, 0.4, 0.6], [np.nan] * 3, [0.9, 0.95, 0.99]])
    bins = BinPanel("by distance", ["0-3kb", "3-12kb", "12-35kb"], {"A": values, "B": values}, "AUPRC")
    figure = draw_precision_recall([CurvePanel("all", both, 0.1), CurvePanel("near", {"B": both["B"]}, 0.2)], bins)
    first, second, third = figure.axes
    colours = {line.get_label(): line.get_color() for line in first.lines[1:]}
    assert len(set(colours.values())) == 2
    assert second.lines[1].get_color() == colours["B, AUPRC 0.5"]
    np.testing.assert_array_equal(first.lines[1].get_xydata(), np.stack([RECALL, PRECISION], axis=1))
    assert first.lines[0].get_ydata()[0] == 0.1
    points = third.containers[0].lines[0].get_xydata()
    assert points[:, 1].tolist() == [0.5, 0.9]
    assert [label.get_text() for label in third.get_xticklabels()] == list(bins.bins)
    save_figure(figure, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_curves_alone():
    assert len(draw_precision_recall([CurvePanel("all", {"A": Curve("A", RECALL, PRECISION)}, 0.5)]).axes) == 1
