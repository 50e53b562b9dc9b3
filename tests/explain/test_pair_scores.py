"""Every method finds the element that a model's prediction rests on, and the numbers are what they say."""

from pathlib import Path

import numpy as np
import pytest
import torch

from enformer_vep.effects.network import one_hot
from enformer_vep.errors import UsageError
from enformer_vep.explain.element_attention import coverage
from enformer_vep.explain.elements import Element, WantedPair, plan_pairs
from enformer_vep.explain.pair_scores import make_pair_scorer
from enformer_vep.genome.encoding import encode
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.models.checkpoints import load_model
from enformer_vep.models.families import FAMILIES
from enformer_vep.settings import Centre, ComputeSettings, GeneSettings, Precision, Score, ScoreSettings
from enformer_vep.settings.contribution_settings import Recipe
from enformer_vep.settings.explain_enhancers import RECIPES, EnhancerSettings, KnockOut, Method
from tests.builders import make_fasta
from tests.explain.planted import PLANTED, WIDTH, WINDOW, make_planted_model, planted_sequence
from tests.models.toy_family import TOY, make_toy_model

TSS, LENGTH = 5000, 10_000
PLANTED_AT = 2
# The planted one is neither the nearest nor the longest; one overlaps a token in part, one lies far away.
ELEMENTS = [Element("chr1", *span) for span in ((4700, 4900), (5300, 5500), (5800, 6000), (6300, 6709), (3011, 3099))]
GENE = Gene("G", "G", "chr1", False, TSS, (TSS,), TSS)


@pytest.fixture
def genome(tmp_path: Path) -> Genome:
    planted = ELEMENTS[PLANTED_AT]
    sequence = planted_sequence(LENGTH, (planted.start, planted.end))
    return Genome(make_fasta(tmp_path / "genome.fa", {"chr1": sequence}))


@pytest.fixture
def planted(tmp_path, monkeypatch):
    monkeypatch.setitem(FAMILIES, "planted", PLANTED)
    return load_model(make_planted_model(tmp_path / "planted.safetensors"))


def settings(score=Score.SADR, methods=(), recipes=RECIPES, **more):
    genes = GeneSettings(centre=Centre.TSS)
    return EnhancerSettings(ScoreSettings(scores=(score,), genes=genes, **more), methods, recipes, steps=8, shuffles=4)


def scored(model, genome, asked, elements=ELEMENTS):
    """Columns and values [elements, columns]."""
    scorer = make_pair_scorer(model, genome, asked, ComputeSettings(device="cpu"))
    (group,) = plan_pairs([WantedPair(one) for one in elements], genome, GeneIndex([GENE]), scorer.reach)
    rows = scorer.rows(group)
    assert [row.pair.element for row in rows] == list(elements)
    return scorer.columns, np.stack([row.values for row in rows])


@pytest.mark.parametrize(
    ("score", "more"),
    [(Score.SAD, {}), (Score.SADR, {"reverse_complement": True, "shifts": (-3, 0, 8)})],
    ids=["one", "views"],
)
def test_every_method_ranks_the_planted_enhancer_first(planted, genome, score, more):
    columns, values = scored(planted, genome, settings(score, recipes=tuple(Recipe), **more))
    of_tracks = [
        *(f"GRADIENT_{recipe.upper()}" for recipe in Recipe),
        "ATTENTION",
        *(f"KNOCKOUT_{kind.upper()}" for kind in KnockOut),
    ]
    expected = [
        column for name in of_tracks for column in ([name] if name == "ATTENTION" else [f"{name}_HIGH", f"{name}_LOW"])
    ]
    assert list(columns) == [*expected, "INVERSE_DISTANCE"]
    of_model = values[:, :-1]
    assert (of_model.argmax(axis=0) == PLANTED_AT).all()
    assert (of_model[PLANTED_AT] > 0).all()
    # Not by a hair: no other element has half as much.
    others = np.delete(of_model, PLANTED_AT, axis=0)
    assert (others < 0.5 * of_model[PLANTED_AT]).all()
    assert values[:, -1].argmax() == 0


def test_the_planted_enhancer_by_distance_where_it_is_nearest(planted, genome):
    _, values = scored(planted, genome, settings(methods=(Method.DISTANCE,)), ELEMENTS[PLANTED_AT:])
    away = [abs(one.centre - TSS) for one in ELEMENTS[PLANTED_AT:]]
    np.testing.assert_allclose(values[:, 0], 1 / np.array(away), rtol=1e-6)
    assert values[:, 0].argmax() == 0


def test_gradient_x_input_is_the_derivative_of_the_loss(planted, genome):
    """Along the element's one-hot rows, from a hundredth less than all of them: central differences in float64."""
    asked = settings(Score.SAD, (Method.GRADIENT,), precision=Precision.FLOAT64, tracks="HIGH")
    columns, values = scored(planted, genome, asked)
    sequence = genome.fetch("chr1", 0, LENGTH).decode()
    start = TSS - (WINDOW // 2 - 1)
    codes = torch.from_numpy(encode(sequence[start : start + WINDOW]))[None]
    network = planted.network.double()
    bins = slice((TSS - start - 1024) // WIDTH - 1, (TSS - start - 1024) // WIDTH + 2)

    def target(x):
        with torch.inference_mode():
            logits = network.head("human")(network.embed(x, bins))
            return float(network.activate(logits)[0, :, 0].sum())

    for element, row in zip(ELEMENTS, values, strict=True):
        x, step = one_hot(codes, torch.float64).clone(), 1e-5
        inside = slice(element.start - start, element.end - start)
        more, less = x.clone(), x.clone()
        more[:, inside] *= 1 + step
        less[:, inside] *= 1 - step
        slope = (target(more) - target(less)) / (2 * step)
        np.testing.assert_allclose(row[columns.index("GRADIENT_INPUT_HIGH")], slope, rtol=1e-5, atol=1e-9)


def test_losses_in_folds_are_those_in_units_over_the_prediction(planted, genome):
    """A gradient of the logarithm is the gradient over the prediction."""
    methods = (Method.GRADIENT,)
    _, in_units = scored(planted, genome, settings(Score.SAD, methods, reverse_complement=True))
    _, in_folds = scored(planted, genome, settings(Score.SADR, methods, reverse_complement=True))
    ratio = in_folds[PLANTED_AT] / in_units[PLANTED_AT]
    per_track = ratio.reshape(len(RECIPES), 2)
    np.testing.assert_allclose(per_track, np.broadcast_to(per_track[0], per_track.shape), rtol=1e-5)
    _, less = scored(planted, genome, settings(Score.SADR, methods, reverse_complement=True, pseudocount=0.5))
    # 1 / ratio = (prediction + pseudocount) ln 2.
    difference = 1 / ratio - 1 / (less[PLANTED_AT] / in_units[PLANTED_AT])
    np.testing.assert_allclose(difference, 0.5 * np.log(2), rtol=1e-3)


def test_attention_is_the_share_that_falls_on_the_element(planted, genome):
    _, values = scored(planted, genome, settings(methods=(Method.ATTENTION,)))
    sequence = genome.fetch("chr1", 0, LENGTH).decode()
    start = TSS - (WINDOW // 2 - 1)
    codes = torch.from_numpy(encode(sequence[start : start + WINDOW]))[None]
    with torch.inference_mode():
        x = one_hot(codes)
        row = planted.network.maps(planted.network.hits(x))[0, 0].double().numpy()
    per_base = np.repeat(row / WIDTH, WIDTH)
    expected = [per_base[one.start - start : one.end - start].sum() for one in ELEMENTS]
    np.testing.assert_allclose(values[:, 0], expected, rtol=1e-5)


def test_coverage_counts_bases():
    shares = coverage([(3, 21), (8, 16), (0, 32)], 4, 8)
    expected = torch.tensor([[5, 8, 5, 0], [0, 8, 0, 0], [8, 8, 8, 8]]) / 8
    torch.testing.assert_close(shares, expected.double())


def test_a_family_without_attention(tmp_path, genome, monkeypatch):
    """Left out by default, refused when asked for."""
    monkeypatch.setitem(FAMILIES, "toy", TOY)
    model = load_model(make_toy_model(tmp_path / "toy.safetensors"))
    columns, values = scored(model, genome, settings(tracks="PLUS", reverse_complement=True), ELEMENTS[:2])
    assert "ATTENTION" not in columns
    assert np.isfinite(values).all()
    with pytest.raises(UsageError, match="family toy have no attention: leave attention out of --methods"):
        scored(model, genome, settings(methods=(Method.ATTENTION,)), ELEMENTS[:2])


def test_stranded_tracks_change_places_on_the_reverse_strand(tmp_path, genome, monkeypatch):
    """The toy treats both strands alike: what it says of one strand is what it says of both."""
    monkeypatch.setitem(FAMILIES, "toy", TOY)
    model = load_model(make_toy_model(tmp_path / "toy.safetensors"))
    near = [Element("chr1", 4990, 5010), Element("chr1", 4960, 4985)]
    _, one = scored(model, genome, settings(precision=Precision.FLOAT64), near)
    _, both = scored(model, genome, settings(precision=Precision.FLOAT64, reverse_complement=True), near)
    assert (one[:, :-1] != 0).any(axis=0).all()
    np.testing.assert_allclose(both, one, rtol=1e-5, atol=1e-7)


def test_too_many_gradients_are_refused(planted, genome, monkeypatch):
    monkeypatch.setattr("enformer_vep.explain.pair_scores.MOST_TARGETS", 1)
    with pytest.raises(UsageError, match=r"gradients of 2 tracks .* choose at most 1 with --tracks or --groups"):
        scored(planted, genome, settings())
    scored(planted, genome, settings(methods=(Method.KNOCK_OUT,)))
