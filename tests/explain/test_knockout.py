"""Knock-outs against plain forward passes in float64, over windows that are made of letters."""

import numpy as np
import pytest
import torch

from enformer_vep.effects.effect import reverse_complement
from enformer_vep.effects.network import one_hot, placed_on
from enformer_vep.explain.elements import Element
from enformer_vep.explain.gene_windows import GeneWindow
from enformer_vep.explain.knockout import KnockOuts, knock_out, losses, shuffles_of
from enformer_vep.genome.encoding import encode
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import Gene
from enformer_vep.models.checkpoints import load_model
from enformer_vep.scoring.assembly import make_scorer
from enformer_vep.settings import Centre, ComputeSettings, Engine, GeneSettings, Precision, Score, ScoreSettings
from enformer_vep.settings.explain_enhancers import KnockOut
from tests.builders import make_fasta, random_sequence

LENGTH, WINDOW, FIRST, BINS, WIDTH = 6000, 2048, 512, 8, 128
SEQUENCE = random_sequence(np.random.default_rng(21), LENGTH)
TSS = 3000
GENE = Gene("G", "G", "chr1", True, TSS, (TSS - 300, TSS), TSS)
# Before both starts, between them, around one, after both; longer and shorter than a bin.
ELEMENTS = [Element("chr1", *span) for span in ((2100, 2350), (2760, 2800), (2650, 2750), (3100, 3391), (3900, 3907))]
SHUFFLES, SEED = 3, 9


@pytest.fixture(scope="module")
def model(small_model):
    return load_model(small_model)


@pytest.fixture(scope="module")
def network(model):
    return placed_on(model.network, torch.device("cpu"), torch.float64)


@pytest.fixture
def genome(tmp_path):
    return Genome(make_fasta(tmp_path / "genome.fa", {"chr1": SEQUENCE}))


def settings(**more):
    genes = GeneSettings(centre=Centre.TSS)
    return ScoreSettings(scores=(Score.SADR,), precision=Precision.FLOAT64, tracks="0-2", genes=genes, **more)


def computed(model, genome, kinds, **more):
    """Effect of every element and kind, [elements, kinds, bins, tracks]."""
    scorer = make_scorer(model, settings(**more), ComputeSettings(device="cpu"))
    window = GeneWindow.of(GENE, scorer.geometry, 3)
    views = window.views(genome, scorer.shifts, max(map(len, ELEMENTS)))
    effect = knock_out(scorer, window, views, ELEMENTS, KnockOuts(kinds, SHUFFLES, SEED))
    shape = (len(ELEMENTS), len(kinds), len(window.bins), 3)
    return window, effect.reference.view(shape), effect.delta.view(shape)


def predicted(network, sequence, start, both_strands):
    """Prediction [bins, tracks] of the window that begins at `start` of a sequence that goes on with N."""
    letters = ("N" * WINDOW + sequence + "N" * WINDOW)[start + WINDOW : start + 2 * WINDOW]
    codes = torch.from_numpy(encode(letters))[None]
    with torch.inference_mode():
        forward = network(one_hot(codes, torch.float64))["human"][0, :, :3]
        if not both_strands:
            return forward
        reverse = network(one_hot(reverse_complement(codes), torch.float64))["human"][0, :, :3].flip(0)
        return (forward + reverse) / 2


def expected(network, window, element, kind, shift, both_strands):
    """Reference and alternate [bins of the gene, tracks], from letters."""
    start = TSS - (WINDOW // 2 - 1) + shift
    left, inside, right = SEQUENCE[: element.start], SEQUENCE[element.start : element.end], SEQUENCE[element.end :]
    bins = list(window.bins)
    reference = predicted(network, SEQUENCE, start, both_strands)[bins]
    if kind is KnockOut.UNKNOWN:
        return reference, predicted(network, left + "N" * len(inside) + right, start, both_strands)[bins]
    if kind is KnockOut.SHUFFLED:
        shuffles = shuffles_of(element, encode(inside), SHUFFLES, SEED)
        texts = ["".join("ACGT"[code] for code in shuffle) for shuffle in shuffles]
        assert set(texts) != {inside}
        alternates = [predicted(network, left + text + right, start, both_strands)[bins] for text in texts]
        return reference, torch.stack(alternates).mean(dim=0)
    left_kept = predicted(network, left + right, start, both_strands)[bins]
    right_kept = predicted(network, left + right, start - len(inside), both_strands)[bins]
    last = (element.end - 1 - start - FIRST) // WIDTH
    return reference, torch.where((torch.tensor(bins) <= last)[:, None], left_kept, right_kept)


@pytest.mark.parametrize("kind", KnockOut)
@pytest.mark.parametrize(("engine", "rc"), [(Engine.DELTA, True), (Engine.DELTA, False), (Engine.PAIR, False)])
def test_a_knock_out_is_the_difference_of_two_forward_passes(model, network, genome, kind, engine, rc):
    window, reference, delta = computed(model, genome, (kind,), engine=engine, reverse_complement=rc)
    for number, element in enumerate(ELEMENTS):
        before, after = expected(network, window, element, kind, 0, rc)
        torch.testing.assert_close(reference[number, 0], before, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(delta[number, 0], after - before, rtol=1e-7, atol=1e-11)


def test_kinds_share_a_pass_and_do_not_touch_each_other(model, genome):
    _, reference, together = computed(model, genome, tuple(KnockOut))
    for number, kind in enumerate(KnockOut):
        _, _, alone = computed(model, genome, (kind,))
        torch.testing.assert_close(together[:, number], alone[:, 0], rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(reference, reference[:1, :1].expand_as(reference), rtol=1e-12, atol=0)


def test_shifts_are_averaged(model, network, genome):
    """Shifts of less than half a bin, so that bins are the same in every view."""
    shifts, kinds = (-20, 0, 30), (KnockOut.UNKNOWN, KnockOut.SHUFFLED)
    window, reference, delta = computed(model, genome, kinds, shifts=shifts)
    for number, element in enumerate(ELEMENTS):
        for column, kind in enumerate(kinds):
            pairs = [expected(network, window, element, kind, shift, False) for shift in shifts]
            before, after = (torch.stack(some).mean(dim=0) for some in zip(*pairs, strict=True))
            torch.testing.assert_close(reference[number, column], before, rtol=1e-10, atol=1e-12)
            torch.testing.assert_close(delta[number, column], after - before, rtol=1e-7, atol=1e-11)


def test_more_alternates_than_go_at_once(model, genome, monkeypatch):
    _, _, at_once = computed(model, genome, tuple(KnockOut))
    monkeypatch.setattr("enformer_vep.explain.knockout.LARGEST_GROUP", 4)
    _, _, in_portions = computed(model, genome, tuple(KnockOut))
    torch.testing.assert_close(in_portions, at_once, rtol=1e-12, atol=1e-14)


def test_elements_of_a_window_share_its_reference_pass(model, genome, monkeypatch):
    passes = []
    trace = "enformer_vep.models.enformer.delta.engine.trace_final"
    from enformer_vep.models.enformer.delta import engine

    original = engine.trace_final
    monkeypatch.setattr(trace, lambda *words: passes.append(1) or original(*words))
    computed(model, genome, (KnockOut.UNKNOWN, KnockOut.DELETED), engine=Engine.DELTA)
    assert len(passes) == 1


def test_losses_are_positive_where_the_prediction_falls(model, network, genome):
    window, reference, delta = computed(model, genome, (KnockOut.UNKNOWN,))
    from enformer_vep.effects.effect import Effect

    effect = Effect(reference[:, 0], delta[:, 0])
    in_units, in_folds = losses(effect, Score.SAD, 1.0), losses(effect, Score.SADR, 0.5)
    for number, element in enumerate(ELEMENTS):
        before, after = (one.sum(dim=0) for one in expected(network, window, element, KnockOut.UNKNOWN, 0, False))
        np.testing.assert_allclose(in_units[number], before - after, rtol=1e-5)
        np.testing.assert_allclose(in_folds[number], torch.log2((before + 0.5) / (after + 0.5)), rtol=1e-5)


def test_shuffles_are_of_the_place_and_the_seed():
    codes = encode(SEQUENCE[2100:2350])

    def drawn(*place, seed=1, count=2):
        return [shuffle.tobytes() for shuffle in shuffles_of(Element(*place), codes, count, seed)]

    assert drawn("chr1", 2100, 2350) == drawn("1", 2100, 2350) == drawn("chr1", 2100, 2350, count=5)[:2]
    distinct = [*drawn("chr1", 2100, 2350), *drawn("chr2", 2100, 2350), *drawn("chr1", 2100, 2350, seed=2)]
    assert len(set(distinct)) == len(distinct)
