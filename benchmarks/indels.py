"""How large are indels that do nothing, under each rule of `--indels` and under rules that were not taken?

    python benchmarks/indels.py --fasta hg38.fa --contig chr22 [--model example | --model random] [--window BP]
        [--places N]
    python benchmarks/indels.py

At random places of a contig a number of bases is deleted, or random ones are inserted; most such changes do nothing
that a network should see, and are as large as the substitutions of the same base. With --fasta a row per place, change
and rule is added to `results/indel_scores.tsv`, after those that are there already: the mean over tracks (DNase tracks
where the model names any) of abs(SAD) and of LOGD2, divided by the mean of the base's three substitutions.
`results/indels.tsv` is made from that file alone: medians over places.

Rules: `left` and `stitch` as the options; `local d` puts bases in, or takes them out, d bases downstream and upstream,
averaged (the option has 100); `local 100 downstream` on that side alone; `N 100` puts N in, `copy 100` the bases beyond
that place as they are, not backwards.
`random` is a network of the published depth and a sixteenth of its width, with random weights.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from enformer_vep.effects.effect import Effect, make_batch
from enformer_vep.effects.stitching import plan_stitches, stitch
from enformer_vep.genome.compensation import compensated
from enformer_vep.genome.encoding import UNKNOWN, Codes
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.normalisation import locate, normalise
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.windows import AllelePair, allele_pair, right_anchored, window_start
from enformer_vep.models.checkpoints import load_model
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.delta.engine import DeltaEngine
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.models.enformer.randomised import random_network
from enformer_vep.scoring.scores import compute_scores
from enformer_vep.settings import Score
from enformer_vep.tracks.table import TrackTable

Floats = npt.NDArray[np.float32]
RESULTS = Path(__file__).parent / "results"
SEED = 18
LENGTHS = (1, 5, 20, 60, 200)
DISTANCES = (50, 100, 200, 400)
DISTANCE_OF_LONG = (100,)
"""Of indels longer than one base."""
COLUMNS = ("model", "window", "place", "change", "bases", "rule", "SAD", "LOGD2")
RANDOM_CONFIG = EnformerConfig(channels=96, channel_multiple=8, output_tracks={"human": 32})


@dataclass(frozen=True, slots=True)
class Model:
    """What predicts.

    Attributes:
        name: In the table.
        network: In eval mode.
        tracks: Rows of the human head.
    """

    name: str
    network: Enformer
    tracks: list[int] | None

    @property
    def window(self) -> int:
        """bp."""
        return self.network.config.window

    def effects(self, pairs: Sequence[AllelePair]) -> Effect:
        """Of alternates in one reference window, one after the other."""
        engine = DeltaEngine(self.network, "human", self.tracks, slice(0, self.network.config.target_length))
        with torch.inference_mode():
            return engine.predict(make_batch(pairs))


def main() -> None:
    options = parse_arguments()
    path = options.results / "indel_scores.tsv"
    if options.fasta is not None:
        torch.set_num_threads(options.threads)
        score_places(options, path)
    text = figures(pd.read_csv(path, sep="\t"))
    print(text, end="")
    (options.results / "indels.tsv").write_text(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Indels that do nothing, by rule.")
    parser.add_argument("--fasta", type=Path, help="score, on this genome")
    parser.add_argument("--contig", default="chr22")
    parser.add_argument("--model", default="example", help="as --model of score, or random")
    parser.add_argument("--window", type=int, help="bp, if not the model's own; all of its bins")
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS, help="bases")
    parser.add_argument("--places", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def load(source: str, window: int | None) -> Model:
    """A network of `score`, or one with random weights."""
    if source == "random":
        config = RANDOM_CONFIG if window is None else replace(RANDOM_CONFIG, window=window, target_length=window // 256)
        return Model(source, random_network(config, SEED), None)
    model = load_model(source, window=window, target_length=window and window // 256)
    assert isinstance(model.network, Enformer)
    table = TrackTable.from_text(model.metadata["targets_human"])
    return Model(source, model.network, [track.index for track in table if track.assay == "DNASE"] or None)


def score_places(options: argparse.Namespace, path: Path) -> None:
    """Append rows to the file, a place at a time."""
    model, genome = load(options.model, options.window), Genome(options.fasta)
    if not path.exists():
        path.write_text("\t".join(COLUMNS) + "\n")
    known = pd.read_csv(path, sep="\t")
    done = set(known.place[(known.model == model.name) & (known.window == model.window)])
    for place in random_places(genome, options.contig, options.places):
        if place not in done:
            lines = [
                "\t".join(map(str, row)) for row in rows_of_place(model, genome, options.contig, place, options.lengths)
            ]
            with path.open("a") as file:
                file.write("".join(f"{line}\n" for line in lines))


def random_places(genome: Genome, contig: str, count: int) -> Iterator[int]:
    """1-based positions with no N within a window."""
    random, reach = np.random.default_rng(SEED), genome.contigs[contig] // 250
    while count:
        place = int(random.integers(reach, genome.contigs[contig] - reach))
        if b"N" not in genome.fetch(contig, place - reach, place + reach):
            yield place
            count -= 1


def rows_of_place(
    model: Model, genome: Genome, contig: str, place: int, lengths: Sequence[int]
) -> Iterator[tuple[object, ...]]:
    """Rows of the file: each indel after the base at `place`, under every rule."""
    sequence = genome.fetch(contig, place - 1, place + max(lengths)).decode()
    random = np.random.default_rng((SEED, place))
    substitutions = [
        allele_pair(genome, Variant(contig, place + 1, ".", sequence[1], base), contig, model.window)
        for base in "ACGT"
        if base != sequence[1]
    ]
    unit = sizes(model.effects(substitutions)).mean(axis=0)
    for length in lengths:
        inserted = "".join(random.choice(list("ACGT"), length))
        for change, reference, alternate in (
            ("deletion", sequence[: length + 1], sequence[0]),
            ("insertion", sequence[0], sequence[0] + inserted),
        ):
            variant = normalise(Variant(contig, place, ".", reference, alternate), genome, contig)
            for rule, size in sizes_by_rule(model, genome, variant, contig).items():
                yield model.name, model.window, place, change, length, rule, *(f"{value:.4g}" for value in size / unit)


def sizes_by_rule(model: Model, genome: Genome, variant: Variant, contig: str) -> Mapping[str, Floats]:
    """Mean size of SAD and LOGD2, by the name of the rule."""
    plain = allele_pair(genome, variant, contig, model.window)
    rules = {"stitch": (plain, right_anchored(plain, genome, variant, contig))}
    start, site = window_start(variant.start, model.window), locate(variant, genome, contig)
    for distance in DISTANCES if abs(site.growth) == 1 else DISTANCE_OF_LONG:
        rules[f"local {distance}"] = compensated(plain, start, genome, site, contig, distance)
    down, up = rules["local 100"]
    if site.growth < 0:
        first, count = site.start - 100 - start, -site.growth
        last = site.last + 100 - count - start
        unknown = np.full(count, UNKNOWN, dtype=np.uint8)
        rules["N 100"] = _filled(down, last, unknown), _filled(up, first, unknown)
        rules["copy 100"] = (
            _filled(down, last, down.alternate[last + count :][:count]),
            _filled(up, first, up.alternate[first - count : first]),
        )
    effect = model.effects([pair for pairs in rules.values() for pair in pairs])
    seam = model.network.config.output.bin_of(plain.edit_start + plain.reference_length - 1)
    joined = stitch(effect, plan_stitches([2] * len(rules), [seam] + [None] * (len(rules) - 1)))
    alone = sizes(effect)
    downstream = 2 * list(rules).index("local 100")
    return {"left": alone[0], "local 100 downstream": alone[downstream]} | dict(zip(rules, sizes(joined), strict=True))


def _filled(pair: AllelePair, index: int, codes: Codes) -> AllelePair:
    """Other bases from an index on."""
    alternate = pair.alternate.copy()
    alternate[index : index + len(codes)] = codes
    return replace(pair, alternate=alternate)


def sizes(effect: Effect) -> Floats:
    """Mean over tracks of abs(SAD) and of LOGD2, float [variants, 2]."""
    scores = compute_scores(effect.reference, effect.delta, (Score.SAD, Score.LOGD2))
    return scores.abs().mean(dim=2).numpy()


def figures(scores: pd.DataFrame) -> str:
    """Tab-separated medians over places, with the quartiles of SAD."""
    groups = scores.groupby(["model", "window", "change", "bases", "rule"], sort=False)
    table = groups.agg(
        places=("place", "nunique"),
        SAD=("SAD", "median"),
        SAD_quartile_1=("SAD", lambda values: values.quantile(0.25)),
        SAD_quartile_3=("SAD", lambda values: values.quantile(0.75)),
        LOGD2=("LOGD2", "median"),
    )
    text: str = table.reset_index().to_csv(sep="\t", index=False, float_format="%.3g", lineterminator="\n")
    return text


if __name__ == "__main__":
    main()
