"""`enformer-vep enhancers abc`: the activity-by-contact model."""

import logging
from pathlib import Path
from typing import Any

import click

from enformer_vep.cli.eqtl_options import check_writable, write
from enformer_vep.cli.options import FILE
from enformer_vep.cli.words import read_by, read_names
from enformer_vep.errors import UsageError
from enformer_vep.settings.explain_abc import AbcSettings, Absent, Accessibility, ContactSettings

logger = logging.getLogger(__name__)

_CONTACT, _ABC = ContactSettings(), AbcSettings()


@click.command()
@click.argument("elements", type=FILE)
@click.option(
    "--genes", required=True, type=FILE, help="GTF or GFF3, BED, or a table with chrom, gene and tss (or strand)."
)
@click.option(
    "--accessibility", multiple=True, type=FILE,
    help="DNase or ATAC: .bam, .bw, .bigWig, or counts in the elements (BED: fourth column). Repeat for replicates. "
    "Default: the column activity of ELEMENTS.",
)  # fmt: skip
@click.option("--h3k27ac", "acetylation", multiple=True, type=FILE, help="H3K27ac likewise; activity is their mean.")
@click.option(
    "--assay", type=click.Choice([one.value for one in Accessibility]), default=_ABC.accessibility.value,
    show_default=True, help="Of --accessibility: its column in --quantiles.",
)  # fmt: skip
@click.option(
    "--quantiles", type=FILE,
    help="Normalise signals to this reference (enh_class, rank, DHS.RPM, H3K27ac.RPM), promoters and others apart.",
)  # fmt: skip
@click.option(
    "--absent", type=click.Choice([one.value for one in Absent]), default=_ABC.absent.value, show_default=True,
    help="What a bigWig leaves out: unknown (as published: as much as the bases beside it), or zero.",
)  # fmt: skip
@click.option(
    "--contact", type=FILE,
    help="BEDPE of Hi-C, rows of the matrix adding up to 1 (cooler dump --join); default: the power law.",
)  # fmt: skip
@click.option("--gamma", type=float, default=_CONTACT.gamma, show_default=True, help="Exponent of the power law.")
@click.option("--scale", type=float, default=_CONTACT.scale, show_default=True, help="Its scale (a logarithm).")
@click.option(
    "--window", type=click.IntRange(min=1), default=_ABC.window, show_default=True, metavar="BP",
    help="Elements nearer than this to a transcription start compete for its gene.",
)  # fmt: skip
@click.option("--gene-types", callback=read_by(read_names), help="Of GTF and GFF3: only these. Default: all.")
@click.option(
    "--transcripts", default="filtered", show_default=True,
    help="Of GTF and GFF3: whose starts count; the main one stands for its gene.",
)  # fmt: skip
@click.option(
    "--min-score", type=click.FloatRange(min=0), default=0.0, show_default=True,
    help="Leave out pairs below, and count them.",
)  # fmt: skip
@click.option("-o", "--output", default="-", show_default=True, help="Table to write; .gz is BGZF.")
def abc(elements: Path, output: str, **options: Any) -> None:
    """Score candidate ELEMENTS (BED or table) for every gene by activity x contact.

    Needs no model and no genome. A gene's scores add up to 1 over all candidates within the window, so give all of a
    cell type's, not a chosen few; then the gene's own promoters are set to 1.

    \b
    enformer-vep enhancers abc peaks.bed --genes gencode.gtf.gz --accessibility dnase.bam --h3k27ac h3k27ac.bw \\
        --quantiles EnhancersQNormRef.K562.txt -o abc.tsv.gz
    """
    signals = (*options["accessibility"], *options["acetylation"], options["quantiles"])
    check_writable([output], inputs=(elements, options["genes"], options["contact"], *signals))
    from enformer_vep.explain.abc_table import AbcCounts, AbcModel, abc_lines
    from enformer_vep.explain.candidate_elements import promoters_of, read_candidates, read_target_genes
    from enformer_vep.explain.contact_map import read_contact_map
    from enformer_vep.explain.element_signals import SignalFiles, given_activity, measured_activity

    settings = AbcSettings(
        ContactSettings(options["gamma"], options["scale"]),
        options["window"],
        absent=Absent(options["absent"]),
        accessibility=Accessibility(options["assay"]),
    )
    files = SignalFiles(options["accessibility"], options["acetylation"], options["quantiles"])
    if not files.accessibility and (files.acetylation or files.reference):
        raise UsageError("--h3k27ac and --quantiles belong to --accessibility: add it, or leave them out")
    candidates = read_candidates(elements)
    genes = read_target_genes(options["genes"], options["gene_types"] or (), options["transcripts"])
    promoter = promoters_of(candidates, genes, settings.promoter_slop)
    if candidates.promoter is not None:
        promoter = candidates.promoter
    activity = (
        measured_activity(candidates, promoter, files, settings) if files.accessibility else given_activity(candidates)
    )
    contact = None if options["contact"] is None else read_contact_map(options["contact"])
    counts = AbcCounts()
    write(
        abc_lines(AbcModel(candidates, promoter, activity, settings, contact), genes, options["min_score"], counts),
        output,
    )
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(counts.by_status.items()))
    below = f"; {counts.below} below --min-score left out" if counts.below else ""
    logger.info("%d elements, %d genes; pairs: %s%s", len(candidates), len(genes), statuses or "none", below)
