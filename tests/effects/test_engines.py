import pytest
import torch

from enformer_vep.effects.effect import Portions
from enformer_vep.effects.predictor import Predictor
from enformer_vep.errors import UsageError
from enformer_vep.models.families import FAMILIES, family_of
from enformer_vep.settings import Engine, Precision
from tests.effects.test_delta import sad, small_network, substitutions

ENFORMER = FAMILIES["enformer"]


@pytest.mark.parametrize("tracks", [None, (2, 0)])
def test_engines_agree(tracks: tuple[int, ...] | None) -> None:
    batch, network = substitutions(5), small_network(4)
    made = [
        ENFORMER.make_engine(engine, network, "human", tracks, slice(10, 30), Precision.FLOAT32, Portions(1, 2))
        for engine in Engine
    ]
    first, *others = (sad(engine.predict(batch)) for engine in made)
    for other in others:
        torch.testing.assert_close(first, other, rtol=1e-2, atol=1e-5)


def test_every_engine_predicts_windows_as_it_predicts_references() -> None:
    batch, network = substitutions(3), small_network(4)
    for engine in Engine:
        made = ENFORMER.make_engine(engine, network, "human", None, slice(5, 40))
        predictor = Predictor(made, torch.device("cpu"), (slice(None),), both_strands=True)
        windows = predictor.predict([batch.reference])[batch.owner]
        torch.testing.assert_close(windows, predictor.effect([batch]).reference, rtol=1e-5, atol=1e-6)


def test_the_engine_of_a_family() -> None:
    assert family_of(small_network(1)) is ENFORMER
    assert ENFORMER.choose_engine(None) is Engine.DELTA
    assert ENFORMER.choose_engine(Engine.PAIR) is Engine.PAIR
    plain = type(ENFORMER)("plain", ENFORMER.configuration, ENFORMER.network, {})
    assert plain.choose_engine(None) is Engine.PAIR
    with pytest.raises(UsageError, match="--engine delta: models of the family plain have none; use pair"):
        plain.choose_engine(Engine.DELTA)
