"""The families of networks: the one place where a new one is plugged in.

A family works with the engine `pair`, and with everything behind it, on the day it is added; engines of its own
come first where it has any.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from enformer_vep.effects.effect import EffectEngine
from enformer_vep.effects.guards import MemoryGuard
from enformer_vep.effects.network import Network
from enformer_vep.effects.pair import PairEngine
from enformer_vep.errors import ModelError, UsageError
from enformer_vep.genome.bins import Geometry
from enformer_vep.models.basenji2.config import Basenji2Config
from enformer_vep.models.basenji2.delta import engine as basenji2_engines
from enformer_vep.models.basenji2.network import Basenji2
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.delta import engine as enformer_engines
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.settings import Engine


class Configuration(Protocol):
    """Shape of a network: a frozen dataclass whose fields go into the file of a model."""

    @property
    def window(self) -> int:
        """Base pairs that the network reads."""

    @property
    def output_tracks(self) -> Mapping[str, int]:
        """Tracks of each organism's head."""

    @property
    def output(self) -> Geometry:
        """The window, and all its output bins."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`; raises ModelError on a key or a shape that cannot be."""


@dataclass(frozen=True, slots=True)
class Family:
    """One architecture.

    Attributes:
        name: As in the files of its models.
        configuration: Type of its configurations (`Configuration`).
        network: Type of its networks, made of a configuration and, if not all are wanted, the heads.
        engines: Its own engines, the default first (`enformer_vep.effects.effect.EffectEngine`).
    """

    name: str
    configuration: Any
    network: Callable[..., Network]
    engines: Mapping[Engine, Any]

    def choose_engine(self, wanted: Engine | None) -> Engine:
        """The engine of a run, the family's default when None; raises UsageError when the family has no such engine."""
        if wanted is None:
            return next(iter(self.engines), Engine.PAIR)
        if wanted is not Engine.PAIR and wanted not in self.engines:
            raise UsageError(f"--engine {wanted}: models of the family {self.name} have none; use pair")
        return wanted

    def make_engine(self, engine: Engine | None, network: Network, *wanted: Any) -> EffectEngine:
        """Make an engine that survives a full device; raises UsageError as `choose_engine` does.

        Args:
            engine: Which; None for the family's default.
            network: The model, in eval mode, on the device that is to be used.
            wanted: Organism, tracks, bins, precision and portions: see
                `enformer_vep.effects.engine.NetworkEngine`.
        """
        kind = self.engines.get(self.choose_engine(engine), PairEngine)
        return MemoryGuard(kind(network, *wanted))


FAMILIES: dict[str, Family] = {
    "enformer": Family(
        "enformer",
        EnformerConfig,
        Enformer,
        {Engine.DELTA: enformer_engines.DeltaEngine, Engine.ADJOINT: enformer_engines.AdjointEngine},
    ),
    "basenji2": Family(
        "basenji2",
        Basenji2Config,
        Basenji2,
        {Engine.DELTA: basenji2_engines.DeltaEngine, Engine.ADJOINT: basenji2_engines.AdjointEngine},
    ),
}
"""By name."""


def find_family(name: str) -> Family:
    """Look a family up by the name that a file gives; raises ModelError when this version does not know it."""
    if name not in FAMILIES:
        raise ModelError(f"models of the family {name} are not known here, only {', '.join(FAMILIES)}")
    return FAMILIES[name]


def family_of(network: Network) -> Family:
    """The family that a network belongs to."""
    return next(one for one in FAMILIES.values() if one.network is type(network))
