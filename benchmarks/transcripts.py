"""What it changes for scores of genes which transcription starts are read out, in how many bins, in which window.

    python benchmarks/transcripts.py --data DATA [--model example] [--every 120]

DATA has annotation/gencode.chr22.gtf.gz, variants/1000G.chr22.sites.vcf.gz and genome/hg38.subset.fa.gz. Of the
variants within 5,000 bp of the 5' end of a protein-coding gene every so many-th is scored (SADR) for the genes that are
so near, once for each choice of CHOICES; farther away the model `example` says next to nothing. Scores go to
`results/transcript_scores.tsv`. Without --data the figures are made from that file alone, in
seconds; they go to standard output and to `results/transcripts.tsv`:

    rows       pairs of a variant and a gene that both choices have
    spearman   of the two choices' scores over these; the median over tracks, and the range
    signs      share of scores, of all rows and tracks, whose sign differs; scores that are zero in either left out
    starts     transcription starts that were read out, mean over rows
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from enformer_vep.api import open_scorer
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import read_genes
from enformer_vep.genome.placing import Placed, Placer, Readout
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.vcf import read_variants
from enformer_vep.scoring.checking import Reference, make_placer
from enformer_vep.scoring.scorer import Scorer
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
    """Writes a row per choice, variant and gene: those with windows on the variant first."""
    annotation = data / "annotation" / "gencode.chr22.gtf.gz"
    variants = near_genes(data / "variants" / "1000G.chr22.sites.vcf.gz", annotation)[::every]
    genome = Genome(data / "genome" / "hg38.subset.fa.gz")
    scorer = open_scorer(source, ScoreSettings((Score.SADR,)))
    placers = {name: placer(genes, genome, annotation, scorer) for name, genes in CHOICES.items()}
    with path.open("w") as handle:
        handle.write(f"# benchmarks/transcripts.py --model {source} --every {every}: {len(variants)} variants\n")
        handle.write("\t".join(("choice", *KEY, "N_TSS", *scorer.layout.values)) + "\n")
        for centre in Centre:
            alike = {name: placers[name] for name, genes in CHOICES.items() if genes.centre is centre}
            for variant in variants:
                for window in windows(variant, alike):
                    handle.writelines(rows(window, genome, scorer))
                    handle.flush()


def placer(genes: GeneSettings, genome: Genome, annotation: Path, scorer: Scorer) -> Placer:
    index = read_genes(annotation, genome.resolve, types=genes.types, transcripts=genes.transcripts)
    settings = ScoreSettings((Score.SADR,), genes=genes)
    return make_placer(scorer.geometry, settings, Reference(genome, index))


def windows(variant: Variant, placers: Mapping[str, Placer]) -> Iterator[Placed]:
    """What all choices read of a variant's windows, each window once; the choice's name ends a readout's context."""
    readouts: dict[int, list[Readout]] = {}
    for name, one in placers.items():
        for placed in one.place(variant):
            near = (readout for readout in placed.readouts if abs(int(readout.context[2] or 0)) <= NEAR)
            named = [Readout(readout.bins, (*readout.context, name)) for readout in near]
            readouts.setdefault(placed.shift, []).extend(named)
    return (Placed(variant, shift, tuple(some)) for shift, some in readouts.items() if some)


def rows(window: Placed, genome: Genome, scorer: Scorer) -> Iterator[str]:
    variant, values = window.variant, scorer.collect(scorer.submit(scorer.prepare([window], genome)))
    for readout, scores in zip(window.readouts, values, strict=True):
        gene, _, _, starts, choice = readout.context
        cells = (choice, variant.contig, variant.position, variant.reference, variant.alternate, gene, starts)
        yield "\t".join((*map(str, cells), *(f"{score:.5g}" for score in scores))) + "\n"


def near_genes(path: Path, annotation: Path) -> list[Variant]:
    """Variants of a VCF of one contig that lie near the 5' end of a protein-coding gene."""
    ends = np.array(sorted(gene.tss for gene in read_genes(annotation, str, types=CODING)))
    variants = list(read_variants(str(path)))
    starts = np.array([variant.start for variant in variants])
    counts = np.searchsorted(ends, starts + NEAR, "right") - np.searchsorted(ends, starts - NEAR)
    return [variant for variant, count in zip(variants, counts, strict=True) if count]


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
