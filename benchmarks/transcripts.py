"""What it changes for scores of genes which transcription starts are read out, in how many bins, in which window.

    python benchmarks/transcripts.py --data DATA [--model example] [--every 120]

DATA has annotation/gencode.chr22.gtf.gz, variants/1000G.chr22.sites.vcf.gz and genome/hg38.subset.fa.gz. Of the
variants within 5,000 bp of the 5' end of a protein-coding gene every so many-th is scored (SADR) for the genes that are
so near, once for each choice of CHOICES; farther away the model `example` says next to nothing. Scores go to
`results/transcript_scores.tsv`, a choice at a time. Without --data the figures are made from that file alone, in
seconds; they go to standard output and to `results/transcripts.tsv`:

    rows       pairs of a variant and a gene that both choices have
    spearman   of the two choices' scores over these; the median over tracks, and the range
    signs      share of scores, of all rows and tracks, whose sign differs; scores that are zero in either left out
    starts     transcription starts that were read out, mean over rows
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from enformer_vep.api import open_scorer, score
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import read_genes
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.vcf import read_variants
from enformer_vep.models.checkpoints import load_model
from enformer_vep.settings import Centre, GeneSettings, Score, ScoreSettings

RESULTS = Path(__file__).parent / "results"
NEAR = 5000  # bp
CODING = ("protein_coding",)
CHOICES = {
    "all, 3 bins": GeneSettings(3, Centre.VARIANT, CODING, "all"),
    "filtered, 3 bins": GeneSettings(3, Centre.VARIANT, CODING, "filtered"),
    "basic, 3 bins": GeneSettings(3, Centre.VARIANT, CODING, "basic"),
    "canonical, 3 bins": GeneSettings(3, Centre.VARIANT, CODING, "canonical"),
    "canonical, 1 bin": GeneSettings(1, Centre.VARIANT, CODING, "canonical"),
    "canonical, 10 bins": GeneSettings(10, Centre.VARIANT, CODING, "canonical"),
    "canonical, 3 bins, window on the TSS": GeneSettings(3, Centre.TSS, CODING, "canonical"),
    "canonical, 10 bins, window on the TSS": GeneSettings(10, Centre.TSS, CODING, "canonical"),
}
COMPARED = [
    ("all, 3 bins", "canonical, 3 bins"),
    ("all, 3 bins", "filtered, 3 bins"),
    ("filtered, 3 bins", "basic, 3 bins"),
    ("filtered, 3 bins", "canonical, 3 bins"),
    ("basic, 3 bins", "canonical, 3 bins"),
    ("canonical, 1 bin", "canonical, 3 bins"),
    ("canonical, 10 bins", "canonical, 3 bins"),
    ("canonical, 3 bins, window on the TSS", "canonical, 3 bins"),
    ("canonical, 10 bins, window on the TSS", "canonical, 10 bins"),
]
KEY = ["CHROM", "POS", "REF", "ALT", "GENE_ID"]
COLUMNS = ("one", "other", "rows", "starts_one", "starts_other", "spearman", "lowest", "highest", "signs_differ")


def main() -> None:
    options = parse_arguments()
    path = options.results / "transcript_scores.tsv"
    if options.data is not None:
        score_choices(options.data, options.model, options.every, path)
    text = figures(pd.read_csv(path, sep="\t", comment="#"))
    print(text, end="")
    (options.results / "transcripts.tsv").write_text(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Scores of genes by transcripts, bins and windows.")
    parser.add_argument("--data", type=Path, help="score again, with the data of this folder")
    parser.add_argument("--model", default="example")
    parser.add_argument("--every", type=int, default=120, help="score one of so many variants")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def score_choices(data: Path, source: str, every: int, path: Path) -> None:
    """Writes a row per choice, variant and gene."""
    annotation = data / "annotation" / "gencode.chr22.gtf.gz"
    variants = near_genes(data / "variants" / "1000G.chr22.sites.vcf.gz", annotation)[::every]
    genome, model = Genome(data / "genome" / "hg38.subset.fa.gz"), load_model(source)
    path.write_text(f"# benchmarks/transcripts.py --model {source} --every {every}: {len(variants)} variants\n")
    for number, (name, table) in enumerate(_tables(variants, genome, annotation, model)):
        table.insert(0, "choice", name)
        with path.open("a") as handle:
            table.to_csv(handle, sep="\t", index=False, float_format="%.5g", header=not number, lineterminator="\n")


def near_genes(path: Path, annotation: Path) -> list[Variant]:
    """Variants of a VCF of one contig that lie near the 5' end of a protein-coding gene."""
    ends = np.array(sorted(gene.tss for gene in read_genes(annotation, str, types=CODING)))
    variants = list(read_variants(str(path)))
    starts = np.array([variant.start for variant in variants])
    counts = np.searchsorted(ends, starts + NEAR, "right") - np.searchsorted(ends, starts - NEAR)
    return [variant for variant, count in zip(variants, counts, strict=True) if count]


def _tables(
    variants: list[Variant], genome: Genome, annotation: Path, model: object
) -> Iterator[tuple[str, pd.DataFrame]]:
    for name, genes in CHOICES.items():
        scorer = open_scorer(model, ScoreSettings((Score.SADR,), genes=genes))  # type: ignore[arg-type]
        table = score(variants, genome, scorer, annotation)
        near = table[(table.STATUS == "ok") & (abs(table.TSS_DISTANCE) <= NEAR)]
        yield name, near.drop(columns=["ID", "STATUS", "GENE_NAME"])


def figures(table: pd.DataFrame) -> str:
    """Tab-separated text, a row per comparison."""
    lines = ["\t".join(COLUMNS)]
    by_choice = {name: own.set_index(KEY) for name, own in table.groupby("choice")}
    for one, other in COMPARED:
        lines.append("\t".join((one, other, *compare(by_choice[one], by_choice[other]))))
    return "".join(f"{line}\n" for line in lines)


def compare(one: pd.DataFrame, other: pd.DataFrame) -> tuple[str, ...]:
    """Cells right of the names."""
    common = one.index.intersection(other.index)
    tracks = [name for name in one.columns if name.startswith("SADR_")]
    left, right = one.loc[common, tracks].to_numpy(), other.loc[common, tracks].to_numpy()
    rho = np.array([spearmanr(*pair).statistic for pair in zip(left.T, right.T, strict=True)])
    counted = (left != 0) & (right != 0)
    differ = np.mean(np.sign(left[counted]) != np.sign(right[counted]))
    starts = [own.loc[common, "N_TSS"].mean() for own in (one, other)]
    numbers = (*starts, np.median(rho), rho.min(), rho.max(), differ)
    return (str(len(common)), *(f"{number:.3f}" for number in numbers))


if __name__ == "__main__":
    main()
