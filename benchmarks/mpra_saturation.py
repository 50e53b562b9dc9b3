"""A promoter saturated in silico beside the same promoter saturated in cells.

    python benchmarks/mpra_saturation.py [--data DATA] [--model example] [--figure mpra.png]

With --data, every base of the GP1BB promoter (variants/kircher_mpra.GP1BB.hg38.tsv of Kircher et al. 2019) is changed
in one window (genome/hg38.subset.fa.gz), which takes minutes, and `results/mpra_saturation.tsv` is written: for each
substitution with 10 or more barcodes the measured effect (log2 fold change) and the predicted one (SADR over the four
bins in the middle, of the mean of the DNase tracks; `--engine adjoint` for all to
first order). What is printed, and drawn, is made from that file alone: Spearman's
correlation, and the share of rotations of the predictions along the promoter that reach it (benchmarks/dependence.py).
"""

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from correlations import Array
from dependence import by_position, rotate
from mpra import read_mpra

import enformer_vep as ev
from enformer_vep.explain.saturation import BASES, saturate
from enformer_vep.figures.drawing import save_figure
from enformer_vep.figures.saturation_map import MappedStretch, draw_saturation
from enformer_vep.models.checkpoints import LoadedModel
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.settings import Refinement

RESULTS = Path(__file__).parent / "results"
BINS = 4


def main() -> None:
    options = parse_arguments()
    path = options.results / "mpra_saturation.tsv"
    if options.data is not None:
        rows = compare(options.data, options.element, options.model, ev.Engine(options.engine)).to_csv(
            sep="\t", index=False, float_format="%.4g", lineterminator="\n"
        )
        path.write_text(f"# {options.note}\n{rows}")
    table = pd.read_csv(path, sep="\t", comment="#")
    words = in_words(table)
    print(words)
    if options.figure is not None:
        sides = [mapped(table, column) for column in ("measured", "predicted")]
        label = "effect minus the mean of the four bases, in standard deviations"
        save_figure(draw_saturation(sides, label, f"{options.element}: {words}"), options.figure)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A promoter saturated in silico and in cells.")
    parser.add_argument("--data", type=Path, help="score, with the data of this folder")
    parser.add_argument("--element", default="GP1BB")
    parser.add_argument("--model", default="example")
    parser.add_argument("--engine", default="delta", choices=["delta", "adjoint"])
    parser.add_argument("--note", default="python benchmarks/mpra_saturation.py", help="first line of the results")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--figure", type=Path)
    return parser.parse_args()


def compare(folder: Path, element: str, source: str, engine: ev.Engine) -> pd.DataFrame:
    """Columns position (1-based), reference, alternate, measured, predicted; a row per substitution."""
    variants, effects = read_mpra(folder / "variants" / f"kircher_mpra.{element}.hg38.tsv")
    positions = [one.position for one in variants]
    region = f"{variants[0].contig}:{min(positions)}-{max(positions)}"
    scorer = mean_of_dnase(ev.load_model(source), engine)
    found = saturate(region, ev.Genome(folder / "genome" / "hg38.subset.fa.gz"), scorer)
    wrong = [one for one in variants if found.sequence[one.start - found.start] != one.reference]
    if wrong:
        raise SystemExit(f"REF {wrong[0].reference} at {wrong[0].position} is not what the genome has")
    predicted = [found.effects[one.start - found.start, BASES.index(one.alternate), 0] for one in variants]
    return pd.DataFrame(
        {
            "position": positions,
            "reference": [one.reference for one in variants],
            "alternate": [one.alternate for one in variants],
            "measured": effects,
            "predicted": predicted,
        }
    )


def mean_of_dnase(model: LoadedModel, engine: ev.Engine) -> Scorer:
    """A scorer whose one column is of the mean of all DNase tracks."""
    rows = csv.DictReader(model.metadata["targets_human"].splitlines(), delimiter="\t")
    tracks = [row["identifier"] for row in rows if row["description"].startswith("DNASE:")]
    with tempfile.TemporaryDirectory() as folder:
        groups = Path(folder) / "groups.tsv"
        groups.write_text("".join(f"{track}\tDNASE\n" for track in tracks))
        settings = ev.ScoreSettings(
            (ev.Score.SADR,),
            groups=str(groups),
            centre_bins=BINS,
            engine=engine,
            refinement=Refinement(share=0, sample=0),
        )
        return ev.open_scorer(model, settings)


def in_words(table: pd.DataFrame) -> str:
    found = rotate(*(by_position(table, table[column].to_numpy(), "kind") for column in ("predicted", "measured")))
    return (
        f"{len(table)} substitutions, Spearman {found.spearman:.3f} (p = {found.p:.2g} by {found.rotations} rotations)"
    )


def mapped(table: pd.DataFrame, column: str) -> MappedStretch:
    """A side of the picture; a substitution that was not measured is left white."""
    first, last = int(table["position"].min()), int(table["position"].max())
    effects: Array = np.full((last - first + 1, 4), np.nan)
    letters = ["N"] * len(effects)
    for row in table.itertuples():
        place = row.position - first
        letters[place] = row.reference
        effects[place, BASES.index(row.reference)] = 0
        effects[place, BASES.index(row.alternate)] = getattr(row, column) / table[column].std()
    known = np.isfinite(effects).sum(axis=1, keepdims=True)
    centred = effects - np.nansum(effects, axis=1, keepdims=True) / np.maximum(known, 1)
    own = [centred[place, BASES.index(base)] if base in BASES else np.nan for place, base in enumerate(letters)]
    return MappedStretch(column, first, "".join(letters), centred, np.array(own))


if __name__ == "__main__":
    main()
