"""Deletions of one base in a saturated promoter, by rule of `--indels`, beside the substitutions of the same base.

    python benchmarks/mpra_deletions.py [--data DATA] [--model example] [--bases 84]

With --data, bases of the GP1BB promoter (variants/kircher_mpra.GP1BB.hg38.tsv of Kircher et al. 2019, and
genome/hg38.subset.fa.gz) are scored, evenly spread over those whose deletion and three substitutions have 10 or more
barcodes each. Every allele has a window of its own. A row per base is added to `results/mpra_deletion_scores.tsv`,
after those that are there already: the measured effects of the deletion and of the substitutions (mean), and for both
the mean over DNase tracks of SAD / REF, of its size, and of LOGD2. Figures are made from that file alone and go to
`results/mpra_deletions.tsv`:

    spearman_snv, spearman_snv_size   of the deletion's SAD with the mean of the base's substitutions; of the sizes
    ratio                             median of the deletion's size over the mean of the substitutions' sizes
    spearman_measured, .._size        of SAD with the measured effect of the deletion; of the sizes

The row `substitutions` compares their mean with their mean measured effect, `measured` both measured effects.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from correlations import Array
from scipy import stats

from enformer_vep.api import open_scorer, score
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.models.checkpoints import LoadedModel, load_model
from enformer_vep.settings import Indels, Score, ScoreSettings
from enformer_vep.tracks.table import TrackTable

MIN_BARCODES = 10
RESULTS = Path(__file__).parent / "results"
MEASURES = ("SAD", "SAD_size", "LOGD2")
COLUMNS = (
    *("position", "reference", "measured_deletion", "measured_substitutions"),
    *(f"{source}_{measure}" for source in ("substitutions", *Indels) for measure in MEASURES),
)
FIGURES = ("spearman_snv", "spearman_snv_size", "ratio", "spearman_measured", "spearman_measured_size")


def main() -> None:
    options = parse_arguments()
    path = options.results / "mpra_deletion_scores.tsv"
    if options.data is not None:
        score_bases(options, path)
    text = figures(pd.read_csv(path, sep="\t"))
    print(text, end="")
    (options.results / "mpra_deletions.tsv").write_text(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Deletions of one base in a saturated promoter.")
    parser.add_argument("--data", type=Path, help="score, with the data of this folder")
    parser.add_argument("--element", default="GP1BB")
    parser.add_argument("--model", default="example")
    parser.add_argument("--bases", type=int, default=84)
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def score_bases(options: argparse.Namespace, path: Path) -> None:
    """Append rows to the file, a base at a time."""
    model, genome = load_model(options.model), Genome(options.data / "genome" / "hg38.subset.fa.gz")
    table = saturated(options.data / "variants" / f"kircher_mpra.{options.element}.hg38.tsv")
    positions = table["Pos"].unique()
    chosen = positions[np.unique(np.linspace(0, len(positions) - 1, options.bases).round().astype(int))]
    if not path.exists():
        path.write_text("\t".join(COLUMNS) + "\n")
    for position in sorted(set(chosen) - set(pd.read_csv(path, sep="\t")["position"])):
        row = row_of_base(model, genome, table[table["Pos"] == position])
        with path.open("a") as file:
            file.write("\t".join(row) + "\n")


def saturated(path: Path) -> pd.DataFrame:
    """Rows of the bases with a deletion and three substitutions of enough barcodes, by position."""
    table = pd.read_csv(path, sep="\t", dtype={"Chrom": str}).dropna(subset=["Pos"])
    table = table[table["Barcodes"] >= MIN_BARCODES].astype({"Pos": int}).sort_values("Pos", kind="stable")
    return table[table.groupby("Pos")["Alt"].transform("nunique") == 4]


def row_of_base(model: LoadedModel, genome: Genome, rows: pd.DataFrame) -> list[str]:
    """Values of the file."""
    position, base, contig = int(rows["Pos"].iloc[0]), str(rows["Ref"].iloc[0]), f"chr{rows['Chrom'].iloc[0]}"
    deleted = rows["Alt"] == "-"
    before = genome.fetch(contig, position - 2, position - 1).decode()
    substitutions = [Variant(contig, position, ".", base, str(other)) for other in rows["Alt"][~deleted]]
    deletion = [Variant(contig, position - 1, ".", before + base, before)]
    values = [*effects(model, genome, substitutions, Indels.LOCAL)]
    for rule in Indels:
        values += [*effects(model, genome, deletion, rule)]
    measured = [rows["Coefficient"][own].mean() for own in (deleted, ~deleted)]
    return [str(position), base, *(f"{value:.4g}" for value in (*measured, *values))]


def effects(model: LoadedModel, genome: Genome, variants: Sequence[Variant], rule: Indels) -> Array:
    """The three measures, means over variants and tracks, float64 [3]."""
    rows = TrackTable.from_text(model.metadata["targets_human"])
    tracks = ",".join(str(track.index) for track in rows if track.assay == "DNASE")
    settings = ScoreSettings(scores=(Score.SAD, Score.LOGD2, Score.REF), tracks=tracks, indels=rule)
    scores = score(variants, genome, open_scorer(model, settings))
    refused = scores[scores["STATUS"] != Status.OK.value]
    if len(refused):
        raise SystemExit(f"cannot be scored: {refused.iloc[0].tolist()[:6]}")
    sad, log, reference = (scores.filter(like=f"{name}_").to_numpy(np.float64) for name in ("SAD", "LOGD2", "REF"))
    return np.array([(sad / reference).mean(), abs(sad / reference).mean(), log.mean()])


def figures(table: pd.DataFrame) -> str:
    """Tab-separated text, a row per rule and measure."""
    rows = ["\t".join(("compared", "measure", "bases", *FIGURES))]
    rows += ["\t".join((name, measure, str(len(table)), *cells)) for name, measure, cells in _rows(table)]
    return "".join(row + "\n" for row in rows)


def _rows(table: pd.DataFrame) -> Iterator[tuple[str, str, list[str]]]:
    deletion, substitutions = table["measured_deletion"], table["measured_substitutions"]
    nothing = ""
    for rule in Indels:
        for measure in ("SAD", "LOGD2"):
            size = "SAD_size" if measure == "SAD" else measure
            own, other = table[f"{rule}_{size}"], table[f"substitutions_{size}"]
            signed = measure == "SAD"
            yield (
                rule,
                measure,
                [
                    _spearman(table[f"{rule}_SAD"], table["substitutions_SAD"]) if signed else nothing,
                    _spearman(own, other),
                    f"{(own / other).median():.3g}",
                    _spearman(table[f"{rule}_SAD"], deletion) if signed else nothing,
                    _spearman(own, abs(deletion)),
                ],
            )
    of_substitutions = [
        _spearman(table["substitutions_SAD"], substitutions),
        _spearman(table["substitutions_SAD_size"], abs(substitutions)),
    ]
    yield "substitutions", "SAD", [nothing, nothing, nothing, *of_substitutions]
    yield (
        "measured",
        "effect",
        [
            _spearman(deletion, substitutions),
            _spearman(abs(deletion), abs(substitutions)),
            f"{abs(deletion / substitutions).median():.3g}",
            nothing,
            nothing,
        ],
    )


def _spearman(one: "pd.Series[float]", other: "pd.Series[float]") -> str:
    return f"{stats.spearmanr(one, other).statistic:.3f}"


if __name__ == "__main__":
    main()
