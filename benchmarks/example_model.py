"""What the example model can do on chr22, which it was never trained on, beside an untrained one of its shape.

    python benchmarks/example_model.py --data DATA [--model example] [--tiles N]

DATA is a folder with (example_data/README.md says where they come from):

    genome/hg38.subset.fa.gz                   GRCh38, at least chr22
    tracks.tsv, predicted/<identifier>.bw      the tracks, as another model predicts them; what it could not see is
                                               absent, so absent means unknown
    k562/K562.DHS.chr22.counts.bed             measured reads in candidate regions

Figures go to standard output and, tab separated, to --output:

    tracks    Pearson over all bins of chr22 that are covered, per track, mean of each assay
    K562 DHS  Spearman of the counts with the mean prediction over a region's bins, per DNase track. Taking the
              logarithm changes no rank. None of the tracks is K562: the best is the largest of these very
              figures; the mean over the tracks is free of that choice. Regions are neighbours of one another, so
              no p-value is given

Measured effects of variants and disrupted motifs are in `mpra.py` and `disruptions.py`.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from candidates import untrained
from correlations import Array, pearson_columns, spearman_columns
from tqdm import tqdm

from enformer_vep.effects.network import one_hot
from enformer_vep.genome.encoding import encode
from enformer_vep.genome.fasta import Genome
from enformer_vep.models.checkpoints import load_model
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.tracks.table import TrackTable
from enformer_vep.training.coverage import UNKNOWN, BigWigReader, CoverageRule

CONTIG = "chr22"
BIN_WIDTH = 128
CHUNK_BINS = 16_384


@dataclass(frozen=True)
class Data:
    """Everything measured or predicted by others; bins are those of the contig from its start."""

    genome: Genome
    identifiers: list[str]
    assays: list[str]
    coverage: Array
    regions: Array

    def rows(self, assay: str) -> list[int]:
        return [row for row, own in enumerate(self.assays) if own == assay]


@dataclass(frozen=True)
class Line:
    """One figure of one model."""

    figure: str
    detail: str
    value: str


def main() -> None:
    options = parse_arguments()
    data = read_data(options.data)
    model = load_model(options.model, window=options.window, target_length=options.target_length)
    report = {"another model": coverage_lines(data.coverage, data)}
    for name, candidate in ((model.name, model), ("untrained", untrained(model))):
        predicted = predict_contig(candidate.network, data.genome, options.tiles)
        report[name] = coverage_lines(predicted, data, tracks=True)
    tiles = f"{options.tiles} windows of {CONTIG}" if options.tiles else f"all of {CONTIG}"
    text = table(report, f"{tiles}; the model's sha256 begins {model.sha256[:12]}")
    print(text, end="")
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What the example model can do on chr22.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="example")
    parser.add_argument("--window", type=int)
    parser.add_argument("--target-length", type=int)
    parser.add_argument("--tiles", type=int, help="predict only so many evenly spaced windows of chr22")
    results = Path(__file__).parent / "results"
    parser.add_argument("--output", type=Path, default=results / "example_model.tsv")
    return parser.parse_args()


def read_data(folder: Path) -> Data:
    fasta = folder / "genome" / "hg38.subset.fa.gz"
    with (folder / "tracks.tsv").open() as handle:
        tracks = list(csv.DictReader(handle, delimiter="\t"))
    rows = (f"{t['identifier']}\tpredicted/{t['identifier']}.bw\t{t['description']}" for t in tracks)
    targets = TrackTable.from_text("\n".join(["identifier\tfile\tdescription", *rows]), "tracks.tsv")
    reader = BigWigReader(fasta, targets, folder, BIN_WIDTH, CoverageRule(absent=UNKNOWN))
    bins = reader.contigs[CONTIG] // BIN_WIDTH
    starts = range(0, bins, CHUNK_BINS)
    coverage = [reader.values(CONTIG, s * BIN_WIDTH, min(CHUNK_BINS, bins - s)) for s in starts]
    return Data(
        genome=Genome(fasta),
        identifiers=[target.identifier for target in targets],
        assays=[target.description.partition(":")[0] for target in targets],
        coverage=np.concatenate(coverage),
        regions=np.loadtxt(folder / "k562" / "K562.DHS.chr22.counts.bed", usecols=(1, 2, 3)),
    )


@torch.inference_mode()
def predict_contig(network: Enformer, genome: Genome, tiles: int | None) -> Array:
    """float32 [bins of the contig, tracks], NaN where there is no prediction; windows of N only are left out."""
    shape = network.config
    bins = genome.contigs[CONTIG] // BIN_WIDTH
    result = np.full((bins, shape.output_tracks["human"]), np.nan, dtype=np.float32)
    starts = range(0, bins, shape.target_length)
    for first in tqdm([starts[index] for index in spread(len(starts), tiles)], unit="window", disable=None):
        start = (first - shape.crop) * BIN_WIDTH
        codes = encode(genome.fetch(CONTIG, start, start + shape.window))
        if (codes < 4).any():
            embedding = network.embed(one_hot(torch.from_numpy(codes)[None]))
            kept = min(shape.target_length, bins - first)
            result[first : first + kept] = network.predict_tracks(embedding, "human")[0, :kept].numpy()
    return result


def spread(count: int, wanted: int | None) -> list[int]:
    """All of 0 .. count - 1, or so many of them at even distances."""
    return np.linspace(0, count - 1, min(wanted or count, count)).round().astype(int).tolist()


def coverage_lines(predicted: Array, data: Data, tracks: bool = False) -> list[Line]:
    lines = []
    if tracks:
        pearson = pearson_columns(predicted, data.coverage)
        lines += [assay_line(assay, pearson[data.rows(assay)]) for assay in ("DNASE", "CAGE")]
    return lines + dhs_lines(predicted, data)


def assay_line(assay: str, values: Array) -> Line:
    detail = f"{assay}: mean Pearson over bins of {len(values)} tracks (lowest, highest)"
    return Line("tracks", detail, f"{values.mean():.3f} ({values.min():.3f}, {values.max():.3f})")


def dhs_lines(predicted: Array, data: Data) -> list[Line]:
    rows = data.rows("DNASE")
    starts, ends, counts = data.regions.T
    spans = [(int(s) // BIN_WIDTH, -(-int(e) // BIN_WIDTH)) for s, e in zip(starts, ends, strict=True)]
    means = np.array([predicted[first:end, rows].mean(axis=0) for first, end in spans])
    known = np.isfinite(means).all(axis=1)
    values = spearman_columns(means[known], counts[known])
    best = int(values.argmax())
    each = ", ".join(f"{data.identifiers[rows[i]]} {value:.3f}" for i, value in enumerate(values))
    return [
        Line("K562 DHS", "best DNase track: Spearman", f"{values[best]:.3f} ({data.identifiers[rows[best]]})"),
        Line("K562 DHS", "mean over the DNase tracks: Spearman", f"{values.mean():.3f}"),
        Line("K562 DHS", "every track", each),
        Line("K562 DHS", "regions", str(known.sum())),
    ]


def table(report: dict[str, list[Line]], note: str) -> str:
    """Tab separated, a row per model and figure, after a line that says what it was made of."""
    rows = [["model", "figure", "detail", "value"]]
    rows += [[name, line.figure, line.detail, line.value] for name, lines in report.items() for line in lines]
    return f"# {note}\n" + "".join("\t".join(row) + "\n" for row in rows)


if __name__ == "__main__":
    main()
