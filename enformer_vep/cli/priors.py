"""`enformer-vep priors`: how much likelier a variant with a large score is to be causal."""

from pathlib import Path

import click

from enformer_vep.cli.options import FILE


@click.command()
@click.argument("table")
@click.option("-o", "--output", required=True, help="JSON file for export --prior-model. - is standard output.")
@click.option("--sumstats", type=FILE, help="Effects of all variants of the loci: beta and se, z and se, or z, n, maf.")
@click.option("--pips", type=FILE, help="Instead: PIPs of all variants of the loci, computed under a flat prior.")
@click.option("--locus", "locus", multiple=True, help="chr22:1000-2000 (1-based); can be repeated.")
@click.option("--loci", type=FILE, help="BED or list of loci. Default: the column LOCUS says what belongs together.")
@click.option("--column", "column", multiple=True, help="Column of --sumstats or --pips, such as pip=PIP_SUSIE.")
@click.option("-c", "--columns", multiple=True, help="Only these value columns; a name or 'SAD_*'; can be repeated.")
@click.option("--combine", type=click.Choice(["max", "mean"]), default="max", show_default=True, help="As of export.")
@click.option(
    "--classes",
    type=click.Choice(["apart", "together"]),
    default="apart",
    show_default=True,
    help="Standardise SNVs, MNVs, insertions and deletions each among themselves, or all together.",
)
@click.option("--indel-term", is_flag=True, help="Also fit how much likelier indels are to be causal than SNVs.")
@click.option("--empty-loci", is_flag=True, help="Loci may have no causal variant: also fit the share that has.")
@click.option("--max-ratio", type=float, help="Largest over smallest weight.  [default: 100, unless others fit better]")
@click.option("--prior-sd", default=0.15, show_default=True, help="Standard deviation of effects, in the unit of beta.")
def priors(
    table: str,
    output: str,
    sumstats: Path | None,
    pips: Path | None,
    locus: tuple[str, ...],
    loci: Path | None,
    column: tuple[str, ...],
    columns: tuple[str, ...],
    combine: str,
    classes: str,
    indel_term: bool,
    empty_loci: bool,
    max_ratio: float | None,
    prior_sd: float,
) -> None:
    """Fit the prior of causal variants to scores (TABLE, an output of enformer-vep score) and association studies.

    \b
    enformer-vep priors scores.tsv.gz --sumstats gwas.tsv --loci loci.bed -o prior.json
    enformer-vep priors scores.tsv.gz --pips finemapped.tsv --column locus=gene_id -o prior.json
    enformer-vep export other.tsv.gz --to susie --bim other.bim --prior-model prior.json -o priors.tsv

    W, the log enrichment per standard deviation of log2 |score|, is found by maximum likelihood, one causal variant per
    locus, with a 95 % interval and a test of W = 0.
    """
    from enformer_vep.errors import UsageError
    from enformer_vep.export.class_scale import Classes
    from enformer_vep.export.evidence import EvidenceSettings
    from enformer_vep.export.prior_fit import PriorFitRequest, fit_priors
    from enformer_vep.export.recipe import Combine
    from enformer_vep.genome.regions import parse_region, read_regions_file
    from enformer_vep.tables.column_roles import parse_column

    statistics = sumstats or pips
    if statistics is None or (sumstats and pips):
        raise UsageError("a prior is fitted to one table of studies: give either --sumstats or --pips")
    regions = tuple(map(parse_region, locus)) + (read_regions_file(loci) if loci else ())
    fit_priors(
        PriorFitRequest(
            table=table,
            destination=output,
            statistics=statistics,
            evidence=EvidenceSettings(pips is not None, tuple(map(parse_column, column)), regions, prior_sd),
            columns=columns,
            combine=Combine(combine),
            classes=Classes(classes),
            max_ratio=max_ratio,
            indel=indel_term,
            empty_loci=empty_loci,
        )
    )
