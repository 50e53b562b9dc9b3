"""`enformer-vep verify`: whether a model gives, here, the numbers that it should."""

import logging

import click

from enformer_vep.cli.options import threads_option
from enformer_vep.errors import UsageError
from enformer_vep.settings import Precision

logger = logging.getLogger(__name__)

# `mixed` says how changes are carried, and verify looks at predictions.
PRECISIONS = tuple(one.value for one in Precision if one is not Precision.MIXED)


@click.command("verify")
@click.argument("model", default="enformer")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1.")
@click.option("--precision", type=click.Choice(PRECISIONS), default="float32", show_default=True, help="Arithmetic.")
@click.option(
    "--variants", type=click.IntRange(min=0, max=24),
    help="Published variants to score, of 24; default: all on a GPU, 4 on a CPU; 0 for none.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a line for each check.")
@threads_option
def verify(model: str, device: str, precision: str, variants: int | None, as_json: bool, threads: int | None) -> None:
    """Check that MODEL gives the numbers that it should, on this machine.

    Every stage of the network is run on seeded inputs and compared with its definition in float64, and a whole pass
    with the same weights in float64. A model of the published shape is also compared with published outputs of the
    official weights, on both strands. A line for each check; exit code 1 when one fails.

    \b
    enformer-vep verify                      the published weights, downloaded if need be
    enformer-vep verify model.safetensors --device cuda --precision tf32
    """
    if variants is not None and 0 < variants < 3:
        raise UsageError(f"--variants {variants}: correlations need 3 or more; give 0 for none")
    from enformer_vep.effects.devices import resolve_device
    from enformer_vep.models.checkpoints import load_model
    from enformer_vep.scoring.threads import use_threads
    from enformer_vep.verification.check import Verdict, passed, report_json
    from enformer_vep.verification.verifier import verify as checks_of

    used, where = use_threads(threads), resolve_device(device)
    if where.type == "cpu":
        logger.info("computing with %s", used.describe())
    loaded = load_model(model, organisms=None, finite=False)
    found = []
    for check in checks_of(loaded, where, Precision(precision), variants):
        found.append(check)
        if not as_json:
            click.echo(check.line())
    about = {"model": loaded.name, "sha256": loaded.sha256, "device": str(where), "precision": precision}
    if as_json:
        click.echo(report_json(found, **about))
    else:
        counts = [sum(one.verdict is verdict for one in found) for verdict in Verdict]
        click.echo(
            f"{loaded.name} ({loaded.sha256[:12]}) on {where} in {precision}: "
            f"{counts[0]} passed, {counts[1]} failed, {counts[2]} skipped"
        )
    if not passed(found):
        click.get_current_context().exit(1)
