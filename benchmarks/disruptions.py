"""What the example model says of disrupted motifs in open chromatin, beside an untrained one.

    python benchmarks/disruptions.py [--data DATA] [--model example] [--peaks N]

With --data (see benchmarks/example_model.py) strong DNase peaks of chr22 are looked for in the coverage, not in the
model's prediction; of each the motif nearest to the summit is disrupted (benchmarks/motifs.py says how), and the same
number of letters is replaced by the same rule 1,000 bp away, as a control. `results/motif_scores.tsv` gets the SAD of
either, in the track in which the peak stands out most. Figures are made from that file alone and go to standard output
and to `results/motifs.tsv`: how many are negative, and how likely as many are if nothing but chance were at work.
Sites whose windows overlap share what the model sees, so signs are flipped by clusters of such sites, not one by one.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from candidates import sad, untrained
from correlations import Array
from dependence import count_negatives
from example_model import BIN_WIDTH, CONTIG, Data, read_data
from motifs import nearest_site, transition

from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Variant
from enformer_vep.models.checkpoints import load_model

PEAK_HALF_WIDTH = 128
PEAK_SPACING_BINS = 16
CONTROL_DISTANCE = 1000
WINDOW = 196_608
RESULTS = Path(__file__).parent / "results"
COLUMNS = ("model", "edit", "motif", "sites", "negative", "clusters", "p", "median_sad")


def main() -> None:
    options = parse_arguments()
    path = options.results / "motif_scores.tsv"
    if options.data is not None:
        path.write_text(f"# {options.note}\n{score_sites(options.data, options.model, options.peaks)}")
    text = figures(pd.read_csv(path, sep="\t", comment="#"))
    print(text, end="")
    (options.results / "motifs.tsv").write_text(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The example model on disrupted motifs.")
    parser.add_argument("--data", type=Path, help="score again, with the data of this folder")
    parser.add_argument("--model", default="example")
    parser.add_argument("--peaks", type=int, default=100, help="number of motifs to disrupt")
    parser.add_argument("--note", default="benchmarks/disruptions.py", help="first line of the scores")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def score_sites(folder: Path, source: str, wanted: int) -> str:
    """Tab-separated text, a row per motif."""
    data, model = read_data(folder), load_model(source)
    sites = list(choose_sites(data, wanted))
    scores = {
        (name, edit): sad(one, data.genome, [getattr(site, edit) for site in sites])
        for name, one in (("example", model), ("untrained", untrained(model)))
        for edit in ("disrupted", "control")
    }
    return site_table(sites, scores, data.identifiers)


def site_table(sites: Sequence["Disruption"], scores: dict[tuple[str, str], Array], identifiers: Sequence[str]) -> str:
    pick = np.arange(len(sites)), [site.track for site in sites]
    table = pd.DataFrame(
        {
            "contig": [site.disrupted.contig for site in sites],
            "position": [site.disrupted.position for site in sites],
            "reference": [site.disrupted.reference for site in sites],
            "alternate": [site.disrupted.alternate for site in sites],
            "motif": [site.motif for site in sites],
            "track": [identifiers[site.track] for site in sites],
            **{f"{name}_{edit}": values[pick] for (name, edit), values in scores.items()},
        }
    )
    return table.to_csv(sep="\t", index=False, float_format="%.4g", lineterminator="\n")


def figures(table: pd.DataFrame) -> str:
    """Tab-separated text: for every model and edit a row over all motifs, for disruptions one for each motif too."""
    rows = ["\t".join(COLUMNS)]
    for column in table.columns[6:]:
        model, edit = column.split("_")
        rows.append("\t".join((model, edit, "all", *_cells(table, column))))
        for motif, own in table.groupby("motif", sort=True) if edit == "disrupted" else ():
            rows.append("\t".join((model, edit, str(motif), *_cells(own, column))))
    return "".join(row + "\n" for row in rows)


def _cells(table: pd.DataFrame, column: str) -> tuple[str, ...]:
    values = table[column].to_numpy()
    found = count_negatives(values, table["position"].tolist(), WINDOW)
    return (
        str(len(values)), str(found.count), str(found.clusters), f"{found.p:.2g}", f"{np.median(values):.3g}",
    )  # fmt: skip


@dataclass(frozen=True)
class Disruption:
    """A motif in a peak, the track in which the peak stands out most, and the same edit elsewhere."""

    motif: str
    track: int
    disrupted: Variant
    control: Variant


def choose_sites(data: Data, wanted: int) -> Iterator[Disruption]:
    """The strongest peaks that have a motif, from the strongest downwards."""
    rows = data.rows("DNASE")
    strength = np.nan_to_num(data.coverage[:, rows] / np.nanquantile(data.coverage[:, rows], 0.999, axis=0))
    highest, found = strength.max(axis=1), 0
    taken = np.zeros(len(highest), dtype=bool)
    for peak in np.argsort(-highest):
        if found == wanted or highest[peak] <= 0:
            return
        if taken[peak]:
            continue
        taken[max(peak - PEAK_SPACING_BINS, 0) : peak + PEAK_SPACING_BINS + 1] = True
        start = int(peak) * BIN_WIDTH - PEAK_HALF_WIDTH
        sequence = data.genome.fetch(CONTIG, start, start + BIN_WIDTH + 2 * PEAK_HALF_WIDTH).decode()
        site = nearest_site(sequence, len(sequence) // 2)
        if site is not None:
            found += 1
            place = start + site.start
            yield Disruption(
                site.motif,
                rows[int(strength[peak].argmax())],
                Variant(CONTIG, place + 1, site.motif, site.core, site.disrupted),
                control(data.genome, place - CONTROL_DISTANCE, len(site.core)),
            )


def control(genome: Genome, start: int, length: int) -> Variant:
    letters = genome.fetch(CONTIG, start, start + length).decode()
    return Variant(CONTIG, start + 1, "control", letters, transition(letters))


if __name__ == "__main__":
    main()
