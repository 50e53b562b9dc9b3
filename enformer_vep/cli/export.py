"""`enformer-vep export`: scored tables for the tools that come after."""

from pathlib import Path

import click

from enformer_vep.cli.options import FILE

TARGETS = "tsv, vcf, bed (each also .gz), bcf, parquet, h5; vep, ldsc, sldp, polyfun, polyfun-priors, susie, finemap"


@click.command()
@click.argument("table")
@click.option(
    "-o",
    "--output",
    required=True,
    help="File; for ldsc, sldp and polyfun what names begin with (STEM.CHR.annot.gz). - is standard output.",
)
@click.option("--to", "target", help=f"{TARGETS}. Default: by the name of -o.")
@click.option("-c", "--columns", multiple=True, help="Only these value columns; a name or 'SAD_*'; can be repeated.")
@click.option(
    "--confident",
    type=float,
    help="Leave signed values out of which less than this share of strands and shifts has the sign (TABLE made with "
    "--spread): 0.9.",
)
@click.option(
    "--combine",
    type=click.Choice(["none", "max", "mean"]),
    help="Make one annotation of the columns: the largest, or the mean; of quantiles where the table has them. "
    "Default: max for priors, else none.",
)
@click.option("-f", "--fasta", type=FILE, help="Genome, for the lengths of contigs in a VCF's header.")
@click.option("--tabix", is_flag=True, help="Also write an index of a .gz or .bcf file.")
@click.option("--bim", "bims", multiple=True, type=FILE, help="The tool's variants: .bim; can be repeated.")
@click.option("--sumstats", "statistics", type=FILE, help="The tool's variants: FINEMAP .z or summary statistics.")
@click.option("--locus", "locus", multiple=True, help="For susie, finemap: chr22:1000-2000 (1-based); can be repeated.")
@click.option("--loci", type=FILE, help="For susie, finemap: BED or list of loci; {locus} in -o stands for each.")
@click.option(
    "--classes",
    type=click.Choice(["apart", "together"]),
    default="apart",
    show_default=True,
    help="For annotations and priors: SNVs, MNVs, insertions and deletions each on a scale of their own, or on one.",
)
@click.option(
    "--weight",
    type=float,
    help="For priors: log enrichment per standard deviation of log2 |score|; 0 makes all equal.  [default: 1]",
)
@click.option("--prior-model", type=FILE, help="For priors: as enformer-vep priors has fitted them.")
@click.option(
    "--max-ratio",
    type=float,
    help="For priors: largest over smallest weight, before scaling; inf for no limit.  [default: 100]",
)
@click.option("--prior-column", help="For priors: use this column's probabilities as they are.")
def export(
    table: str,
    output: str,
    target: str | None,
    columns: tuple[str, ...],
    confident: float | None,
    combine: str | None,
    fasta: Path | None,
    tabix: bool,
    bims: tuple[Path, ...],
    statistics: Path | None,
    locus: tuple[str, ...],
    loci: Path | None,
    classes: str,
    weight: float | None,
    prior_model: Path | None,
    max_ratio: float | None,
    prior_column: str | None,
) -> None:
    """Write TABLE, an output of enformer-vep score (TSV, .gz, Parquet or -), in another format.

    \b
    enformer-vep export scores.tsv.gz -o scores.vcf.gz --tabix
    enformer-vep export scores.parquet -o enformer --to ldsc --bim 1000G.22.bim -c 'SAD_*' --combine max
    enformer-vep export scores.tsv.gz -o prior.tsv --to susie --sumstats locus.z --locus chr22:30000000-31000000

    Variants are matched by contig, position and both alleles, never by name: SNVs in either order, insertions and
    deletions with A1 = ALT and A2 = REF only. TABLE and the panel may be pipes.
    """
    from enformer_vep.errors import UsageError
    from enformer_vep.export.class_scale import Classes
    from enformer_vep.export.exporter import ExportRequest, Tool
    from enformer_vep.export.exporter import export as run
    from enformer_vep.export.recipe import Combine
    from enformer_vep.genome.regions import parse_region, read_regions_file
    from enformer_vep.tables.formats import parse_format

    if target is not None and target not in list(Tool):
        try:
            parse_format(target)
        except UsageError:
            raise UsageError(f"unknown --to {target}: choose from {TARGETS}") from None
    regions = tuple(map(parse_region, locus)) + (read_regions_file(loci) if loci else ())
    run(
        ExportRequest(
            table=table,
            destination=output,
            target=target,
            columns=columns,
            combine=Combine(combine) if combine else None,
            genome=fasta,
            tabix=tabix,
            bims=bims,
            statistics=statistics,
            loci=regions,
            classes=Classes(classes),
            weight=weight,
            max_ratio=max_ratio,
            prior_column=prior_column,
            confident=confident,
            prior_model=prior_model,
        )
    )
