"""One training run from its configuration: what the command `train` calls."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from enformer_vep.effects.network import Network
from enformer_vep.errors import ModelError, OutputError, UsageError
from enformer_vep.models.checkpoints import LoadedModel, load_model
from enformer_vep.models.families import Configuration
from enformer_vep.scoring.track_tables import own_table
from enformer_vep.tracks.table import require_same_tracks
from enformer_vep.training.baked import bake
from enformer_vep.training.configuration import DataConfig, TrainingConfig
from enformer_vep.training.datasets import open_organism, open_reader, required, targets_of
from enformer_vep.training.loop import CHECKPOINT_NAME, Bar, Progress, Trainer
from enformer_vep.training.sequences import read_sequences, tile

logger = logging.getLogger(__name__)

_SPLITS = ("train", "valid")
# Keys of [model] that the weights of a trained trunk leave open.
_FREE = {
    "window",
    "target_length",
    "positional_window",
    "output_tracks",
    "dropout",
    "attention_dropout",
    "position_dropout",
}


def train(
    config: TrainingConfig,
    folder: Path,
    resume: bool,
    should_stop: Callable[[], bool] = lambda: False,
    show: Bar | None = None,
) -> Progress:
    """Trains a model.

    Args:
        config: What to do.
        folder: Where the run's files go; made when absent.
        resume: Whether to continue from the folder's checkpoint.
        should_stop: Asked after every step, see `Trainer.run`.
        show: Shows a bar, likewise.

    Raises:
        EnformerVepError: Data, configuration or model are wrong, or the folder holds another run.
    """
    if not resume and (folder / CHECKPOINT_NAME).exists():
        raise OutputError(f"{folder} holds a run already; continue it with --resume or choose another --output")
    network = make_network(config)
    data = [open_organism(organism, config.data, network.output, _SPLITS) for organism in config.organisms]
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, network, data, folder)
    if resume:
        trainer.resume()
    return trainer.run(should_stop, show)


def make_network(config: TrainingConfig) -> Network:
    """Builds the network that a run starts from: random, or `init.model` under its own heads or new ones."""
    tracks = {data.organism: len(targets_of(data)) for data in config.data}
    torch.manual_seed(config.run.seed)
    if config.init.model is None:
        return config.family.network(config.shape(tracks))
    keeps_heads = config.init.heads == "keep"
    trained = load_model(config.init.model, organisms=None if keeps_heads else ())
    network = _take_weights(trained, config, tracks)
    if keeps_heads:
        _require_own_tracks(trained, config)
    return network


def _require_own_tracks(trained: LoadedModel, config: TrainingConfig) -> None:
    """Rows of a head that is kept go on with the tracks that they have learnt."""
    for data in config.data:
        own = own_table(trained, data.organism)
        if own is not None and data.organism in trained.network.organisms:
            given = targets_of(data).identifiers
            source = f"data section of {data.organism}, targets"
            require_same_tracks(given, own.identifiers, source, f"init.model {trained.name}")


def _take_weights(trained: LoadedModel, config: TrainingConfig, tracks: dict[str, int]) -> Network:
    """Puts the weights of a trained network under heads for the data."""
    shape = _fine_tuned_shape(trained, config, tracks)
    for organism in trained.network.organisms:
        own = trained.network.head(organism).out_features
        if organism in tracks and own != tracks[organism]:
            raise UsageError(
                f"init.heads: {config.init.model} has {own} {organism} tracks, the data "
                f'{tracks[organism]}: use heads = "new"'
            )
    network = trained.family.network(shape)
    names = network.state_dict().keys()
    weights = {name: weight for name, weight in trained.network.state_dict().items() if name in names}
    network.load_state_dict(weights, strict=False)
    return network


def _fine_tuned_shape(trained: LoadedModel, config: TrainingConfig, tracks: dict[str, int]) -> Configuration:
    known = {**trained.network.config.to_dict(), "family": trained.family.name}
    for name, value in config.model.items():
        if name in known.keys() - _FREE and value != known[name]:
            raise UsageError(f"model.{name} is fixed by init.model ({known[name]}); remove it from the configuration")
    changed = {**trained.network.config.to_dict(), **config.shape_keys, "output_tracks": tracks}
    try:
        shape: Configuration = trained.family.configuration.from_dict(changed)
        return shape
    except (ModelError, TypeError) as error:
        raise UsageError(f"section [model]: {error}; correct the configuration") from None


def bake_data(config: TrainingConfig) -> None:
    """Writes the baked file of every data section that names one.

    Every contig that its sequences name is kept from its start to the end of the last window.

    Raises:
        EnformerVepError: A file is missing or malformed, or no section names a baked file.
    """
    sections = [data for data in config.data if data.baked is not None]
    if not sections:
        raise UsageError("no [[data]] section names a file to bake; add the key 'baked'")
    for data in sections:
        _bake_section(config, data)


def _bake_section(config: TrainingConfig, data: DataConfig) -> None:
    data, path = replace(data, baked=None), required(data.baked, "baked", data)
    targets = targets_of(data)
    geometry = config.shape({data.organism: len(targets)}).output
    sequences = read_sequences(required(data.sequences, "sequences", data))
    reader = open_reader(data, targets, geometry.width, {sequence.contig for sequence in sequences})
    extents: dict[str, int] = {}
    # A row narrower than a window's bins is read past its end, and sequence also as far as shifts go.
    reach = geometry.predicted + geometry.first + config.augmentation.max_shift
    for sequence in sequences:
        last = tile(sequence, geometry.predicted, geometry.width, grid=True)[0].last
        needed = min(last + reach, reader.contigs[sequence.contig])
        extents[sequence.contig] = max(extents.get(sequence.contig, 0), needed)
    bake(path, reader, extents, targets, geometry.width, data.rule)
    size = path.stat().st_size / 1e6
    logger.info("%s: %d contigs, %d tracks, %.1f MB", path, len(extents), len(targets), size)
