"""A small genome's worth of variants with frequencies, genes and fine-mapped positives, made on the spot."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.builders import bgzip, index_variants, make_bcf
from tests.eqtl import toy

LENGTH = 400_000
HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=4000000>\n##contig=<ID=chr2,length=4000000>\n"
    '##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)


@dataclass
class Panel:
    """Variants (contig, 1-based position, ID, REF, ALTs, AF text), genes (identifier, contig, 1-based TSS, strand)."""

    variants: list = field(default_factory=list)
    genes: list = field(default_factory=list)
    labels: list = field(default_factory=list)

    def vcf(self, folder: Path, form: str = "gz") -> Path:
        rows = "".join(f"{c}\t{p}\t{i}\t{r}\t{a}\t.\t.\tAF={f}\n" for c, p, i, r, a, f in sorted(self.variants))
        if form == "bcf":
            plain = folder / "panel.vcf"
            plain.write_text(HEADER + rows)
            made = make_bcf(folder / "panel.bcf", plain)
        elif form == "plain":
            made = folder / "panel.vcf"
            made.write_text(HEADER + rows)
            return made
        else:
            made = bgzip(folder / "panel.vcf.gz", (HEADER + rows).encode())
        index_variants(made)
        return made

    def gtf(self, folder: Path) -> Path:
        lines = []
        for name, contig, tss, strand in self.genes:
            start, end = (tss, tss + 500) if strand == "+" else (tss - 500, tss)
            about = f'gene_id "{name}.3"; gene_name "name_{name}"; gene_type "protein_coding";'
            lines.append(f"{contig}\tX\tgene\t{start}\t{end}\t.\t{strand}\t.\t{about}\n")
        path = folder / "genes.gtf"
        path.write_text("".join(lines))
        return path

    def table(self, folder: Path) -> Path:
        return toy.table(folder / "finemapped.tsv", ("chrom", "pos", "ref", "alt", "tissue", "pip", "gene_id"),
                         self.labels)  # fmt: skip


def random_panel(seed: int = 0, variants: int = 4000, positives: int = 90) -> Panel:
    """Two contigs of ten genes each on alternate strands; positives near the TSS and common, one per gene and tissue.

    Alleles are SNVs and one-base deletions; a tenth of the rest have a PIP between the thresholds.
    """
    random = np.random.default_rng(seed)
    panel = Panel()
    for contig in ("chr1", "chr2"):
        places = np.sort(random.choice(np.arange(1000, LENGTH), variants // 2, replace=False))
        for number, position in enumerate(places.tolist()):
            reference, alternate = ("AC", "A") if random.random() < 0.2 else ("A", "G")
            frequency = round(float(random.beta(0.6, 2)) * 0.98 + 0.01, 4)
            panel.variants.append((contig, position, f"{contig}_{number}", reference, alternate, frequency))
        for gene in range(10):
            panel.genes.append((f"G{contig[-1]}{gene}", contig, 20_000 + 40_000 * gene, "+-"[gene % 2]))
    near = [(row, *_nearest(panel, row)) for row in panel.variants]
    order = sorted(
        near, key=lambda one: random.exponential(1) * (one[2] + 1500) / (0.02 + min(one[0][5], 1 - one[0][5]) ** 1.5)
    )
    for number, (row, gene, _) in enumerate(order[:positives]):
        for tissue in ("lung", "liver")[: 1 + number % 2]:
            panel.labels.append((row[0].removeprefix("chr"), row[1], row[3], row[4], tissue, 0.95, gene))
    for row, gene, _ in near[::10]:
        if all((row[0].removeprefix("chr"), row[1]) != label[:2] for label in panel.labels):
            panel.labels.append((row[0].removeprefix("chr"), row[1], row[3], row[4], "lung", 0.3, gene))
    return panel


def _nearest(panel: Panel, row: tuple) -> tuple[str, int]:
    name, _, tss, _ = min(
        (gene for gene in panel.genes if gene[1] == row[0]), key=lambda gene: (abs(gene[2] - row[1]), gene[2])
    )
    return name, abs(tss - row[1])
