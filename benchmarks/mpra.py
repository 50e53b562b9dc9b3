"""What the example model says of saturated regulatory elements, beside an untrained one and beside a ruler.

    python benchmarks/mpra.py [--data DATA] [--model example]

With --data every element that DATA has (variants/kircher_mpra.<ELEMENT>.hg38.tsv of Kircher et al. 2019, and
genome/hg38.subset.fa.gz) is scored, which takes minutes, and `results/mpra_scores.tsv` is written: per variant the
measured effect, and per model and assay the mean over tracks of SAD (over all bins, in units of the track's
standard deviation over the element), and of its size. Figures are made from that file alone, in seconds, and go
to standard output and to `results/mpra.tsv`:

    spearman   of the score with the measured effect (log2 fold change), or of both without their signs. The
               `distance` row is the ruler: minus the distance from the middle of the element
    p          share of rotations of the scores along the element, the unrotated one among them, that reach the
               figure; one-sided. The substitutions of a base stay together; which of them meets which of another
               base is a choice, so there are two (benchmarks/dependence.py)
    given      the partial correlation, distance taken out of both; and its p, by the same rotations
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from candidates import sad, untrained
from correlations import Array
from dependence import PAIRINGS, by_position, rotate

from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Variant
from enformer_vep.models.checkpoints import LoadedModel, load_model

MIN_BARCODES = 10
ASSAYS = ("DNASE", "CAGE")
RESULTS = Path(__file__).parent / "results"
_P = tuple(f"p_by_{pairing}" for pairing in PAIRINGS)
HEADER = ("element", "model", "compared", "scores", "variants", "positions")
FIGURES = ("spearman", *_P, "given_distance", *(f"{name}_given_distance" for name in _P), "rotations")


def main() -> None:
    options = parse_arguments()
    path = options.results / "mpra_scores.tsv"
    if options.data is not None:
        path.write_text(f"# {options.note}\n{score_elements(options.data, options.model)}")
    text = figures(pd.read_csv(path, sep="\t", comment="#", dtype={"element": str}))
    print(text, end="")
    (options.results / "mpra.tsv").write_text(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The example model on saturation mutagenesis.")
    parser.add_argument("--data", type=Path, help="score again, with the data of this folder")
    parser.add_argument("--model", default="example")
    parser.add_argument("--note", default="benchmarks/mpra.py", help="first line of the scores")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def score_elements(folder: Path, source: str) -> str:
    """Tab-separated text, a row per variant."""
    model, genome = load_model(source), Genome(folder / "genome" / "hg38.subset.fa.gz")
    candidates = {"example": model, "untrained": untrained(model)}
    parts = []
    for path in sorted((folder / "variants").glob("kircher_mpra.*.hg38.tsv")):
        variants, effects = read_mpra(path)
        scores = {name: sad(one, genome, variants) for name, one in candidates.items()}
        parts.append(element_table(path.name.split(".")[1], variants, effects, scores, assays_of(model)))
    return pd.concat(parts).to_csv(sep="\t", index=False, float_format="%.4g", lineterminator="\n")


def read_mpra(path: Path) -> tuple[list[Variant], Array]:
    """Substitutions with enough barcodes, and their effects."""
    with path.open() as handle:
        rows = [
            row
            for row in csv.DictReader(handle, delimiter="\t")
            if row["Alt"] in "ACGT" and int(row["Barcodes"]) >= MIN_BARCODES
        ]
    variants = [
        Variant(f"chr{row['Chrom']}", int(float(row["Pos"])), ".", row["Ref"], row["Alt"], record)
        for record, row in enumerate(rows)
    ]
    return variants, np.array([float(row["Coefficient"]) for row in rows])


def assays_of(model: LoadedModel) -> list[str]:
    rows = csv.DictReader(model.metadata["targets_human"].splitlines(), delimiter="\t")
    return [row["description"].partition(":")[0] for row in rows]


def element_table(
    element: str, variants: list[Variant], effects: Array, scores: dict[str, Array], assays: list[str]
) -> pd.DataFrame:
    """Columns element, contig, position (1-based), reference, alternate, effect, and four for each model."""
    table = pd.DataFrame(
        {
            "element": element,
            "contig": [variant.contig for variant in variants],
            "position": [variant.position for variant in variants],
            "reference": [variant.reference for variant in variants],
            "alternate": [variant.alternate for variant in variants],
            "effect": effects,
        }
    )
    for name, values in scores.items():
        scaled = values / np.maximum(values.std(axis=0), np.finfo(np.float64).tiny)
        for assay in ASSAYS:
            own = scaled[:, [row for row, other in enumerate(assays) if other == assay]]
            table[f"{name}_{assay}"] = own.mean(axis=1)
            table[f"{name}_{assay}_size"] = abs(own).mean(axis=1)
    return table


def figures(table: pd.DataFrame) -> str:
    """Tab-separated text, a row per element, model, assay and comparison."""
    rows = ["\t".join((*HEADER, *FIGURES))]
    for element, own in table.groupby("element", sort=True):
        rows += ["\t".join((str(element), *row)) for row in _element_rows(own)]
    return "".join(row + "\n" for row in rows)


def _element_rows(table: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    middle = (table["position"].min() + table["position"].max()) / 2
    nearness = -abs(table["position"].to_numpy() - middle)
    effects = table["effect"].to_numpy()
    positions = table["position"].nunique()
    counts = (str(len(table)), str(positions))

    def rotations(scores: Array, truth: Array, given: Array | None = None) -> tuple[str, ...]:
        """The correlation, and its p in either pairing."""
        found = [
            rotate(*(None if one is None else by_position(table, one, pairing) for one in (scores, truth, given)))
            for pairing in PAIRINGS
        ]
        return (f"{found[0].spearman:.3f}", *(f"{one.p:.2g}" for one in found))

    last = str(positions - 1)
    nothing = ("",) * (1 + len(PAIRINGS))
    yield ("ruler", "absolute", "distance", *counts, *rotations(nearness, abs(effects)), *nothing, last)
    for column in table.columns[6:]:
        model, assay, *size = column.split("_")
        compared, truth = ("absolute", abs(effects)) if size else ("signed", effects)
        scores = table[column].to_numpy()
        given = rotations(scores, truth, nearness) if size else nothing
        yield (model, compared, assay, *counts, *rotations(scores, truth), *given, last)


if __name__ == "__main__":
    main()
