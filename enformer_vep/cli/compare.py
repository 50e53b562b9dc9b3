"""`enformer-vep compare`: two tables of scores of the same variants."""

from pathlib import Path

import click

from enformer_vep.cli.options import FILE


@click.command()
@click.argument("table_a")
@click.argument("table_b")
@click.option("-o", "--output", default="-", show_default=True, help="Table of agreement, a row per pair of columns.")
@click.option("-c", "--columns", multiple=True, help="Only these columns of TABLE_A: a name or 'SAD_*'; repeatable.")
@click.option(
    "--map",
    "track_map",
    type=FILE,
    help="Further pairs: per line a track (or column) of TABLE_A, a tab, and the one of TABLE_B to compare it with.",
)
@click.option("--disagreements", type=FILE, help="Write the rows in which the tables lie furthest apart to this table.")
@click.option("--top", type=click.IntRange(min=1), default=100, show_default=True, help="How many such rows.")
@click.option("--figure", type=FILE, help="Draw the agreement: .png, .svg or .pdf.")
@click.option("--summary", type=FILE, help="Write counts of rows, and medians over columns, to this JSON file.")
def compare(
    table_a: str,
    table_b: str,
    output: str,
    columns: tuple[str, ...],
    track_map: Path | None,
    disagreements: Path | None,
    top: int,
    figure: Path | None,
    summary: Path | None,
) -> None:
    """Say how far two tables of enformer-vep score agree (TSV, .gz or Parquet), column by column.

    Rows are the same when contig, position, REF, ALT and, in tables made with --genes, the gene are. Columns are
    compared that have the same name in both, such as SAD_CNhs11841, and those that --map pairs.

    \b
    enformer-vep score variants.vcf.gz -f hg38.fa -o enformer.tsv.gz
    enformer-vep score variants.vcf.gz -f hg38.fa -m model_human.h5 --targets targets_human.txt -o basenji2.tsv.gz
    enformer-vep compare enformer.tsv.gz basenji2.tsv.gz --disagreements apart.tsv --figure agreement.png

    Columns of the output: COLUMN_A, COLUMN_B, ROWS (scored in both), PEARSON, SPEARMAN and SAME_SIGN, the share of rows
    whose signs are the same.
    """
    from enformer_vep.cli.eqtl_options import check_writable, write
    from enformer_vep.compare.table_comparison import COLUMNS, compare_tables
    from enformer_vep.figures.drawing import figure_format, save_figure
    from enformer_vep.files.summary import write_summary
    from enformer_vep.tables.text_tables import table_text

    check_writable([output], disagreements, figure, summary, inputs=(table_a, table_b, track_map))
    if figure is not None:
        figure_format(figure)
    found = compare_tables(table_a, table_b, columns, track_map, top)
    if figure is not None:
        from enformer_vep.compare.agreement_figure import draw_agreement

        save_figure(draw_agreement(found), figure)
    if disagreements is not None:
        write([table_text(found.disagreement_columns(), found.disagreement_rows())], str(disagreements))
    if summary is not None:
        write_summary(str(summary), found.to_dict())
    write([table_text(COLUMNS, found.rows())], output)
