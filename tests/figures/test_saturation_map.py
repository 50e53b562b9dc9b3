"""Logos and maps: what is drawn where, read back from the figure."""

import numpy as np
import pytest

from enformer_vep.errors import UsageError
from enformer_vep.figures.drawing import BASES, new_figure, save_figure
from enformer_vep.figures.logo import draw_logo
from enformer_vep.figures.saturation_map import MOST_BASES, Band, MappedStretch, draw_saturation

pytest.importorskip("matplotlib")


def stretch(length: int, seed: int = 0, **more: object) -> MappedStretch:
    rng = np.random.default_rng(seed)
    sequence = "".join(rng.choice(list("ACGT"), length))
    centred = rng.normal(size=(length, 4))
    centred -= centred.mean(axis=1, keepdims=True)
    own = np.array([centred[place, "ACGT".index(base)] for place, base in enumerate(sequence)])
    return MappedStretch("a title", 1001, sequence, centred, own, **more)  # type: ignore[arg-type]


def letters(panel) -> dict[str, list[tuple[float, float, float, float]]]:
    """Boxes of the letters by base, in data units."""
    from matplotlib.colors import to_hex

    found = {}
    for collection in panel.collections:
        colour = to_hex(collection.get_facecolor()[0]) if len(collection.get_facecolor()) else None
        base = next((base for base, one in BASES.items() if one == colour), None)
        if base:
            boxes = [path.get_extents() for path in collection.get_paths()]
            found[base] = [(box.x0, box.x1, box.y0, box.y1) for box in boxes]
    return found


def test_letters_are_as_high_as_their_values():
    panel = new_figure(3, 2).subplots()
    draw_logo(panel, "ACGTNA", np.array([2.0, -1.5, 0.5, np.nan, 1.0, 0.0]), [11, 12, 13, 14, 15, 16])
    found = letters(panel)
    assert {base: len(boxes) for base, boxes in found.items() if boxes} == {"A": 1, "C": 1, "G": 1}
    for base, place, low, high in (("A", 11, 0, 2), ("C", 12, -1.5, 0), ("G", 13, 0, 0.5)):
        np.testing.assert_allclose(found[base][0], (place - 0.46, place + 0.46, low, high), atol=1e-6)


def test_one_line_shows_a_logo_and_a_map():
    one = stretch(30, marked=(4, 6))
    figure = draw_saturation([one], "SAD_X")
    logo, heat, *_ = figure.axes
    assert sum(map(len, letters(logo).values())) == 30
    image = heat.get_images()[0]
    np.testing.assert_array_equal(np.asarray(image.get_array()), one.centred.T)
    assert tuple(image.get_extent()) == (1000.5, 1030.5, 3.5, -0.5)
    assert image.get_clim() == (-abs(one.centred).max(), abs(one.centred).max())
    assert [text.get_text() for text in heat.get_xticklabels()] == ["1,020"]
    low, high = logo.get_ylim()
    assert low < one.contributions.min()
    assert high > one.contributions.max()


def test_long_stretches_are_broken_into_lines_and_none_is_lost(tmp_path):
    one = stretch(230, bands=(Band(95, 104, "M1 +"), Band(97, 105, "M2 -"), Band(200, 210, "M3 +")))
    figure = draw_saturation([one], "SAD_X", "all")
    maps = [panel.get_images()[0] for panel in figure.axes if panel.get_images()]
    shown = np.concatenate([np.asarray(image.get_array()) for image in maps], axis=1)
    np.testing.assert_array_equal(shown, one.centred.T)
    names = [text.get_text() for panel in figure.axes for text in panel.texts]
    assert names == ["M1 +", "M2 -", "M1 +", "M2 -", "M3 +"]
    rows = [text.get_position()[1] for panel in figure.axes for text in panel.texts]
    assert rows == [0, 1, 0, 1, 0]
    save_figure(figure, tmp_path / "one.png", resolution=40)
    assert (tmp_path / "one.png").stat().st_size > 1000


def test_both_sides_have_one_scale(tmp_path):
    left, right = stretch(21), stretch(25, seed=1, marked=(10, 15))
    figure = draw_saturation([left, right], "SAD_X")
    limits = {panel.get_images()[0].get_clim() for panel in figure.axes if panel.get_images()}
    assert len(limits) == 1
    assert {panel.get_ylim() for panel in figure.axes[::2][:2]} == {figure.axes[0].get_ylim()}
    assert [panel.get_title() for panel in figure.axes if panel.get_title()] == ["a title", "a title"]
    save_figure(figure, tmp_path / "two.svg")


def test_nothing_but_unknown_bases_can_be_drawn(tmp_path):
    empty = MappedStretch("none", 1, "NNN", np.zeros((3, 4)), np.full(3, np.nan))
    save_figure(draw_saturation([empty], "SAD_X"), tmp_path / "none.png", resolution=40)


def test_too_long_for_a_figure():
    with pytest.raises(UsageError, match=f"at most {MOST_BASES}"):
        draw_saturation([stretch(MOST_BASES + 1)], "SAD_X")
