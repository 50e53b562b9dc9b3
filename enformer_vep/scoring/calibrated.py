"""A calibration at work: what it adds to the rows of a run."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from enformer_vep.calibration import (
    Addition,
    Calibration,
    calibration_identity,
    parse_additions,
    read_calibration,
)
from enformer_vep.calibration.comparison import Identity
from enformer_vep.genome.genes import GeneIndex
from enformer_vep.tables.row import VARIANT_CLASS, ValueBlock

if TYPE_CHECKING:
    from enformer_vep.scoring.scorer import Scorer

logger = logging.getLogger(__name__)


def with_calibration(
    scorer: "Scorer", genes: GeneIndex | None, path: Path, additions: Sequence[str] | None
) -> "Scorer":
    """Let a scorer say how large its scores are beside common variants.

    Args:
        scorer: The model, made ready.
        genes: The genes that it is to read out; None for whole windows.
        path: The calibration; `example` for the packaged one.
        additions: What to add; None for quantiles, z-scores, and components if they were fitted and all
            tracks that they need are scored.

    Raises:
        InputError: When the file is no calibration.
        UsageError: When it was made with other settings, or lacks what is wanted.
    """
    calibration = read_calibration(calibration_path(path))
    calibration.require_matching(scorer_identity(scorer, genes), scorer.settings.without_effect)
    layout = scorer.layout
    blocks = layout.blocks
    wanted = _default(calibration, blocks) if additions is None else parse_additions(",".join(additions))
    extension = calibration.extend(blocks, wanted)
    layout = replace(
        layout,
        blocks=blocks + extension.blocks,
        context=(*layout.context, VARIANT_CLASS),
        notes=(*layout.notes, ("calibrated-classes", calibration.describe_classes())),
    )
    return replace(scorer, layout=layout, extension=extension)


def calibration_path(path: Path) -> Path:
    """Where a calibration lies: `example` is the packaged one, unless there is a file of that name."""
    packaged = Path(str(resources.files("enformer_vep"))) / "data" / "example_calibration.safetensors"
    return packaged if str(path) == "example" and not path.exists() else path


def scorer_identity(scorer: "Scorer", genes: GeneIndex | None) -> Identity:
    """What has to be the same in a background and a run.

    The genes themselves as well: another annotation, or other types, have other transcription starts.
    """
    notes = dict(scorer.layout.notes)
    others = {name: notes.get(name, "none") for name in ("targets", "groups")}
    if genes is not None:
        others["genes"] = genes.fingerprint
    return calibration_identity(scorer.settings.describe(), scorer.sha256, scorer.geometry.window, **others)


def _default(calibration: Calibration, blocks: Sequence[ValueBlock]) -> tuple[Addition, ...]:
    some = (Addition.QUANTILE, Addition.ZSCORE)
    if not calibration.has_components:
        return some
    fitted = {one.score: one for one in calibration.scores}
    labels = {block.score: set(block.labels) for block in blocks}
    complete = all(
        set(one.labels) <= labels[score] and one.transform is not None
        for score, one in fitted.items()
        if score in labels
    )
    if not complete:
        logger.info("principal components are left out: they need every track of the calibration")
    return (*some, Addition.COMPONENTS) if complete else some
