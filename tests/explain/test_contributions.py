"""Recipes against plain loops; averages over strands and shifts against the gradient of the average."""

from pathlib import Path

import numpy as np
import pytest
import torch

from enformer_vep.effects.network import one_hot
from enformer_vep.errors import UsageError
from enformer_vep.explain.contributions import around, contributions, pooled
from enformer_vep.explain.contributor import make_contributor
from enformer_vep.explain.target_tracks import choose_targets
from enformer_vep.models.checkpoints import LoadedModel, load_model
from enformer_vep.models.families import FAMILIES
from enformer_vep.scoring.track_tables import own_table
from enformer_vep.settings import ContributionSettings, Precision, Recipe
from tests.models.toy_family import TOY, make_toy_model

RANDOM = np.random.default_rng(5)
CPU = torch.device("cpu")
WINDOW, FIRST, WIDTH = 2048, 512, 128
"""Of `small_model`."""


def plain_contributions(gradients: np.ndarray, codes: np.ndarray, centred: bool) -> np.ndarray:
    result = np.zeros(len(codes))
    for place, code in enumerate(codes):
        if code < 4:
            result[place] = gradients[place, code] - (gradients[place].mean() if centred else 0)
    return result


@pytest.mark.parametrize("recipe", Recipe)
def test_a_base_at_a_time(recipe: Recipe) -> None:
    gradients = RANDOM.normal(size=(3, 2, 40, 4))
    codes = RANDOM.integers(0, 5, size=(3, 1, 40)).astype(np.uint8)
    found = contributions(torch.from_numpy(gradients), torch.from_numpy(codes), recipe)
    assert found.shape == (3, 2, 40)
    for window in range(3):
        for target in range(2):
            expected = plain_contributions(gradients[window, target], codes[window, 0], recipe is Recipe.CALICO)
            np.testing.assert_allclose(found[window, target], expected, rtol=1e-12)


def test_stretches() -> None:
    values = RANDOM.normal(size=(2, 512))
    blocks = values.reshape(2, 4, 128)
    for recipe, expected in (
        (Recipe.NOTEBOOK, np.abs(blocks).mean(axis=2)),
        (Recipe.INPUT, blocks.mean(axis=2)),
        (Recipe.INTEGRATED, blocks.mean(axis=2)),
    ):
        np.testing.assert_allclose(pooled(torch.from_numpy(values), recipe=recipe), expected, rtol=1e-12)
    np.testing.assert_allclose(pooled(torch.from_numpy(values), 1), np.abs(values))
    with pytest.raises(UsageError, match="512 bases do not divide into stretches of 100"):
        pooled(torch.from_numpy(values), 100)


def test_a_gaussian_around_the_middle() -> None:
    """As of Calico's elements: magnitudes within 4 deviations, weighted; cut off at the window's ends."""
    values = RANDOM.normal(size=4096)
    for middle in (0, 64, 2000, 4095):
        places = np.arange(4096)
        weights = np.exp(-0.5 * ((places - middle) / 200) ** 2) * (np.abs(places - middle) <= 800)
        expected = (weights * np.abs(values)).sum() / weights.sum()
        assert float(around(torch.from_numpy(values), [middle])[0]) == pytest.approx(expected, rel=1e-12)
    stretches = pooled(torch.from_numpy(values), 128, Recipe.CALICO)
    assert stretches.shape == (32,)
    torch.testing.assert_close(stretches[3], around(torch.from_numpy(values), [3 * 128 + 64])[0])


@pytest.fixture(scope="module")
def model(small_model: Path) -> LoadedModel:
    return load_model(small_model)


@pytest.mark.parametrize("shifts", [(0,), (-130, 0, 3), (70,)])
@pytest.mark.parametrize("both_strands", [False, True])
def test_views_are_averaged(model: LoadedModel, shifts: tuple[int, ...], both_strands: bool) -> None:
    """The gradient of the average prediction with respect to the genome, computed in one graph."""
    settings = ContributionSettings(
        tracks="1,3", shifts=shifts, reverse_complement=both_strands, precision=Precision.FLOAT64
    )
    contributor = make_contributor(model, settings, own_table(model, "human"), CPU)
    before, behind = contributor.flanks
    stretch = RANDOM.integers(0, 5, size=before + WINDOW + behind).astype(np.uint8)
    first = (contributor.plan.in_use.first - FIRST) // WIDTH
    bins = [2, 3]
    found = contributor.explain(torch.from_numpy(stretch), contributor.targets([bins]))

    x = one_hot(torch.from_numpy(stretch)[None], torch.float64).clone().requires_grad_()
    network, views = contributor.network, []
    for shift in shifts:
        window = x[:, before + shift :][:, :WINDOW]
        strands = [(window, 1), (window.flip(1, 2), -1)] if both_strands else [(window, 1)]
        for strand, direction in strands:
            predicted = network.activate(network.head("human")(network.embed(strand)))
            predicted = predicted if direction == 1 else predicted.flip(1)
            moved = [first + one - round(shift / WIDTH) for one in bins]
            views.append(predicted[0, moved][:, [1, 3]].mean(dim=0))
    values = torch.stack(views).mean(dim=0)
    np.testing.assert_allclose(found.values, values.detach(), rtol=1e-6)
    for number in range(2):
        (expected,) = torch.autograd.grad(values[number], x, retain_graph=True)
        expected = expected[0, before:][:WINDOW].numpy()
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found.gradients[number], expected, rtol=1e-5, atol=1e-7 * scale)
        codes = stretch[before:][:WINDOW]
        np.testing.assert_allclose(
            found.contributions[number], plain_contributions(expected, codes, False), rtol=1e-5, atol=1e-7 * scale
        )


def test_tracks_of_one_strand_change_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PLUS counts A, MINUS counts T: on the other strand they are each other's, and the average is PLUS again."""
    monkeypatch.setitem(FAMILIES, "toy", TOY)
    toy = load_model(make_toy_model(tmp_path / "toy.safetensors"))
    codes = RANDOM.integers(0, 4, size=1024).astype(np.uint8)
    both = make_contributor(
        toy, ContributionSettings(tracks="PLUS", reverse_complement=True), own_table(toy, "human"), CPU
    )
    one = make_contributor(toy, ContributionSettings(tracks="PLUS"), own_table(toy, "human"), CPU)
    expected = one.explain(torch.from_numpy(codes), one.targets([[5, 6]]))
    found = both.explain(torch.from_numpy(codes), both.targets([[5, 6]]))
    np.testing.assert_allclose(found.gradients, expected.gradients, rtol=1e-6)
    assert expected.gradients[0, :, 0].any()


def test_groups_and_means(model: LoadedModel, tmp_path: Path) -> None:
    table = own_table(model, "human")
    (tmp_path / "groups.tsv").write_text("0\tfirst\n3\tfirst\n2\tsecond\n")
    groups = choose_targets(ContributionSettings(groups=str(tmp_path / "groups.tsv")), table, 5)
    assert groups.labels == ("first", "second")
    np.testing.assert_array_equal(groups.weights, [[0.5, 0, 0, 0.5, 0], [0, 0, 1, 0, 0]])
    mean = choose_targets(ContributionSettings(tracks="4,1", average_tracks=True), table, 5)
    assert mean.labels == ("mean",)
    np.testing.assert_array_equal(mean.weights, [[0, 0.5, 0, 0, 0.5]])
    single = choose_targets(ContributionSettings(tracks="4,1"), None, 5)
    assert single.labels == ("4", "1")
    np.testing.assert_array_equal(single.weights, [[0, 0, 0, 0, 1], [0, 1, 0, 0, 0]])


def test_too_many_targets_are_refused() -> None:
    with pytest.raises(
        UsageError, match="5313 tracks would be explained, each with a backward pass: choose at most 64"
    ):
        choose_targets(ContributionSettings(), None, 5313)
    assert len(choose_targets(ContributionSettings(average_tracks=True), None, 5313).labels) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shifts": ()}, "--shifts is empty"),
        ({"shifts": (1, 1)}, "twice in --shifts 1,1"),
        ({"tracks": " "}, "--tracks is empty"),
        ({"queries": ("tss",)}, "--target tss needs an annotation"),
        ({"only_genes": ("A",)}, "--gene chooses from an annotation"),
        ({"groups": "x", "average_tracks": True}, "give one"),
        ({"steps": 0}, "--steps 0"),
        ({"precision": Precision.FLOAT16}, "16 bits are too few"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ContributionSettings(**settings)


def test_everything_that_changes_numbers_is_described() -> None:
    before = ContributionSettings().describe()
    changes: list[dict[str, object]] = [
        {"recipe": Recipe.CALICO}, {"organism": "mouse"}, {"centre_bins": None}, {"queries": ("center",)},
        {"average_tracks": True}, {"reverse_complement": True}, {"shifts": (1,)}, {"width": 1},
        {"precision": Precision.FLOAT64},
    ]  # fmt: skip
    assert all(ContributionSettings(**one).describe() != before for one in changes)
    integrated = ContributionSettings(recipe=Recipe.INTEGRATED)
    assert integrated.describe() != ContributionSettings(recipe=Recipe.INTEGRATED, steps=5).describe()
