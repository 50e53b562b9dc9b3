"""What a picture of contributions shows, read back from its panels."""

from dataclasses import replace

import numpy as np
import pytest

from enformer_vep.figures.contribution_map import MOST_LABELS, ZOOM, DrawnContributions, draw_contributions

LENGTH, START = 4096, 10_000


def drawn(labels: int, signed: bool = False) -> DrawnContributions:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(labels, LENGTH)).astype(np.float32)
    blocks = values.reshape(labels, -1, 128)
    return DrawnContributions(
        title="Contributions to GENE, window on chr1:12048",
        start=START,
        position=START + LENGTH // 2 - 1,
        sequence="".join(rng.choice(list("ACGTN"), LENGTH)),
        labels=[f"TRACK{number}" for number in range(labels)],
        contributions=values,
        pooled=blocks.mean(axis=2) if signed else np.abs(blocks).mean(axis=2),
        targets=[(START + 1920, START + 2048), (START + 2048, START + 2176)],
        genes=[("GENE", START + 2000, True), ("OTHER", START + 3000, False)],
        signed=signed,
    )


@pytest.mark.parametrize("signed", [False, True])
def test_panels(signed: bool) -> None:
    pytest.importorskip("matplotlib")
    what = drawn(2, signed)
    figure = draw_contributions(what)
    genes, *panels = figure.axes
    assert sorted(text.get_text() for text in genes.texts) == ["GENE", "OTHER"]
    assert len(panels) == 4
    for number in range(2):
        stretches, bases = panels[2 * number], panels[2 * number + 1]
        np.testing.assert_allclose(stretches.patches[0].get_data().values, what.pooled[number])
        assert bool(stretches.get_ylim()[0] < 0) is signed
        assert stretches.get_xlim() == pytest.approx((START / 1e6, (START + LENGTH) / 1e6))
        letters = sum(len(collection.get_paths()) for collection in bases.collections)
        middle = LENGTH // 2 - 1
        near = what.sequence[middle - ZOOM : middle + ZOOM + 1]
        assert letters == sum(base != "N" for base in near)


def test_only_the_first_tracks_are_drawn() -> None:
    pytest.importorskip("matplotlib")
    figure = draw_contributions(drawn(MOST_LABELS + 2))
    assert len(figure.axes) == 1 + 2 * MOST_LABELS
    assert f"first {MOST_LABELS} of {MOST_LABELS + 2} tracks" in figure.get_suptitle()


def test_without_genes_there_is_no_panel_for_them() -> None:
    pytest.importorskip("matplotlib")
    figure = draw_contributions(replace(drawn(1), genes=[]))
    assert len(figure.axes) == 2
    assert figure.axes[0].get_xlim() == pytest.approx((START / 1e6, (START + LENGTH) / 1e6))


def test_what_is_near_the_target_does_not_dwarf_the_rest() -> None:
    pytest.importorskip("matplotlib")
    what = drawn(1)
    what.pooled[0, 15] = 100
    _, stretches, _ = draw_contributions(what).axes
    far = np.delete(what.pooled[0], slice(15 - 8, 17 + 8))
    assert stretches.get_ylim() == pytest.approx((0, 1.3 * far.max()))
    assert "near the target up to 1e+02" in [text.get_text() for text in stretches.texts]
    what.pooled[0, 0] = 200
    _, stretches, _ = draw_contributions(what).axes
    assert stretches.get_ylim()[1] > 200
    assert len(stretches.texts) == 1
