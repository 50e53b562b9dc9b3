"""What matched negatives do to an AUROC: simulated positives and scores on real variants, frequencies and genes.

    python benchmarks/matched_negatives.py VARIANTS ANNOTATION > benchmarks/results/matched_negatives.tsv

VARIANTS is a VCF with AF (1000 Genomes sites of chr22), ANNOTATION a GTF. Every protein-coding gene gets one positive,
drawn with a probability that falls with the distance to its TSS and rises with the minor allele frequency, as
fine-mapped eQTLs do. Two kinds of scores, no model: `distance` knows only how near the nearest TSS is, `causal` is the
same but larger for positives. Negatives are drawn at random in reach of the same gene, or matched in either way.
A fold keeps genes together; scores are independent given the distance, so neighbours tell nothing more.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from enformer_vep.eqtl.eqtl_settings import EqtlSettings, FoldSettings, ForestSettings, LabelSettings, Together
from enformer_vep.eqtl.evaluation import evaluate
from enformer_vep.eqtl.gene_starts import GeneStarts
from enformer_vep.eqtl.labelled_examples import EqtlInputs, load_examples
from enformer_vep.eqtl.negative_settings import GeneRule, NegativeSettings
from enformer_vep.eqtl.negative_tables import labels_text
from enformer_vep.eqtl.negatives import NegativeInputs, choose_negatives
from enformer_vep.eqtl.report import spread
from enformer_vep.eqtl.results import Ranking
from enformer_vep.genome.contigs import contig_key
from enformer_vep.genome.genes import read_genes
from enformer_vep.genome.spelling import gene_without_version
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.vcf import read_numbers

COLUMNS = (
    "negatives", "scores", "positives", "distance_difference", "maf_difference", "forest_auroc", "distance_auroc",
    "frequency_auroc", "both_auroc", "over_both", "over_both_low", "over_both_high",
)  # fmt: skip
REACH = 1_000_000
TYPES = ("protein_coding",)
FINE_HEADER = "chrom\tpos\tref\talt\tpip\tgene_id\n"
LABEL_HEADER = "chrom\tpos\tref\talt\tlabel\tgene_id\ttss_distance\tmaf\n"
TRACKS = 4

Known = tuple[Variant, float]


class Simulation:
    """Positives, scores and negatives, written to a folder."""

    def __init__(self, variants: Path, annotation: Path, folder: Path, seed: int) -> None:
        self.variants, self.annotation, self.folder = variants, annotation, folder
        self._random = np.random.default_rng(seed)
        self._known: list[Known] = [
            (one, min(number, 1 - number)) for one, number in read_numbers(str(variants), "AF") if number is not None
        ]
        self._genes = read_genes(annotation, contig_key, types=TYPES)
        self._starts = np.array([one.start for one, _ in self._known])
        self._maf = np.array([maf for _, maf in self._known])
        self._positives, self._random_rows = self._draw()

    def _draw(self) -> tuple[dict[int, str], list[tuple[int, str, int, int]]]:
        """Row of each positive with its gene; and all rows (row, gene, label, distance) with random negatives."""
        taken: dict[int, str] = {}
        rows: list[tuple[int, str, int, int]] = []
        drawn = {}
        for gene in self._genes:
            reach = np.flatnonzero(np.abs(self._starts - gene.tss) <= REACH)
            if not len(reach):
                continue
            weights = self._maf[reach] / (np.abs(self._starts[reach] - gene.tss) + 2_000)
            row = int(self._random.choice(reach, p=weights / weights.sum()))
            if row not in taken:
                taken[row] = gene_without_version(gene.identifier)
                drawn[row] = (gene, reach)
        for row, (gene, reach) in drawn.items():
            free = [one for one in self._random.choice(reach, 20, replace=True).tolist() if one not in taken]
            for one, label in ((row, 1), (free[0], 0)):
                rows.append((one, taken[row], label, gene.distance(int(self._starts[one]))))
        return taken, rows

    def fine_mapped(self) -> Path:
        """The positives as a table of PIPs."""
        path = self.folder / "finemapped.tsv"
        lines = (f"{self._place(row)}\t1\t{gene}\n" for row, gene in self._positives.items())
        path.write_text(FINE_HEADER + "".join(lines))
        return path

    def random_labels(self) -> Path:
        """Positives with as many random negatives."""
        path = self.folder / "random.tsv"
        lines = (
            f"{self._place(row)}\t{label}\t{gene}\t{distance}\t{self._maf[row]:.6g}\n"
            for row, gene, label, distance in self._random_rows
        )
        path.write_text(LABEL_HEADER + "".join(lines))
        return path

    def scores(self, causal: float) -> Path:
        """Sizes fall with the distance to the nearest TSS; those of positives are `causal` times as large."""
        path = self.folder / f"scores_{causal:g}.tsv"
        starts = GeneStarts(self._genes, 1 << 31)
        random = np.random.default_rng(1)
        with path.open("w") as handle:
            handle.write("#CHROM\tPOS\tID\tREF\tALT\tSTATUS\t" + "\t".join(f"SAD_T{i}" for i in range(TRACKS)) + "\n")
            for row, (one, _) in enumerate(self._known):
                nearest = starts.nearest(contig_key(one.contig), one.start)
                assert nearest is not None
                sizes = 10 ** (0.4 * random.normal(size=TRACKS)) / (abs(nearest.distance) + 300)
                sizes *= causal if row in self._positives else 1
                values = "\t".join(f"{value:.6g}" for value in sizes * random.choice([-1, 1], TRACKS))
                handle.write(f"{one.contig}\t{one.position}\t.\t{one.reference}\t{one.alternate}\tok\t{values}\n")
        return path

    def _place(self, row: int) -> str:
        one = self._known[row][0]
        return f"{one.contig}\t{one.position}\t{one.reference}\t{one.alternate}"


def labels_of(simulation: Simulation, rule: GeneRule | None) -> Path:
    if rule is None:
        return simulation.random_labels()
    inputs = NegativeInputs((simulation.fine_mapped(),), simulation.variants, simulation.annotation)
    chosen = choose_negatives(inputs, LabelSettings(), NegativeSettings(gene=rule, gene_types=TYPES))
    path = simulation.folder / f"{rule}.tsv"
    path.write_text(labels_text(chosen))
    return path


def differences(labels: Path) -> tuple[float, float]:
    """Standardised mean differences of log distance and MAF between the positives and negatives of a table."""
    header, *lines = (line.split("\t") for line in labels.read_text().splitlines())
    cells = [dict(zip(header, line, strict=True)) for line in lines]
    found = []
    for value in (lambda one: np.log10(abs(int(one["tss_distance"])) + 1), lambda one: float(one["maf"])):
        kinds = [np.array([value(one) for one in cells if one["label"] == label]) for label in "10"]
        scale = np.sqrt((kinds[0].var(ddof=1) + kinds[1].var(ddof=1)) / 2)
        found.append(float((kinds[0].mean() - kinds[1].mean()) / scale))
    return found[0], found[1]


def rows(simulation: Simulation, settings: EqtlSettings, causal: float) -> Iterator[tuple[object, ...]]:
    tables = [(name, simulation.scores(factor)) for name, factor in (("distance", 1.0), ("causal", causal))]
    for rule in (None, GeneRule.SAME, GeneRule.NEAREST):
        labels = labels_of(simulation, rule)
        for name, scores in tables:
            (result,) = evaluate(load_examples(EqtlInputs((scores,), (labels,)), settings), settings)
            interval = result.advantages[Ranking.BOTH].auroc
            numbers = (*differences(labels), *(spread(result, ranking, "auroc")[0] for ranking in Ranking))
            cells = (*numbers, interval.value, interval.low, interval.high)
            negatives = "random" if rule is None else f"matched, --gene {rule}"
            yield (negatives, name, int(result.positive.sum()), *(f"{value:.3f}" for value in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("variants", type=Path)
    parser.add_argument("annotation", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--causal", type=float, default=2.5, help="how many times larger scores of positives are")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--trees", type=int, default=100)
    options = parser.parse_args()
    folds = replace(FoldSettings(), together=Together.GENE, repeats=options.repeats)
    settings = EqtlSettings(forest=ForestSettings(trees=options.trees), folds=folds)
    made = f"# simulated positives and scores; {folds.folds} folds, {folds.repeats} repeats, seed {options.seed}"
    sys.stdout.write(f"{made}; scores of positives {options.causal:g} times as large\n" + "\t".join(COLUMNS) + "\n")
    with tempfile.TemporaryDirectory() as folder:
        simulation = Simulation(options.variants, options.annotation, Path(folder), options.seed)
        for row in rows(simulation, settings, options.causal):
            sys.stdout.write("\t".join(map(str, row)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
