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
class EvaluationRequest:
    """A whole evaluation.

    Attributes:
        model: What `--model` takes.
        data: The data; its organism is the head.
        split: Which of its sequences.
        device: "auto", "cpu", "cuda" or "cuda:N".
        batch_size: Sequences at a time.
        workers: Reader processes.
        window: Base pairs to read; None for the model's own.
        limit: Largest number of sequences; 0 for all.
    """

    model: str
    data: DataConfig
    split: str = "test"
    device: str = "auto"
    batch_size: int = 1
    workers: int = 1
    window: int | None = None
    limit: int = 0


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


def evaluate_model(request: EvaluationRequest, progress: Progress) -> EvaluatedModel:
    """Predicts every sequence of a split and compares.

    Args:
        request: What to do.
        progress: Shows how far it is.

    Returns:
        The figures.

    Raises:
        EnformerVepError: Data or model are wrong, or do not fit each other.
    """
    organism, device = request.data.organism, resolve_device(request.device)
    model = load_model(request.model, organisms=None, window=request.window)
    model.network.require_head(organism, model.name)
    data = open_organism(organism, [request.data], model.network.output, (request.split,))
    rows = match_tracks(model, organism, data.targets)
    _, predictor = make_predictor(
        model, ScoreSettings(organism=organism, engine=Engine.PAIR), rows, None, device
    )
    source = data.splits[request.split]
    total = min(len(source), request.limit or len(source))
    batches = evaluation_batches(source, request.batch_size, request.workers, limit=request.limit)
    with progress(total) as advance:
        sums = tally(lambda codes: predictor.predict([codes]), _counted(batches, advance), len(rows), device)
    return EvaluatedModel(model.name, data.targets, sums.result(), total)


def match_tracks(model: LoadedModel, organism: str, targets: TrackTable) -> list[int]:
    """Finds the row of the head for every track of the data.

    Args:
        model: A model; its own track table, if it carries one, says which row is which.
        organism: Which head.
        targets: The tracks of the data, all of the model's or some.

    Returns:
        One row per target. A model without a table has to have as many tracks as the data, in their order.

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
