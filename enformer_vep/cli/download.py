"""`enformer-vep download`: fetch ahead of time what needs a network."""

import click


@click.command()
@click.argument("model", type=click.Choice(["enformer"]), default="enformer")
@click.option("--targets-only", is_flag=True, help="Only the track tables (1 MB), not the weights (1 GB).")
def download(model: str, targets_only: bool) -> None:
    """Fetch the official weights and their track tables; print where they are.

    For machines without a network: run this where there is one, copy the two caches (HF_HOME, by default
    ~/.cache/huggingface, and ENFORMER_VEP_CACHE, by default ~/.cache/enformer-vep) and set the two variables
    to the copies. What is there already is checked, not fetched again.

    \b
    enformer-vep download
    HF_HOME=/data/hf ENFORMER_VEP_CACHE=/data/enformer-vep enformer-vep download
    """
    from enformer_vep.errors import ModelError
    from enformer_vep.models import hub

    if not targets_only:
        click.echo(hub.official_weights())
    tables = {organism: hub.fetch_targets(organism) for organism in hub.TABLES}
    for organism, text in tables.items():
        if text is not None:
            click.echo(hub.table_path(organism))
    if None in tables.values():
        raise ModelError("not all track tables could be fetched: try again with a network")
