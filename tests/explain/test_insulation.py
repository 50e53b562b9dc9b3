"""Arithmetic on maps, against definitions written out."""

import numpy as np
import pytest

from enformer_vep.explain.insulation import (
    Reading,
    distance_means,
    map_names,
    measure,
    over_expected,
    read_window,
)


def random_maps(*shape: int) -> np.ndarray:
    maps = np.random.default_rng(1).gamma(2.0, size=shape)
    return maps / maps.sum(axis=-1, keepdims=True)


def test_distance_means_are_those_of_diagonals():
    maps = random_maps(2, 3, 7, 7)
    expected = [[[np.diagonal(one, d).mean() for d in range(-6, 7)] for one in some] for some in maps]
    np.testing.assert_allclose(distance_means(maps), expected)
    np.testing.assert_allclose(distance_means(maps.astype(np.float32)), expected, rtol=1e-6)


def test_over_expected_is_one_on_average_at_every_distance():
    maps = random_maps(2, 9, 9)
    maps[0] *= np.tri(9)  # looks upstream only
    relative = over_expected(maps)
    np.testing.assert_allclose(distance_means(relative), 1)
    q, k = 4, 1
    assert relative[1, q, k] == pytest.approx(maps[1, q, k] / np.diagonal(maps[1], k - q).mean())
    assert (relative[0][np.triu_indices(9, 1)] == 1).all()


@pytest.mark.parametrize("reading", [Reading(arm=3), Reading(arm=2, margin=2, keys=1), Reading(arm=2, keys=3)])
def test_measures_are_what_they_say(reading):
    maps = random_maps(2, 14, 14)
    relative = over_expected(maps)
    edges = np.array([5, 7, 9])
    found = measure(maps, edges, reading)
    assert found.shape == (2, 2, 3)
    for one, own in zip(relative, found, strict=True):
        for column, edge in enumerate(edges):
            left = range(edge - reading.margin - reading.arm, edge - reading.margin)
            right = range(edge + reading.margin, edge + reading.margin + reading.arm)
            within = [np.mean([one[q, k] for q in side for k in side if q != k]) for side in (left, right)]
            across = [np.mean([one[q, k] for q in a for k in b]) for a, b in ((left, right), (right, left))]
            keys = range(edge - reading.keys, edge + reading.keys)
            stripe = np.mean([one[q, k] for q in range(14) if q not in keys for k in keys])
            assert own[0, column] == pytest.approx(np.log2(stripe))
            assert own[1, column] == pytest.approx(np.log2(sum(within) / sum(across)))


def test_the_other_strand_has_the_same_values():
    maps, reading = random_maps(12, 12), Reading(arm=3, margin=1, keys=2)
    np.testing.assert_allclose(measure(maps[::-1, ::-1], [12 - 5], reading), measure(maps, [5], reading))


def test_a_planted_boundary_and_a_planted_stripe_stand_out():
    places = np.arange(32)
    decay = np.exp(-np.abs(places[:, None] - places) / 6)
    sides = places >= 16
    blocked = np.where(sides[:, None] == sides, decay, decay / 4)
    striped = decay.copy()
    striped[:, 14:18] *= 3
    reading = Reading(arm=8, keys=2)
    edges = np.arange(8, 25)
    for maps, row in ((striped, 0), (blocked, 1)):
        profile = measure(maps, edges, reading)[row]
        assert edges[np.argmax(profile)] == 16
        assert profile.max() > 0.5
    flat = measure(decay, edges, reading)
    np.testing.assert_allclose(flat, 0, atol=1e-12)


def test_edges_too_close_to_the_end_are_refused():
    with pytest.raises(ValueError, match="3 tokens"):
        measure(np.ones((8, 8)), [2], Reading(arm=2, margin=1, keys=1))


def test_a_window_is_read_by_head_layer_and_as_a_whole():
    layers = random_maps(3, 2, 10, 10)
    reading = Reading(arm=3, keys=1)
    found = read_window(iter(layers), [4, 5], reading)
    assert found.heads == (2, 2, 2)
    names = map_names(found.heads)
    assert names[:4] == (("0", "0"), ("0", "1"), ("0", "mean"), ("1", "0"))
    assert names[-1] == ("mean", "mean")
    assert found.values.shape == (len(names), 2, 2)
    for name, own in zip(names, found.values, strict=True):
        chosen = layers if name[0] == "mean" else layers[int(name[0])][None]
        chosen = chosen if name[1] == "mean" else chosen[:, [int(name[1])]]
        np.testing.assert_allclose(own, measure(chosen.mean(axis=(0, 1)), [4, 5], reading))
    np.testing.assert_allclose(found.mean, layers.mean(axis=(0, 1)))
    np.testing.assert_allclose(found.relative, over_expected(found.mean))
