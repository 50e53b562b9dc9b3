"""`enformer-vep convert`: any model into one safetensors file."""

from collections.abc import Mapping
from pathlib import Path

import click

from enformer_vep.cli.options import FILE, model_to_write

DTYPES = ("float32", "float16", "bfloat16")


@click.command()
@click.argument("source")
@click.argument("output", type=FILE, callback=model_to_write)
@click.option(
    "--dtype",
    type=click.Choice(DTYPES),
    default="float32",
    show_default=True,
    help="Type of the stored numbers. The 16-bit types halve the file and change the scores slightly.",
)
@click.option("--organism", type=click.Choice(["human", "mouse", "both"]), help="Heads to keep; default: all.")
@click.option("--targets-human", type=FILE, help="Track table (targets.txt) of the human head to carry along.")
@click.option("--targets-mouse", type=FILE, help="Track table (targets.txt) of the mouse head to carry along.")
@click.option("--window", type=click.IntRange(min=1), help="Window in bp to record; default: the model's, 196608.")
@click.option("--target-length", type=int, help="Bins to predict to record; -1 for all bins of the window.")
@click.option(
    "--activation",
    type=click.Choice(["sigmoid", "tanh"]),
    help="Which GELU a Basenji2 was trained with; default: sigmoid, as the published models.",
)
def convert(
    source: str,
    output: Path,
    dtype: str,
    organism: str | None,
    targets_human: Path | None,
    targets_mouse: Path | None,
    window: int | None,
    target_length: int | None,
    activation: str | None,
) -> None:
    """Turn any model that --model takes into one safetensors file OUTPUT.

    The file holds the weights, the configuration, the hash of the weights and the track tables.

    \b
    enformer-vep convert enformer enformer.safetensors
    enformer-vep convert sonnet_weights/ enformer.safetensors --targets-human targets_human.txt
    enformer-vep convert model_human.h5 basenji2.safetensors --targets-human targets_human.txt
    """
    import torch

    from enformer_vep.files.writing import require_destinations
    from enformer_vep.models.checkpoints import load_model, save_model
    from enformer_vep.scoring.track_tables import track_table

    require_destinations([output], [source, targets_human, targets_mouse])
    organisms = (organism,) if organism in {"human", "mouse"} else None
    model = load_model(source, organisms, window, target_length=target_length, activation=activation)
    tables = {"human": targets_human, "mouse": targets_mouse}
    given = {name: path for name, path in tables.items() if path and name in model.network.organisms}
    for name, path in given.items():
        track_table(model, name, path)
    carried = {**model.metadata, **_read_tables(given)}
    for absent in {"human", "mouse"} - set(model.network.organisms):
        carried.pop(f"targets_{absent}", None)
    sha256 = save_model(model.network, output, carried, getattr(torch, dtype))
    click.echo(f"{output}\t{sha256}")


def _read_tables(paths: Mapping[str, Path]) -> dict[str, str]:
    """As they are, with columns that only training reads; a byte order mark is no part of a table."""
    return {f"targets_{organism}": path.read_text(encoding="utf-8-sig") for organism, path in paths.items()}
