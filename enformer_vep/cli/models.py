"""`enformer-vep models`: what --model takes, and what of it is here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from enformer_vep.models.sources import Checkpoint

COLUMNS = ("MODEL", "STATE", "WINDOW", "BINS", "TRACKS", "PARAMETERS", "SHA256", "WHAT")
WHAT = {
    "enformer": "official weights (enformer-vep download)",
    "example": "small model in this package",
}


@click.command()
@click.argument("paths", nargs=-1)
def models(paths: tuple[str, ...]) -> None:
    """List the models that --model takes, and describe those at PATHS.

    Columns, tab-separated: MODEL, STATE (ready or absent), WINDOW (bp), BINS predicted, TRACKS per head,
    PARAMETERS, SHA256 (first 12 digits of the recorded hash of the weights, or -) and WHAT. Only headers are
    read. Besides enformer and example, --model takes a path:

    \b
    model.safetensors        written by enformer-vep (convert, random-model, train)
    directory/               config.json with model.safetensors or pytorch_model.bin (Hugging Face layout)
    checkpoint (.index)      DeepMind's TensorFlow release, or its directory (needs the extra tensorflow)
    model_human.h5           Basenji2 as published: model_human.h5 and model_mouse.h5 in the storage bucket
                             basenji_barnyard2 (storage.googleapis.com), or as basenji saves it. No such
                             file says which GELU it was trained with: enformer-vep convert --activation
    dnabert:directory/       DNABERT, for score alone: config.json, vocab.txt and weights (needs the extra dnabert);
                             dnabert stands for zhihan1996/DNA_bert_6 in the hub's cache
    """
    click.echo("\t".join(COLUMNS))
    for source in ("enformer", "example", *paths):
        click.echo("\t".join(_describe(source)))


def _describe(source: str) -> tuple[str, ...]:
    from enformer_vep.errors import ModelError
    from enformer_vep.models.sources import Choice, open_checkpoint

    try:
        checkpoint = open_checkpoint(_locate(source), Choice(), offline=True)
    except ModelError:
        if source not in WHAT:
            raise
        return (source, "absent", *["-"] * 5, WHAT[source])
    return (source, "ready", *_properties(checkpoint), WHAT.get(source) or _description(checkpoint))


def _locate(source: str) -> str | Path:
    """Spare the official weights the check of their hash: a listing reads headers only."""
    from enformer_vep.models import hub

    return hub.cached_official_weights() or source if source == hub.OFFICIAL_NAME else source


def _properties(checkpoint: Checkpoint) -> tuple[str, ...]:
    from enformer_vep.models.checkpoints import build_on_meta, count_parameters, tensor_shapes
    from enformer_vep.models.digest import identity

    config = checkpoint.config
    network = build_on_meta(checkpoint.family, config)
    return (
        str(config.window),
        str(network.output.bins),
        ",".join(f"{organism}:{count}" for organism, count in config.output_tracks.items()),
        str(count_parameters(tensor_shapes(network))),
        identity(checkpoint.digests)[:12] if checkpoint.digests else "-",
    )


def _description(checkpoint: Checkpoint) -> str:
    return checkpoint.metadata.get("description", "-")
