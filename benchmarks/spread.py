"""How often views of a variant agree on the sign of its score, and what their agreement is worth.

    python benchmarks/spread.py [--data DATA] [--model example] [--variants 64]

With --data (variants/1000G.chr22.sites.vcf.gz and genome/hg38.subset.fa.gz) SNVs evenly spread over the file are
scored, and `results/spread_scores.tsv` is written as they come; a run that was interrupted goes on. Per variant and
track: the reference prediction summed over all bins, and SAD of single views: both strands, and the forward strand of
windows moved by `SHIFTS`. Figures are made from that file alone, in seconds, and go to standard output and to
`results/spread.tsv`:

    agree      `views` that are compared, in each row a fifth of the values by size, |SAD| / prediction of the mean of
               all four, and in the last row all: share of values whose views have one sign, and the median of their
               standard deviation over |SAD| of their mean
    held out   what the two strands say of two views that neither is, the moved windows: share of values whose mean over
               those has the sign of the strands' mean, where the strands agree and where they do not
    error      mean squared difference to the mean over the moved windows, each value in units of its prediction, of the
               strands' mean and of the same shrunken (`--shrink`); and the share of variants that are nearer shrunken
"""

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from correlations import Array

from enformer_vep.api import open_scorer
from enformer_vep.effects.effect import Effect
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.placing import Placed
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.vcf import read_variants
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.scoring.spread import Spread
from enformer_vep.settings import ScoreSettings

RESULTS = Path(__file__).parent / "results"
SHIFTS = (1, 48)
STRANDS = ("forward", "reverse")
MOVED = tuple(f"shift_{shift}" for shift in SHIFTS)
VIEWS = (*STRANDS, *MOVED)
VARIANT = ("contig", "position", "reference", "alternate")
HEADER = (*VARIANT, "track", "prediction", *VIEWS)
COMPARED = {
    "strands": STRANDS,
    "shifts 0,1": ("forward", "shift_1"),
    "shifts 0,48": ("forward", "shift_48"),
    "all four": VIEWS,
}
PARTS = 5


def main() -> None:
    options = parse_arguments()
    path = options.results / "spread_scores.tsv"
    if options.data is not None:
        score_variants(options.data, options.model, options.variants, path, options.note)
    text = figures(pd.read_csv(path, sep="\t", comment="#"))
    print(text, end="")
    (options.results / "spread.tsv").write_text(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How often views agree on the sign of a score.")
    parser.add_argument("--data", type=Path, help="score again, with the data of this folder")
    parser.add_argument("--model", default="example")
    parser.add_argument("--variants", type=int, default=64)
    parser.add_argument("--note", default="benchmarks/spread.py", help="first line of the scores")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def score_variants(folder: Path, model: str, count: int, path: Path, note: str) -> None:
    """Writes what is not there yet."""
    genome = Genome(folder / "genome" / "hg38.subset.fa.gz")
    variants = list(read_variants(str(folder / "variants" / "1000G.chr22.sites.vcf.gz")))
    chosen = variants[len(variants) // (2 * count) :: len(variants) // count][:count]
    # By the bits of the number, read backwards: every beginning of the list is spread evenly, too.
    chosen = [one for _, one in sorted(enumerate(chosen), key=lambda pair: f"{pair[0]:032b}"[::-1])]
    done = set()
    if path.exists():
        with path.open() as handle:
            next(handle)
            done = {int(row["position"]) for row in csv.DictReader(handle, delimiter="\t")}
    else:
        path.write_text(f"# {note}\n" + "\t".join(HEADER) + "\n")
    strands = open_scorer(model, ScoreSettings(reverse_complement=True))
    shifted = open_scorer(model, ScoreSettings(shifts=SHIFTS))
    for variant in chosen:
        if variant.position not in done:
            lines = ["\t".join(row) + "\n" for row in rows_of(variant, genome, strands, shifted)]
            with path.open("a") as handle:
                handle.writelines(lines)


def rows_of(variant: Variant, genome: Genome, strands: Scorer, shifted: Scorer) -> Iterator[tuple[str, ...]]:
    """A row per track."""
    views = [*views_of(strands, variant, genome), *views_of(shifted, variant, genome)]
    prediction = views[0].reference.sum(1, dtype=torch.float64)[0].tolist()
    scores = torch.stack([view.delta.sum(1, dtype=torch.float64)[0] for view in views], 1).tolist()
    identity = (variant.contig, str(variant.position), variant.reference, variant.alternate)
    labels = strands.layout.blocks[0].labels
    for label, total, row in zip(labels, prediction, scores, strict=True):
        yield (*identity, label, f"{total:.5g}", *(f"{score:.5g}" for score in row))


def views_of(scorer: Scorer, variant: Variant, genome: Genome) -> list[Effect]:
    """The effects [1, bins, tracks] of single views."""
    views: list[Effect] = []
    work = scorer.prepare([Placed(variant)], genome)
    scorer.predictor.effect(work.batches, work.stitches, views.append)
    return views


def figures(table: pd.DataFrame) -> str:
    """Tab-separated text."""
    prediction = table["prediction"].to_numpy()
    lines = ["figure\tviews\tfrom\tto\tvalues\tshare\tmedian_sd"]
    size = abs(table[list(VIEWS)].to_numpy().mean(axis=1)) / prediction
    for name, views in COMPARED.items():
        lines += _agreement(name, table[list(views)].to_numpy(), size)
    strands = table[list(STRANDS)].to_numpy()
    truth = table[list(MOVED)].to_numpy().mean(axis=1)
    mean = strands.mean(axis=1)
    agree = _agree(strands)
    for name, rows in (("strands agree", agree), ("strands differ", ~agree)):
        share = (np.sign(mean[rows]) == np.sign(truth[rows])).mean()
        lines.append(f"held out\t{name}\t\t\t{rows.sum()}\t{share:.3f}\t")
    lines += _errors(table, strands, mean, truth, prediction)
    return "".join(f"{line}\n" for line in lines)


def _agreement(name: str, views: Array, size: Array) -> Iterator[str]:
    edges = np.quantile(size, np.linspace(0, 1, PARTS + 1))
    parts = np.clip(np.searchsorted(edges, size, side="right") - 1, 0, PARTS - 1)
    relative = views.std(axis=1, ddof=1) / abs(views.mean(axis=1))
    for part in range(PARTS):
        rows = parts == part
        share, median = _agree(views[rows]).mean(), np.median(relative[rows])
        ends = f"{edges[part]:.2g}\t{edges[part + 1]:.2g}"
        yield f"agree\t{name}\t{ends}\t{rows.sum()}\t{share:.3f}\t{median:.2f}"
    yield f"agree\t{name}\t\t\t{len(views)}\t{_agree(views).mean():.3f}\t{np.median(relative):.2f}"


def _errors(table: pd.DataFrame, strands: Array, mean: Array, truth: Array, prediction: Array) -> Iterator[str]:
    raw = ((mean - truth) / prediction) ** 2
    shrunken = ((_shrunken(strands) - truth) / prediction) ** 2
    by_variant = pd.DataFrame({"raw": raw, "shrunken": shrunken}).groupby([table[name] for name in VARIANT]).mean()
    nearer = (by_variant["shrunken"] < by_variant["raw"]).mean()
    yield f"error\tstrands\t\t\t{len(raw)}\t{raw.mean():.3g}\t"
    yield f"error\tstrands, shrunken\t\t\t{len(raw)}\t{shrunken.mean():.3g}\t"
    yield f"error\tvariants nearer\t\t\t{len(by_variant)}\t{nearer:.3f}\t"


def _agree(views: Array) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.asarray(abs(np.sign(views).sum(axis=1)) == views.shape[1])


def _shrunken(views: Array) -> Array:
    """As `--shrink` does it."""
    columns: Sequence[torch.Tensor] = torch.from_numpy(views).unbind(1)
    spread = Spread.of_first(columns[0])
    for column in columns[1:]:
        spread = spread.with_next(column)
    shrunken: Array = spread.shrunken(torch.from_numpy(views.mean(axis=1))).numpy()
    return shrunken


if __name__ == "__main__":
    main()
