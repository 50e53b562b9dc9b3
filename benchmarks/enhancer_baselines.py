"""How well rankings without a model tell CRISPRi pairs that regulate from others: what scores have to be better than.

    python benchmarks/enhancer_baselines.py --data DATA

DATA has crispri/crispri.hg38.tsv.gz, and abc/regions_dhs_h3k27ac.tsv.gz for the activity-by-contact model, which is
known of chr22 alone. Figures go to standard output and to `results/enhancer_baselines.tsv`: the columns of
`enformer-vep enhancers evaluate` for K562 and all distances, after one that says of which pairs:

    k562, published   by the distance that the table has
    k562, tss         by the distance from the table's transcription starts
    chr22, tss        of K562, on chr22
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from enformer_vep.explain.abc_table import AbcCounts, AbcModel, abc_lines
from enformer_vep.explain.candidate_elements import read_candidates, read_target_genes
from enformer_vep.explain.crispri import read_measured_pairs
from enformer_vep.explain.element_evaluation import RankedPairs, baselines, evaluate_rankings
from enformer_vep.explain.element_signals import given_activity
from enformer_vep.explain.evaluation_tables import evaluation_text
from enformer_vep.explain.scored_pairs import find_scores
from enformer_vep.settings.explain_abc import AbcSettings
from enformer_vep.settings.explain_evaluation import Distance, PairEvaluationSettings

RESULTS = Path(__file__).parent / "results"
CELL = ("cell_type", "K562")


def main() -> None:
    options = parse_arguments()
    crispri = options.data / "crispri/crispri.hg38.tsv.gz"
    with tempfile.TemporaryDirectory() as folder:
        scores = Path(folder) / "abc.tsv"
        scores.write_text("".join(activity_by_contact(options.data / "abc/regions_dhs_h3k27ac.tsv.gz", crispri)))
        runs = {
            "k562, published": compare(crispri, [], [CELL], Distance.PUBLISHED),
            "k562, tss": compare(crispri, [], [CELL], Distance.TSS),
            "chr22, tss": compare(crispri, [scores], [CELL, ("chrom", "chr22")], Distance.TSS),
        }
    text = "".join(labelled(runs))
    print(text, end="")
    (options.results / "enhancer_baselines.tsv").write_text(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Rankings without a model against CRISPRi.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def activity_by_contact(regions: Path, genes: Path) -> Iterator[str]:
    """The table of scores of all candidates for the genes of the CRISPRi table."""
    elements = read_candidates(regions)
    assert elements.promoter is not None
    model = AbcModel(elements, elements.promoter, given_activity(elements), AbcSettings())
    return abc_lines(model, read_target_genes(genes), 0, AbcCounts())


def compare(
    crispri: Path, scores: Sequence[Path], where: Sequence[tuple[str, str]], distance: Distance
) -> list[RankedPairs]:
    """Figures of the baselines, beside those of scores."""
    measured = read_measured_pairs([crispri], where=where, distance=distance)
    rankings = {**find_scores(scores, measured).scores, **baselines(measured)}
    return list(evaluate_rankings(measured, rankings, PairEvaluationSettings(bins=())))


def labelled(runs: dict[str, list[RankedPairs]]) -> Iterator[str]:
    """One table of all runs."""
    texts = {name: evaluation_text(results).splitlines() for name, results in runs.items()}
    yield f"RUN\t{next(iter(texts.values()))[0]}\n"
    for name, line in itertools.chain.from_iterable(
        ((name, line) for line in lines[1:]) for name, lines in texts.items()
    ):
        yield f"{name}\t{line}\n"


if __name__ == "__main__":
    main()
