"""`enformer-vep random-model`: a toy model for trials, tests and benchmarks."""

from pathlib import Path

import click

from enformer_vep.errors import UsageError


@click.command("random-model")
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--channels", default=96, show_default=True, help="Width of the transformer; published: 1536.")
@click.option("--layers", default=2, show_default=True, help="Transformer blocks; published: 11.")
@click.option("--heads", default=4, show_default=True, help="Attention heads; published: 8.")
@click.option("--key-size", default=64, show_default=True, help="Query and key size of a head.")
@click.option(
    "--channel-multiple",
    default=16,
    show_default=True,
    help="Tower widths are multiples of this; published: 128.",
)
@click.option("--tracks", default=8, show_default=True, help="Human tracks; published: 5313.")
@click.option(
    "--mouse-tracks", default=0, show_default=True, help="Mouse tracks, 0 for no mouse head; published: 1643."
)
@click.option("--window", default=196_608, show_default=True, help="Base pairs to read.")
@click.option("--target-length", type=int, help="Bins to predict; default: as the published model crops.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same file.")
def random_model(
    output: Path,
    channels: int,
    layers: int,
    heads: int,
    key_size: int,
    channel_multiple: int,
    tracks: int,
    mouse_tracks: int,
    window: int,
    target_length: int | None,
    seed: int,
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
    heads_of = {"human": tracks, "mouse": mouse_tracks}
    if target_length is None:
        target_length = default_target_length(count_tokens({"window": window}))
    config = EnformerConfig(
        channels=channels,
        transformer_layers=layers,
        attention_heads=heads,
        key_size=key_size,
        channel_multiple=channel_multiple,
        target_length=target_length,
        window=window,
        output_tracks={organism: count for organism, count in heads_of.items() if count},
    )
    note = {"description": f"random weights (seed {seed}): the scores mean nothing"}
    sha256 = save_model(random_network(config, seed), output, note)
    click.echo(f"{output}: random weights, the scores mean nothing", err=True)
    click.echo(f"{output}\t{sha256}")
