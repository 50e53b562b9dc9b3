"""How well scores of `enformer-vep enhancers` tell CRISPRi pairs that regulate from others, within the model's reach.

    python benchmarks/crispri_enhancers.py --data DATA [--model example] [--contigs chr22]

DATA has crispri/crispri.hg38.tsv.gz and genome/hg38.subset.fa.gz. Genes and their transcription starts are those of
the CRISPRi table, a start each; K562 pairs of some contigs that lie within the gene's window are scored for the mean of
all CAGE and of all DNASE tracks of the model. Scores go to `results/crispri_enhancer_scores.tsv`;
without --data the figures are made from that file alone. They go to standard output and to
`results/crispri_enhancers.tsv`:

    score      a column of the table, larger where the prediction rests more on the element
    pairs      pairs that are scored
    regulated  of these, regulated
    auprc      average precision of the score (chance is regulated / pairs)
    auroc      area under the ROC curve

A small model knows no enhancer: these figures say that the command works on real data, not what Enformer would say.
"""

import argparse
import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

from enformer_vep.explain.enhancers import score_elements
from enformer_vep.settings import Centre, ComputeSettings, GeneSettings, OutputSettings, Score, ScoreSettings
from enformer_vep.settings.explain_enhancers import EnhancerRequest, EnhancerSettings

RESULTS = Path(__file__).parent / "results"
REACH = 98_000  # bp
KEY = ["chrom", "start", "end", "gene_id"]
GROUPS = "assay:CAGE\tCAGE\nassay:DNASE\tDNASE\n"


def main() -> None:
    options = parse_arguments()
    path = options.results / "crispri_enhancer_scores.tsv"
    if options.data is not None:
        score(options.data, options.model, options.contigs, path)
    text = figures(pd.read_csv(path, sep="\t"))
    print(text, end="")
    (options.results / "crispri_enhancers.tsv").write_text(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Enhancer scores against CRISPRi.")
    parser.add_argument("--data", type=Path, help="score again, with the data of this folder")
    parser.add_argument("--model", default="example")
    parser.add_argument("--contigs", nargs="+", default=["chr22"], help="of the genome subset: chr1, chr19, chr22")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def score(data: Path, model: str, contigs: Sequence[str], path: Path) -> None:
    """Score the pairs and keep their scores beside the label."""
    pairs = near_pairs(data / "crispri/crispri.hg38.tsv.gz", contigs)
    with tempfile.TemporaryDirectory() as folder:
        wanted, genes, groups, table = (
            Path(folder) / name for name in ("pairs.tsv", "genes.gtf", "groups.tsv", "table.tsv")
        )
        pairs.to_csv(wanted, sep="\t", index=False)
        genes.write_text("".join(annotation(pairs)))
        groups.write_text(GROUPS)
        settings = ScoreSettings(scores=(Score.SADR,), groups=str(groups), genes=GeneSettings(centre=Centre.TSS))
        request = EnhancerRequest(
            wanted, data / "genome/hg38.subset.fa.gz", genes, EnhancerSettings(settings), model,
            ComputeSettings(device="cpu"), OutputSettings(str(table)),
        )  # fmt: skip
        score_elements(request, no_progress)
        scored = pd.read_csv(table, sep="\t").rename(columns={"#CHROM": "chrom", "START": "start", "END": "end"})
    scored = scored.rename(columns={"GENE_ID": "gene_id"})
    joined = pairs.merge(scored.drop(columns=["NAME", "GENE_NAME", "TSS"]), on=KEY, validate="one_to_one")
    joined.to_csv(path, sep="\t", index=False, float_format="%.6g")


def near_pairs(path: Path, contigs: Sequence[str]) -> pd.DataFrame:
    """K562 pairs near the gene's start; of a pair that several studies measured the first."""
    table = pd.read_csv(path, sep="\t")
    away = ((table.start + table.end) // 2 - table.tss).abs()
    near = table[(table.cell_type == "K562") & (away < REACH) & table.chrom.isin(contigs)]
    return near.drop_duplicates(KEY)[[*KEY, "gene", "strand", "tss", "regulated", "effect_size", "name"]]


def annotation(pairs: pd.DataFrame) -> Iterator[str]:
    """A gene of one base for each start."""
    for gene in pairs.drop_duplicates("gene_id").itertuples():
        place = f"{gene.chrom}\tcrispri\tgene\t{gene.tss + 1}\t{gene.tss + 1}\t.\t{gene.strand}\t."
        yield f'{place}\tgene_id "{gene.gene_id}"; gene_name "{gene.gene}";\n'


@contextlib.contextmanager
def no_progress(_: int) -> Iterator[Callable[[], object]]:
    """Shows nothing."""
    yield lambda: None


def figures(table: pd.DataFrame) -> str:
    """A line for each score."""
    scored = table[table.STATUS == "ok"]
    lines = ["score\tpairs\tregulated\tauprc\tauroc"]
    for column in table.columns[table.columns.get_loc("N_TSS") + 1 :]:
        precision = average_precision_score(scored.regulated, scored[column])
        area = roc_auc_score(scored.regulated, scored[column])
        lines.append(f"{column}\t{len(scored)}\t{scored.regulated.sum()}\t{precision:.3f}\t{area:.3f}")
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    main()
