"""A VCF and an annotation from the MAGE eQTL table, so that `score --genes` can be checked on every row.

    python benchmarks/mage_genes.py make TABLE mage.vcf mage.gtf
    enformer-vep score mage.vcf -f GENOME --genes mage.gtf -o mage.tsv
    python benchmarks/mage_genes.py check TABLE mage.tsv

TABLE is tab separated with the columns chrom, position, rsid, ref, alt, ensembl_id, gene, tss_distance.

What the table says, found by comparing the variants of one gene: tss_distance is |position - TSS|, without a
sign, both 1-based. Where a gene has variants on both sides or several on one, one TSS alone fits all of them:
24 of the 33 genes. Nine have one variant and two positions that fit; the one nearer to RefSeq's TSS is taken
(NEAR). Close calls are P2RY11 (17 bp against 21; 38 bp apart) and STRN4 (531 against 557; 1,088 bp apart).
The table has no strand either. Strands and NEAR are RefSeq's on GRCh38, as the ABC model's gene list has them
(broadinstitute/ABC-Enhancer-Gene-Prediction, reference/hg38/CollapsedGeneBounds.hg38.bed); of the 24 genes,
13 have exactly RefSeq's TSS, and all but three lie within 40 bp of it.

A gene in the annotation is one base, its TSS: nothing else of it is known.
"""

import argparse
import csv
from collections import defaultdict
from pathlib import Path

Row = dict[str, str]

# On the - strand; the other 21 are on the +.
REVERSE = {
    "DIRAS1",
    "SLC25A41",
    "KEAP1",
    "LRRC25",
    "ANKRD27",
    "EXOSC5",
    "RABAC1",
    "STRN4",
    "ZNF615",
    "ZNF83",
    "ZNF415",
    "RDH13",
}
# 1-based TSS in RefSeq.
NEAR = {
    "FAM174C": 1275521,
    "P2RY11": 10111521,
    "KEAP1": 10502805,
    "PRKCSH": 11435257,
    "FAAP24": 32972217,
    "EXOSC5": 41397351,
    "CALM3": 46601150,
    "STRN4": 46746463,
    "ZNF83": 52690581,
}


def read_table(path: Path) -> list[Row]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def start_sites(rows: list[Row]) -> dict[str, int]:
    """1-based TSS of every gene, by name."""
    by_gene: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_gene[row["gene"]].append(row)
    return {gene: start_site(gene, members) for gene, members in by_gene.items()}


def start_site(gene: str, rows: list[Row]) -> int:
    pairs = [(int(row["position"]), int(row["tss_distance"])) for row in rows]
    fitting = set.intersection(*({position - distance, position + distance} for position, distance in pairs))
    if not fitting:
        raise SystemExit(f"{gene}: no TSS fits all of its variants; the table is not what it was")
    if len(fitting) == 1:
        return fitting.pop()
    return min(fitting, key=lambda candidate: abs(candidate - NEAR[gene]))


def vcf_text(rows: list[Row]) -> str:
    lines = ["##fileformat=VCFv4.2"]
    lines += [f"##contig=<ID={contig}>" for contig in dict.fromkeys(row["chrom"] for row in rows)]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    for row in rows:
        fields = (row["chrom"], row["position"], row["rsid"], row["ref"], row["alt"], ".", ".", ".")
        lines.append("\t".join(fields))
    return "\n".join(lines) + "\n"


def gtf_text(rows: list[Row]) -> str:
    sites = start_sites(rows)
    genes = {row["gene"]: row for row in rows}
    lines = []
    for gene, row in genes.items():
        strand = "-" if gene in REVERSE else "+"
        attributes = f'gene_id "{row["ensembl_id"]}"; gene_name "{gene}";'
        site = str(sites[gene])
        lines.append("\t".join((row["chrom"], "MAGE", "gene", site, site, ".", strand, ".", attributes)))
    return "\n".join(lines) + "\n"


def check(rows: list[Row], scores: Path) -> str:
    """Whether every row of the table has its own in the scores, with its distance; raises SystemExit if not."""
    with scores.open(newline="") as handle:
        lines = (line.removeprefix("#") for line in handle if not line.startswith("##"))
        scored = list(csv.DictReader(lines, delimiter="\t"))
    found = {(row["CHROM"], row["POS"], row["REF"], row["ALT"], row["GENE_ID"]): row for row in scored}
    wrong = []
    for row in rows:
        match = found.get((row["chrom"], row["position"], row["ref"], row["alt"], row["ensembl_id"]))
        name = f"{row['rsid']} {row['gene']}"
        if match is None:
            wrong.append(f"{name}: no row")
        elif match["STATUS"] != "ok":
            wrong.append(f"{name}: {match['STATUS']}")
        elif abs(int(match["TSS_DISTANCE"])) != int(row["tss_distance"]):
            wrong.append(f"{name}: {match['TSS_DISTANCE']} where the table has {row['tss_distance']}")
    if wrong:
        raise SystemExit("\n".join(wrong))
    return f"{len(rows)} of {len(rows)} rows are scored, each with its gene and distance"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make")
    make.add_argument("table", type=Path)
    make.add_argument("vcf", type=Path)
    make.add_argument("gtf", type=Path)
    checking = commands.add_parser("check")
    checking.add_argument("table", type=Path)
    checking.add_argument("scores", type=Path)
    arguments = parser.parse_args()
    rows = read_table(arguments.table)
    if arguments.command == "make":
        arguments.vcf.write_text(vcf_text(rows))
        arguments.gtf.write_text(gtf_text(rows))
    else:
        print(check(rows, arguments.scores))


if __name__ == "__main__":
    main()
