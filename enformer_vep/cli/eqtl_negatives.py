"""`enformer-vep eqtl negatives`: matched negatives for fine-mapped positives."""

import logging
from pathlib import Path
from typing import Any

import click

from enformer_vep.cli.eqtl_options import check_writable, input_files, label_settings, table_options, write
from enformer_vep.cli.options import FILE
from enformer_vep.cli.progress import progress_bar
from enformer_vep.cli.words import read_by, read_names
from enformer_vep.errors import UsageError

logger = logging.getLogger(__name__)


@click.command()
@table_options
@click.option("--variants", required=True, type=FILE, help="VCF or BCF with frequencies; an index is used.")
@click.option("--annotation", required=True, type=FILE, help="GTF or GFF3 of the genes.")
@click.option(
    "-n", "--per-positive", type=click.IntRange(min=1), default=1, show_default=True, help="Negatives for each."
)
@click.option(
    "--keep-fewer", is_flag=True, help="Keep positives that find fewer than -n; by default they are left out."
)
@click.option(
    "--gene", "gene", type=click.Choice(["same", "nearest"]), default="same", show_default=True,
    help="same: negatives in reach of the positive's own gene; nearest: each variant, positives too, belongs to the "
    "gene whose TSS is nearest, and negatives may come from anywhere.",
)  # fmt: skip
@click.option("--gene-types", callback=read_by(read_names), help="Only these, such as protein_coding. Default: all.")
@click.option(
    "--reach", type=click.IntRange(min=1), default=1_000_000, show_default=True, metavar="BP",
    help="From a gene's TSS, at most.",
)  # fmt: skip
@click.option(
    "--distance-caliper", type=float, default=0.1, show_default=True,
    help="Largest difference in log10(|distance to the TSS| + 100 bp).",
)  # fmt: skip
@click.option(
    "--frequency-caliper", type=float, default=0.05, show_default=True,
    help="Largest difference in minor allele frequency.",
)  # fmt: skip
@click.option("--ld-blocks", type=FILE, help="BED: a negative must lie in another block than its positive.")
@click.option(
    "--apart", type=click.IntRange(min=0), default=0, show_default=True, metavar="BP",
    help="A negative must be at least so far from its positive.",
)  # fmt: skip
@click.option(
    "--frequency-field", default="AF", show_default=True, help="INFO field with the frequency of every ALT allele."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=44, show_default=True,
    help="Fixes the order in which positives choose.",
)  # fmt: skip
@click.option("-o", "--output", default="-", show_default=True, help="Labels to write; - is standard output.")
@click.option("--sites", type=FILE, help="Also write positives and negatives as a VCF, to be scored.")
@click.option("--balance", type=FILE, help="Also write how alike both are, before and after, to this table.")
@click.option("--accounting", type=FILE, help="Also write what became of every positive to this table.")
def negatives(output: str, sites: Path | None, balance: Path | None, accounting: Path | None, **options: Any) -> None:
    """Choose negatives that are like the positives of --labels in all but being causal.

    A negative is of the same class (SNV, deletion of one base, ...), as far from the TSS and as frequent, and not
    itself in --labels with a PIP above --negative-pip, in any tissue. Each serves once in a tissue. Positives that
    find none are left out, and counted.

    \b
    enformer-vep eqtl negatives -l finemapped.tsv --variants 1000G.vcf.gz --annotation gencode.gtf.gz \\
        --sites sites.vcf.gz --balance balance.tsv -o labels.tsv
    enformer-vep score sites.vcf.gz -f hg38.fa -o scores.tsv.gz
    enformer-vep eqtl evaluate scores.tsv.gz --labels labels.tsv > metrics.tsv
    """
    check_writable([output], sites, balance, accounting, inputs=input_files(options))
    from enformer_vep.eqtl import negative_tables
    from enformer_vep.eqtl.negative_settings import GeneRule, NegativeSettings
    from enformer_vep.eqtl.negatives import NegativeInputs, choose_negatives

    if not options["labels"]:
        raise UsageError("--labels is missing: give the table of fine-mapped variants")
    names = ("per_positive", "keep_fewer", "reach", "distance_caliper", "frequency_caliper", "apart", "seed")
    settings = NegativeSettings(
        gene=GeneRule(options["gene"]), gene_types=options["gene_types"] or (), info=options["frequency_field"],
        **{name: options[name] for name in names},
    )  # fmt: skip
    inputs = NegativeInputs(options["labels"], options["variants"], options["annotation"], options["ld_blocks"])
    with progress_bar(None, "variant") as advance:
        chosen = choose_negatives(inputs, label_settings(options), settings, advance)
    write([negative_tables.labels_text(chosen)], output)
    texts = (negative_tables.sites_text, negative_tables.balance_text, negative_tables.matches_text)
    for destination, text in zip((sites, balance, accounting), texts, strict=True):
        if destination is not None:
            write([text(chosen)], str(destination))
    logger.info("%s", negative_tables.describe_balance(chosen))
