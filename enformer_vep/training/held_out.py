"""How well a model predicts held-out data: what the command `evaluate` computes."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from torch import Tensor

from enformer_vep.effects.devices import resolve_device
from enformer_vep.errors import InputError
from enformer_vep.models.checkpoints import LoadedModel, load_model
from enformer_vep.scoring.assembly import make_predictor
from enformer_vep.scoring.track_tables import track_table
from enformer_vep.settings import Engine, ScoreSettings
from enformer_vep.tracks.table import TrackTable
from enformer_vep.training.configuration import DataConfig
from enformer_vep.training.datasets import open_organism
from enformer_vep.training.loading import evaluation_batches
from enformer_vep.training.validation import Evaluation, tally

Progress = Callable[[int], AbstractContextManager[Callable[[int], object]]]
"""Given the number of sequences, shows a bar; what it yields is called with how many more are done."""


@dataclass(frozen=True, slots=True)
class EvaluatedModel:
    """The answer.

    Attributes:
        model: Name of the model.
        targets: The tracks that were compared.
        evaluation: Figures in the order of `targets`.
        sequences: Number of sequences.
    """

    model: str
    targets: TrackTable
    evaluation: Evaluation
    sequences: int


def evaluate_model(
    name: str,
    data: DataConfig,
    progress: Progress,
    *,
    split: str,
    device: str,
    batch_size: int,
    workers: int,
    window: int | None,
    limit: int | None,
) -> EvaluatedModel:
    """Predicts every sequence of a split and compares.

    Args:
        name: What `--model` takes.
        data: The data; its organism is the head.
        progress: Shows how far it is.
        split: Which of its sequences.
        device: "auto", "cpu", "cuda" or "cuda:N".
        batch_size: Sequences at a time.
        workers: Reader processes.
        window: Base pairs to read; None for the model's own.
        limit: Largest number of sequences; None for all.

    Raises:
        EnformerVepError: Data or model are wrong, or do not fit each other.
    """
    organism, chosen = data.organism, resolve_device(device)
    model = load_model(name, organisms=None, window=window)
    model.network.require_head(organism, model.name)
    own = open_organism(organism, [data], model.network.output, (split,))
    rows = match_tracks(model, organism, own.targets)
    settings = ScoreSettings(organism=organism, engine=Engine.PAIR)
    _, predictor = make_predictor(model, settings, rows, None, chosen)
    source = own.splits[split]
    total = min(len(source), limit or len(source))
    batches = evaluation_batches(source, batch_size, workers, limit=total)
    with progress(total) as advance:
        sums = tally(lambda codes: predictor.predict([codes]), _counted(batches, advance), len(rows), chosen)
    return EvaluatedModel(model.name, own.targets, sums.result(), total)


def match_tracks(model: LoadedModel, organism: str, targets: TrackTable) -> list[int]:
    """Finds the row of the head for every track of the data.

    Args:
        model: A model; its own track table, if it carries one, says which row is which.
        organism: Which head.
        targets: The tracks of the data, all of the model's or some. A model without a table has to have as many,
            in their order.

    Raises:
        InputError: A track is not in the model, or the numbers differ.
    """
    table = track_table(model, organism)
    if table is None:
        if len(targets) != model.config.output_tracks[organism]:
            raise InputError(
                f"model {model.name} has {model.config.output_tracks[organism]} {organism} tracks without names, "
                f"the data {len(targets)}; give the targets table that it was trained with"
            )
        return list(range(len(targets)))
    found = {target.identifier: table.find(target.identifier) for target in targets}
    absent = [identifier for identifier, track in found.items() if track is None]
    if absent:
        raise InputError(
            f"track {absent[0]} (and {len(absent) - 1} more) of the data is not one of model {model.name}; "
            "leave such tracks out of the targets table"
        )
    return [track.index for track in found.values() if track is not None]


def _counted(
    batches: Iterable[tuple[Tensor, Tensor]], advance: Callable[[int], object]
) -> Iterator[tuple[Tensor, Tensor]]:
    for codes, values in batches:
        yield codes, values
        advance(len(codes))
