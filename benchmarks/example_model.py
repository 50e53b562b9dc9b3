"""What the example model can do on chr22, which it was never trained on, beside an untrained one of its shape.

    python benchmarks/example_model.py --data DATA [--model example] [--tiles N] [--variants N] [--peaks N]

DATA is a folder with (example_data/README.md says where they come from):

    genome/hg38.subset.fa.gz                   GRCh38, at least chr22
    tracks.tsv, predicted/<identifier>.bw      the tracks, as another model predicts them; what it could not see is
                                               absent, so absent means unknown
    k562/K562.DHS.chr22.counts.bed             measured reads in candidate regions
    variants/kircher_mpra.GP1BB.hg38.tsv       measured effects of variants in the GP1BB promoter

Figures go to standard output and, tab separated, to --output:

    tracks    Pearson over all bins of chr22 that are covered, per track, mean of each assay
    K562 DHS  Spearman of the counts with the mean prediction over a region's bins, per DNase track. Taking the
              logarithm changes no rank. None of the tracks is K562: the best is the largest of these very
              figures; the mean over the tracks is free of that choice
    MPRA      Spearman of the measured effect with SAD (sum over all bins), or of both without their signs; for
              the mean of a whole assay's tracks (each divided by its standard deviation) and for the best
              track, whose p-value pays for the choice. One-sided, 10,000 permutations
    motifs    strong DNase peaks in the coverage (not in the model's prediction), the motif nearest to the
              summit disrupted (benchmarks/motifs.py says how): SAD of the track in which the peak stands out
              most. Beside it the same number of letters replaced by the same rule 1,000 bp away
"""

import argparse
import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from correlations import Array, pearson_columns, permutation_p, spearman_columns
from motifs import nearest_site, transition
from tqdm import tqdm

from enformer_vep.api import open_scorer, score
from enformer_vep.effects.network import one_hot
from enformer_vep.genome.encoding import encode
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.models.checkpoints import LoadedModel, load_model
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.settings import ScoreSettings
from enformer_vep.training.coverage import UNKNOWN, BigWigReader, CoverageRule
from enformer_vep.training.targets import parse_targets

CONTIG = "chr22"
BIN_WIDTH = 128
MIN_BARCODES = 10
PEAK_HALF_WIDTH = 128
PEAK_SPACING_BINS = 16
CONTROL_DISTANCE = 1000
CHUNK_BINS = 16_384
SHARED_WINDOW = 512


@dataclass(frozen=True)
class Data:
    """Everything measured or predicted by others; bins are those of the contig from its start."""

    genome: Genome
    identifiers: list[str]
    assays: list[str]
    coverage: Array
    regions: Array
    variants: list[Variant]
    effects: Array

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
    data = read_data(options.data, options.variants)
    peaks = list(choose_sites(data, options.peaks))
    model = load_model(options.model, window=options.window, target_length=options.target_length)
    report = {"another model": coverage_lines(data.coverage, data)}
    for name, candidate in ((model.name, model), ("untrained", untrained(model))):
        predicted = predict_contig(candidate.network, data.genome, options.tiles)
        report[name] = [
            *coverage_lines(predicted, data, tracks=True),
            *mpra_lines(candidate, data),
            *motif_lines(candidate, data, peaks),
        ]
    text = table(report)
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
    parser.add_argument("--variants", type=int, help="score only so many evenly spaced MPRA variants")
    parser.add_argument("--peaks", type=int, default=100, help="number of motifs to disrupt")
    results = Path(__file__).parent / "results"
    parser.add_argument("--output", type=Path, default=results / "example_model.tsv")
    return parser.parse_args()


def read_data(folder: Path, variant_count: int | None) -> Data:
    fasta = folder / "genome" / "hg38.subset.fa.gz"
    with (folder / "tracks.tsv").open() as handle:
        tracks = list(csv.DictReader(handle, delimiter="\t"))
    rows = (f"{t['identifier']}\tpredicted/{t['identifier']}.bw\t{t['description']}" for t in tracks)
    targets = parse_targets("\n".join(["identifier\tfile\tdescription", *rows]), "tracks.tsv")
    reader = BigWigReader(fasta, targets, folder, BIN_WIDTH, CoverageRule(absent=UNKNOWN))
    bins = reader.contigs[CONTIG] // BIN_WIDTH
    starts = range(0, bins, CHUNK_BINS)
    coverage = [reader.values(CONTIG, s * BIN_WIDTH, min(CHUNK_BINS, bins - s)) for s in starts]
    variants, effects = read_mpra(folder / "variants" / "kircher_mpra.GP1BB.hg38.tsv")
    chosen = spread(len(variants), variant_count)
    return Data(
        genome=Genome(fasta),
        identifiers=[target.identifier for target in targets],
        assays=[target.description.partition(":")[0] for target in targets],
        coverage=np.concatenate(coverage),
        regions=np.loadtxt(folder / "k562" / "K562.DHS.chr22.counts.bed", usecols=(1, 2, 3)),
        variants=[variants[index] for index in chosen],
        effects=effects[chosen],
    )


def read_mpra(path: Path) -> tuple[list[Variant], Array]:
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


def untrained(model: LoadedModel) -> LoadedModel:
    torch.manual_seed(0)
    network = Enformer(model.config).eval().requires_grad_(False)
    return LoadedModel(network, model.config, "untrained", "", model.metadata)


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
        Line(
            "K562 DHS", "best DNase track: Spearman", f"{values[best]:.3f} ({data.identifiers[rows[best]]})"
        ),
        Line("K562 DHS", "mean over the DNase tracks: Spearman", f"{values.mean():.3f}"),
        Line("K562 DHS", "every track", each),
        Line("K562 DHS", "regions", str(known.sum())),
    ]


def sad(model: LoadedModel, genome: Genome, variants: Sequence[Variant]) -> Array:
    """SAD of every variant and track, float64 [variants, tracks]."""
    settings = ScoreSettings(share_windows=SHARED_WINDOW)
    scores = score(variants, genome, open_scorer(model, settings))
    refused = scores[scores["STATUS"] != Status.OK.value]
    if len(refused):
        raise SystemExit(f"cannot be scored: {refused.iloc[0].tolist()[:6]}")
    return scores.filter(like="SAD_").to_numpy(dtype=np.float64)


def mpra_lines(model: LoadedModel, data: Data) -> list[Line]:
    scores = sad(model, data.genome, data.variants)
    scores = scores / np.maximum(scores.std(axis=0), np.finfo(np.float64).tiny)
    lines = [Line("MPRA", "variants", str(len(scores)))]
    for sign, x, y in (("signed", scores, data.effects), ("absolute", abs(scores), abs(data.effects))):
        for assay in ("DNASE", "CAGE"):
            own = x[:, data.rows(assay)].mean(axis=1, keepdims=True)
            lines.append(spearman_line(f"{sign}, mean of {assay} tracks", own, y, ""))
        lines.append(spearman_line(f"{sign}, mean of all tracks", x.mean(axis=1, keepdims=True), y, ""))
        best = data.identifiers[int(spearman_columns(x, y).argmax())]
        lines.append(spearman_line(f"{sign}, best track", x, y, f", {best}"))
    return lines


def spearman_line(detail: str, columns: Array, y: Array, note: str) -> Line:
    value, p = spearman_columns(columns, y).max(), permutation_p(columns, y)
    return Line("MPRA", f"{detail}: Spearman (p)", f"{value:.3f} (p {p:.1g}{note})")


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


def motif_lines(model: LoadedModel, data: Data, peaks: Sequence[Disruption]) -> list[Line]:
    tracks = [peak.track for peak in peaks]
    pick = np.arange(len(peaks)), tracks
    changes = sad(model, data.genome, [peak.disrupted for peak in peaks])[pick]
    controls = sad(model, data.genome, [peak.control for peak in peaks])[pick]
    names = sorted({peak.motif for peak in peaks})
    each = ", ".join(f"{name} {negative(changes[[p.motif == name for p in peaks]])}" for name in names)
    return [
        Line("motifs", "disrupted motifs with a negative SAD (sign test p)", sign_test(changes)),
        Line("motifs", "same edit 1,000 bp away with a negative SAD", sign_test(controls)),
        Line("motifs", "by motif", each),
        Line(
            "motifs", "median SAD, motif and control", f"{np.median(changes):.3g}, {np.median(controls):.3g}"
        ),
    ]


def negative(values: Array) -> str:
    return f"{(values < 0).sum()} of {len(values)}"


def sign_test(values: Array) -> str:
    """One-sided: the chance of as many negative ones among fair coins."""
    n, k = len(values), int((values < 0).sum())
    p = sum(math.comb(n, i) for i in range(k, n + 1)) / 2**n
    return f"{negative(values)} (p {p:.1g})"


def table(report: dict[str, list[Line]]) -> str:
    """Tab separated: figure, detail, and a column for each model."""
    keys = list(dict.fromkeys((line.figure, line.detail) for lines in report.values() for line in lines))
    values = {
        name: {(line.figure, line.detail): line.value for line in lines} for name, lines in report.items()
    }
    order = [*list(report)[1:], next(iter(report))]
    rows = [["figure", "detail", *order]]
    rows += [[*key, *(values[name].get(key, "") for name in order)] for key in keys]
    return "".join("\t".join(row) + "\n" for row in rows)


if __name__ == "__main__":
    main()
