"""`enformer-vep train`: trains or fine-tunes a model."""

import signal
import time
from pathlib import Path

import click


@click.command("train")
@click.option(
    "--config", "-c", required=True, type=click.Path(path_type=Path), help="TOML file that describes the run."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="Folder for the model, checkpoint and logs; runs/ and the configuration's name unless given.",
)
@click.option("--resume", is_flag=True, help="Continue from the folder's checkpoint.")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="Stop after so many minutes with a checkpoint that --resume continues from.",
)
@click.option("--bake", is_flag=True, help="Do not train: write the file that each [[data]] section calls `baked`.")
def train(config: Path, output: Path | None, resume: bool, minutes: float | None, bake: bool) -> None:
    """Train a model, or fine-tune one, as CONFIG says.

    The best model on the validation split is OUTPUT/model.safetensors, which --model accepts.
    For several GPUs: accelerate launch -m enformer_vep train ...
    """
    from enformer_vep.files.signals import StoppedError, stop_request
    from enformer_vep.training import launch
    from enformer_vep.training.configuration import read_config

    settings = read_config(config)
    if bake:
        launch.bake_data(settings)
        return
    folder = output or Path("runs") / config.stem
    end = time.monotonic() + 60 * minutes if minutes else float("inf")
    promise = "leaving after this step with a checkpoint"
    with stop_request((signal.SIGINT, signal.SIGTERM), promise) as stop, stop.patience():
        progress = launch.train(settings, folder, resume, lambda: stop.received is not None or time.monotonic() >= end)
    if stop.received is not None:
        raise StoppedError(
            f"stopped by {stop.received} after step {progress.step} of {settings.run.steps}; "
            f"{folder} holds a checkpoint: continue with --resume",
            signal.Signals[stop.received],
        )
