"""What a training run is made of, read from a TOML file.

Unknown keys are errors that name them: a misspelt setting must not be a setting silently left at its default.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

from enformer_vep.errors import InputError, ModelError, UsageError
from enformer_vep.models.families import Configuration, Family, find_family
from enformer_vep.training.coverage import ABSENT_RULES, ZERO, CoverageRule
from enformer_vep.training.example_sources import Augmentation
from enformer_vep.training.targets import CLIP_FIRST, SQUASH_ORDERS

DEFAULT_FAMILY = "enformer"


@dataclass(frozen=True, slots=True)
class DataConfig:
    """One set of examples: `fasta`, `sequences` and `targets`, or `tfrecords`, or `baked` and both tables.

    Attributes:
        organism: Head that learns from it.
        targets: Targets table; with `tfrecords` the folder's own `targets.txt` unless given.
        sequences: BED file with a split column; with `tfrecords` the folder's own `sequences.bed`.
        fasta: Reference genome, plain or BGZF.
        baked: File that `--bake` wrote, instead of the FASTA and the coverage files.
        tfrecords: Folder in the layout of the published Basenji2 data; its values are summarised and squashed
            already, so that the three keys below do not apply.
        absent: What positions that a bigWig leaves out are, see `CoverageRule`.
        blacklist: BED file of positions that are unknown whatever the bigWigs say.
        squash: "clip-first" or "scale-first", see `Squash`.
    """

    organism: str = "human"
    targets: Path | None = None
    sequences: Path | None = None
    fasta: Path | None = None
    baked: Path | None = None
    tfrecords: Path | None = None
    absent: str = ZERO
    blacklist: Path | None = None
    squash: str = CLIP_FIRST

    def __post_init__(self) -> None:
        _require_choice("data.absent", self.absent, ABSENT_RULES)
        _require_choice("data.squash", self.squash, SQUASH_ORDERS)
        for name, default in (("absent", ZERO), ("blacklist", None), ("squash", CLIP_FIRST)):
            if self.tfrecords is not None and getattr(self, name) != default:
                raise UsageError(f"tfrecords are summarised and squashed already; remove {name}")

    @property
    def rule(self) -> CoverageRule:
        """What is known where the bigWigs are silent."""
        return CoverageRule(self.absent, self.blacklist)


@dataclass(frozen=True, slots=True)
class InitConfig:
    """Where the weights come from.

    Attributes:
        model: Model to fine-tune, anything that `--model` accepts; None to start from random weights.
        heads: "new" for random heads of the data's sizes, "keep" for the model's own.
        freeze: "none", "trunk" or "layers:N", see `enformer_vep.training.optimizer.frozen_layers`.
    """

    model: str | None = None
    heads: str = "new"
    freeze: str = "none"

    def __post_init__(self) -> None:
        _require_choice("init.heads", self.heads, ("new", "keep"))


@dataclass(frozen=True, slots=True)
class OptimizerConfig:
    """How weights move. The defaults are the paper's.

    Attributes:
        name: "adam" or "adamw".
        rate: Learning rate after the warm-up.
        warmup_steps: Steps over which it rises linearly from zero.
        decay: After the warm-up: "none" or "cosine".
        clip_norm: Largest norm of all gradients together; 0 for no clipping.
        weight_decay: For matrices and convolutions only.
        beta1: Decay of the gradient's mean.
        beta2: Decay of the gradient's square.
        epsilon: Added to the square's root.
        layer_decay: Each layer below the heads learns at this share of the rate of the layer above it.
        ema_decay: Per-step decay of an exponential moving average of the weights, which is then what is
            evaluated and saved; 0 for none.
    """

    name: str = "adam"
    rate: float = 5e-4
    warmup_steps: int = 5000
    decay: str = "none"
    clip_norm: float = 0.2
    weight_decay: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    layer_decay: float = 1.0
    ema_decay: float = 0.0

    def __post_init__(self) -> None:
        _require_choice("optimizer.name", self.name, ("adam", "adamw"))
        _require_choice("optimizer.decay", self.decay, ("none", "cosine"))


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How long, how much at a time, and what is kept.

    Attributes:
        steps: Optimizer steps.
        batch_size: Examples that one process has in memory at a time.
        accumulate: Batches whose gradients make one step.
        seed: Of the weights, the order of the examples, their variation and dropout.
        precision: "auto" (bfloat16 on a GPU that has it, else float32), "bf16" or "no". Heads and loss are
            always in float32.
        workers: Reader processes.
        evaluate_every: Steps between evaluations on the validation split.
        checkpoint_every: Steps between checkpoints that a run resumes from; they are also written on leaving.
        patience: Evaluations without improvement after which the run ends; 0 to never end early.
        evaluation_examples: Largest number of validation examples; 0 for all.
        compile: Compile the network (torch.compile).
        dtype: Type of the weights in the saved model, "float32" or "float16".
    """

    steps: int = 150_000
    batch_size: int = 4
    accumulate: int = 1
    seed: int = 0
    precision: str = "auto"
    workers: int = 2
    evaluate_every: int = 1000
    checkpoint_every: int = 1000
    patience: int = 0
    evaluation_examples: int = 0
    compile: bool = False
    dtype: str = "float32"

    def __post_init__(self) -> None:
        _require_choice("run.precision", self.precision, ("auto", "bf16", "no"))
        _require_choice("run.dtype", self.dtype, ("float32", "float16"))
        for name in ("steps", "batch_size", "accumulate", "evaluate_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise UsageError(f"run.{name} must be at least 1, not {getattr(self, name)}; correct it")


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """A whole training run.

    Attributes:
        data: Sets of examples, at least one.
        model: Shape of the model, and as `family` what kind of model it is, an Enformer unless said otherwise;
            `output_tracks` is left to the data.
        init: Where the weights come from.
        optimizer: How weights move.
        augmentation: How examples are varied.
        run: How long and how much at a time.
        provenance: Free text that travels with the model.
    """

    data: tuple[DataConfig, ...]
    model: Mapping[str, Any] = field(default_factory=dict)
    init: InitConfig = field(default_factory=InitConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)
    run: RunConfig = field(default_factory=RunConfig)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def organisms(self) -> tuple[str, ...]:
        """Heads, in the order in which the data name them."""
        return tuple(dict.fromkeys(data.organism for data in self.data))

    @property
    def family(self) -> Family:
        """What kind of model it is; raises UsageError when [model] names one that is not known."""
        try:
            return find_family(self.model.get("family", DEFAULT_FAMILY))
        except (ModelError, TypeError) as error:
            raise UsageError(f"model.family: {error}; correct the configuration") from None

    @property
    def shape_keys(self) -> dict[str, Any]:
        """What [model] says of the shape."""
        return {name: value for name, value in self.model.items() if name != "family"}

    def shape(self, tracks: Mapping[str, int]) -> Configuration:
        """The model's shape, given each organism's number of tracks.

        Raises:
            UsageError: The section [model] names something unknown or impossible.
        """
        if "output_tracks" in self.model:
            raise UsageError("model.output_tracks follows from the targets tables; remove it from the configuration")
        try:
            shape: Configuration = self.family.configuration.from_dict({**self.shape_keys, "output_tracks": tracks})
            return shape
        except (ModelError, TypeError) as error:
            raise UsageError(f"section [model]: {error}; correct the configuration") from None


def read_config(path: Path) -> TrainingConfig:
    """Reads a training configuration from a TOML file. Paths in it are relative to its folder.

    Raises:
        InputError: The file cannot be read.
        UsageError: A key is unknown or a value impossible.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"configuration {path} cannot be read ({error}); check the path") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"configuration {path} is not TOML ({error}); correct it") from None
    try:
        return parse_config(values, path.parent)
    except UsageError as error:
        raise UsageError(f"configuration {path}: {error}") from None


def parse_config(values: Mapping[str, Any], folder: Path) -> TrainingConfig:
    """Builds a configuration from the values of a TOML file in a folder; see `read_config`."""
    _refuse_unknown(values, TrainingConfig, "")
    data = values.get("data")
    if not isinstance(data, list) or not data:
        raise UsageError("there is no [[data]] section; say what to train on")
    kinds = {"init": InitConfig, "optimizer": OptimizerConfig, "augmentation": Augmentation, "run": RunConfig}
    sections = {name: _build(kind, values[name], name, folder) for name, kind in kinds.items() if name in values}
    return TrainingConfig(
        data=tuple(_build(DataConfig, entry, "data", folder) for entry in data),
        model=_table(values.get("model", {}), "model"),
        provenance=_table(values.get("provenance", {}), "provenance"),
        **sections,
    )


def _build(kind: type[Any], values: Any, section: str, folder: Path) -> Any:
    _refuse_unknown(_table(values, section), kind, f"{section}.")
    hints = get_type_hints(kind)
    return kind(**{name: _convert(value, hints[name], f"{section}.{name}", folder) for name, value in values.items()})


def _convert(value: Any, hint: Any, name: str, folder: Path) -> Any:
    kind = get_args(hint)[0] if isinstance(hint, UnionType) else hint  # as in `Path | None`
    if kind is Path and isinstance(value, str):
        return folder / Path(value).expanduser()
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise UsageError(f"{name} must be of type {kind.__name__}, not {value!r}; correct it")
    return value


def _table(values: Any, section: str) -> Mapping[str, Any]:
    if not isinstance(values, dict):
        raise UsageError(f"{section} must be a section; write [{section}]")
    return values


def _refuse_unknown(values: Mapping[str, Any], kind: type[Any], prefix: str) -> None:
    known = [entry.name for entry in fields(kind)]
    unknown = [f"{prefix}{name}" for name in values if name not in known]
    if unknown:
        raise UsageError(f"unknown key {', '.join(unknown)}; known here are {', '.join(known)}")


def _require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(f"{name} {value!r} is not known; use one of {', '.join(choices)}")
