"""`enformer-vep random-model`: a toy model for trials, tests and benchmarks."""

from pathlib import Path

import click

from enformer_vep.cli.options import FILE, Decorator, model_to_write, together
from enformer_vep.errors import UsageError


def _number(flag: str, field: str, default: int, about: str) -> Decorator:
    return click.option(flag, field, default=default, show_default=True, help=about)


@click.command("random-model")
@click.argument("output", type=FILE, callback=model_to_write)
@together(
    _number("--channels", "channels", 96, "Width of the transformer; published: 1536."),
    _number("--layers", "transformer_layers", 2, "Transformer blocks; published: 11."),
    _number("--heads", "attention_heads", 4, "Attention heads; published: 8."),
    _number("--key-size", "key_size", 64, "Query and key size of a head."),
    _number("--channel-multiple", "channel_multiple", 16, "Tower widths are multiples of this; published: 128."),
    _number("--tracks", "tracks", 8, "Human tracks; published: 5313."),
    _number("--mouse-tracks", "mouse_tracks", 0, "Mouse tracks, 0 for no mouse head; published: 1643."),
    _number("--window", "window", 196_608, "Base pairs to read."),
)
@click.option("--target-length", type=int, help="Bins to predict; default: as the published model crops.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same file.")
def random_model(
    output: Path, tracks: int, mouse_tracks: int, target_length: int | None, seed: int, **shape: int
) -> None:
    """Write a model with random weights to OUTPUT (.safetensors). ITS SCORES MEAN NOTHING.

    It is for trying the program out, for tests and for benchmarks. Without options it is small; the
    published shape is --channels 1536 --layers 11 --heads 8 --channel-multiple 128 --tracks 5313
    --mouse-tracks 1643.

    \b
    enformer-vep random-model toy.safetensors
    enformer-vep score variants.vcf.gz -f hg38.fa --model toy.safetensors | head
    """
    from enformer_vep.models.checkpoints import save_model
    from enformer_vep.models.enformer.config import EnformerConfig
    from enformer_vep.models.enformer.randomised import random_network
    from enformer_vep.models.sources import count_tokens, default_target_length

    if not tracks and not mouse_tracks:
        raise UsageError("a model needs a head: give --tracks or --mouse-tracks")
    if target_length is None:
        target_length = default_target_length(count_tokens({"window": shape["window"]}))
    heads = {organism: count for organism, count in (("human", tracks), ("mouse", mouse_tracks)) if count}
    config = EnformerConfig(**shape, target_length=target_length, output_tracks=heads)
    note = {"description": f"random weights (seed {seed}): the scores mean nothing"}
    sha256 = save_model(random_network(config, seed), output, note)
    click.echo(f"{output}: random weights, the scores mean nothing", err=True)
    click.echo(f"{output}\t{sha256}")
