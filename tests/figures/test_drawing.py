"""Files of figures."""

import pytest

from enformer_vep.errors import UsageError
from enformer_vep.figures.drawing import new_figure, save_figure, tidy

pytest.importorskip("matplotlib")


@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_formats_by_name_and_equal_bytes(tmp_path, ending, magic):
    for name in ("one", "two"):
        figure = new_figure(3, 2)
        panel = figure.subplots()
        panel.plot([0, 1], [1, 0])
        tidy(panel)
        save_figure(figure, tmp_path / f"{name}.{ending}")
    first = (tmp_path / f"one.{ending}").read_bytes()
    assert first.startswith(magic)
    if ending != "svg":  # matplotlib salts the names of its clip paths
        assert first == (tmp_path / f"two.{ending}").read_bytes()


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(UsageError, match="png, svg, pdf"):
        save_figure(new_figure(1, 1), tmp_path / "figure.jpeg")
    assert list(tmp_path.iterdir()) == []
