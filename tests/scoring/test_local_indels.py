"""Local indels through the pipeline: one change has one score, and motifs keep their effects.

The toy reads 1,024 bp and predicts 32 bins of 32 bp: how many motifs begin in each, and how many of them are followed
by another at a set distance.
"""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from enformer_vep.api import predict_effect
from enformer_vep.genome.alleles import LONGEST_LOCAL as LONGEST
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.compensation import DISTANCE
from enformer_vep.genome.encoding import encode
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.scoring.batches import score_variants
from enformer_vep.scoring.checking import Reference
from enformer_vep.settings import Centre, GeneSettings, Indels, Score, ScoreSettings
from enformer_vep.tables.row import GENE_ID, GENE_NAME, TSS_DISTANCE, ScoredVariant
from tests.builders import make_fasta, random_sequence
from tests.toys import CountingEngine, toy_scorer

WINDOW, WIDTH = 1024, 32
GEOMETRY = Geometry(window=WINDOW, first=0, width=WIDTH, bins=WINDOW // WIDTH)
MOTIF, SPACING = "GATTACAG", 20
AT = 2000
"""0-based start of the motif."""


class MotifEngine(CountingEngine):
    """Knows one strand of one motif."""

    def count(self, codes: torch.Tensor) -> torch.Tensor:
        motif = torch.from_numpy(encode(MOTIF))
        found = torch.zeros(codes.shape, dtype=torch.bool)
        found[:, : -len(motif) + 1] = (codes.unfold(1, len(motif), 1) == motif).all(dim=2)
        followed = found.clone()
        followed[:, -SPACING:] = False
        followed[:, :-SPACING] &= found[:, SPACING:]
        both = torch.stack([found, followed], dim=2).float()
        return both.view(len(codes), -1, self.width, 2).sum(dim=2)


def genome_of(folder: object, *planted: tuple[int, str]) -> Genome:
    """Random sequence with other letters at some places."""
    text = random_sequence(np.random.default_rng(18), 4000)
    assert MOTIF not in text
    for start, letters in planted:
        text = text[:start] + letters + text[start + len(letters) :]
    return Genome(make_fasta(folder / "genome.fa", {"chr1": text}))  # type: ignore[operator]


def deletion(genome: Genome, start: int, length: int) -> Variant:
    letters = genome.fetch("chr1", start - 1, start + length).decode()
    return Variant("chr1", start, ".", letters, letters[0])


def insertion(genome: Genome, start: int, inserted: str) -> Variant:
    before = genome.fetch("chr1", start - 1, start).decode()
    return Variant("chr1", start, ".", before, before + inserted)


def rows(genome: Genome, variants: list[Variant], settings: ScoreSettings, *genes: Gene) -> list[ScoredVariant]:
    context = (GENE_ID, GENE_NAME, TSS_DISTANCE) if settings.genes else ()
    scorer = toy_scorer(MotifEngine(WIDTH), GEOMETRY, settings, 4, context)
    reference = Reference(genome, GeneIndex(genes) if settings.genes else None)
    return [row for batch in score_variants(variants, reference, scorer) for row in batch.rows]


def sad(genome: Genome, variant: Variant, **settings: object) -> list[float]:
    """Of motifs, and of pairs of them."""
    (row,) = rows(genome, [variant], ScoreSettings(**settings))  # type: ignore[arg-type]
    assert row.status is Status.OK
    assert row.values is not None
    return row.values.tolist()


def test_local_is_the_default() -> None:
    assert ScoreSettings().indels is Indels.LOCAL
    assert ScoreSettings().describe()["indels"] == "local"


def test_a_motif_that_is_destroyed(tmp_path) -> None:
    genome = genome_of(tmp_path, (AT, MOTIF))
    for length in (1, 3, 20, LONGEST):
        assert sad(genome, deletion(genome, AT + 3, length)) == [-1, 0]
    for inserted in ("C", "CCC", "C" * 20, "C" * LONGEST):
        assert sad(genome, insertion(genome, AT + 4, inserted)) == [-1, 0]
    assert sad(genome, Variant("chr1", AT + 3, ".", "TTAC", "CC")) == [-1, 0]


def test_a_motif_that_is_created(tmp_path) -> None:
    genome = genome_of(tmp_path, (AT, MOTIF[:4] + "CC" + MOTIF[4:]))
    assert sad(genome, deletion(genome, AT + 4, 2)) == [1, 0]
    assert sad(genome, insertion(genome, AT + 300, MOTIF)) == [1, 0]


def test_motifs_that_are_respaced(tmp_path) -> None:
    genome = genome_of(tmp_path, (AT, MOTIF), (AT + SPACING + 2, MOTIF))
    assert sad(genome, deletion(genome, AT + 12, 2)) == [0, 1]
    assert sad(genome, insertion(genome, AT + 12, "CC")) == [0, 0]
    (tmp_path / "other").mkdir()
    genome = genome_of(tmp_path / "other", (AT, MOTIF), (AT + SPACING, MOTIF))
    assert sad(genome, insertion(genome, AT + 12, "CC")) == [0, -1]
    assert sad(genome, deletion(genome, AT + 12, 2)) == [0, -1]


@pytest.mark.parametrize("score", [Score.D1, Score.LOGD2])
def test_motifs_elsewhere_stay_in_their_bins(tmp_path, score: Score) -> None:
    """A left-anchored indel moves those behind it, and some of them into another bin."""
    planted = [(AT + offset, MOTIF) for offset in (-300, -150, 150, 170, 190, 210, 230, 250)]
    genome = genome_of(tmp_path, *planted)
    for variant in (deletion(genome, AT + 5, 12), insertion(genome, AT + 5, "CGTTCTGG")):
        assert sad(genome, variant, scores=(score,)) == [0, 0]
        assert sad(genome, variant, scores=(score,), indels=Indels.LEFT)[0] > 0


def test_the_place_where_length_is_made_up_for_counts_half(tmp_path) -> None:
    """What the docs name as a limit: a motif that lies across one of the two places is cut, half of which is seen."""
    for number, start in enumerate((AT + 3 + DISTANCE - 4, AT - DISTANCE - 4)):
        (tmp_path / str(number)).mkdir()
        genome = genome_of(tmp_path / str(number), (start, MOTIF), (AT - 1, "ACTGC"))
        assert sad(genome, deletion(genome, AT, 3)) == [-0.5, 0]
    for number, middle in enumerate((AT + 3 + DISTANCE, AT - DISTANCE)):
        # What is put in keeps the halves of a motif apart.
        (tmp_path / f"halves{number}").mkdir()
        halves = ((middle - 7, MOTIF[:4]), (middle, MOTIF[4:]))
        genome = genome_of(tmp_path / f"halves{number}", *halves, (AT - 1, "ACTGC"))
        assert sad(genome, deletion(genome, AT, 3)) == [0, 0]


def test_what_is_put_in_repeats_no_motif(tmp_path) -> None:
    for number, start in enumerate((AT + 30 + DISTANCE + 5, AT - DISTANCE - 5 - len(MOTIF))):
        (tmp_path / str(number)).mkdir()
        genome = genome_of(tmp_path / str(number), (start, MOTIF), (AT - 1, "ACTGC"))
        assert sad(genome, deletion(genome, AT, 30)) == [0, 0]


REPEATS = {
    "homopolymer": "GC" + "A" * 14 + "CG",
    "tandem repeat": "GT" + "CAG" * 9 + "TT",
}


def placements(genome: Genome, start: int, unit: str) -> tuple[list[Variant], list[Variant]]:
    """All ways to write that the unit at `start` is lost, and that another is won."""
    text, length = genome.fetch("chr1", 0, 4000).decode(), len(unit)
    lost, won = text[:start] + text[start + length :], text[:start] + unit + text[start:]
    near = range(start - 20, start + 60)
    return (
        [deletion(genome, at, length) for at in near if text[:at] + text[at + length :] == lost],
        [
            insertion(genome, at, won[at : at + length])
            for at in near
            if text[:at] + won[at : at + length] + text[at:] == won
        ],
    )


@pytest.mark.parametrize("kind", REPEATS)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"centre_bins": 5},
        {"shifts": (-7, 0, 3), "reverse_complement": True},
        {"share_windows": 300},
    ],
)
def test_every_way_to_write_an_indel_has_the_same_scores(tmp_path, kind: str, settings: dict[str, object]) -> None:
    repeat, unit = REPEATS[kind], "A" if kind == "homopolymer" else "CAG"
    around = ((AT + len(repeat) + 5, MOTIF), (AT - 120, MOTIF + "C" * 12 + MOTIF))
    genome = genome_of(tmp_path, (AT, repeat), *around)
    asked = ScoreSettings(scores=(Score.SAD, Score.D2, Score.ALT), **settings)  # type: ignore[arg-type]
    for same in placements(genome, AT + 5, unit):
        assert len(same) > 10
        found = values(rows(genome, same, asked))
        assert len(found) == len(same)
        assert all((one == found[0]).all() for one in found)


def test_bin_by_bin_they_are_the_same_as_well(tmp_path) -> None:
    """`predict_effect` puts an allele where `score` does."""
    # Motifs at all phases of the bins, so that another window shows.
    motifs = [(AT + 60 + 15 * number, MOTIF) for number in range(8)]
    genome = genome_of(tmp_path, (AT, "C" + "A" * 12 + "G"), *motifs)
    scorer = toy_scorer(MotifEngine(WIDTH), GEOMETRY, ScoreSettings(), 4)
    first, last = (predict_effect(deletion(genome, AT + place, 1), genome, scorer) for place in (1, 12))
    assert np.array_equal(first[0], last[0])
    assert np.array_equal(first[1], last[1])


def test_what_alleles_share_does_not_count(tmp_path) -> None:
    genome = genome_of(tmp_path, (AT, MOTIF))
    written = Variant("chr1", AT + 1, ".", MOTIF, MOTIF[:4] + "C" + MOTIF[5:])
    plain = Variant("chr1", AT + 5, ".", MOTIF[4], "C")
    asked = ScoreSettings(scores=(Score.SAD, Score.REF), centre_bins=1)
    one, two = rows(genome, [written, plain], asked)
    assert one.values is not None
    assert one.values.tolist() == two.values.tolist()
    assert one.variant is written


def test_distances_are_from_the_record_and_bins_from_the_change(tmp_path) -> None:
    genome = genome_of(tmp_path, (AT - 1, "G" + "CA" * 200 + "G"))
    first, last = deletion(genome, AT, 2), deletion(genome, AT + 398, 2)
    gene = Gene("ENSG", "G", "chr1", True, AT - 490, (AT - 490,), AT - 490)
    for centre in Centre:
        asked = ScoreSettings(scores=(Score.REF,), genes=GeneSettings(1, centre))
        found = rows(genome, [first, last], asked, gene)
        # The second by itself is out of the gene's reach.
        assert [row.status for row in found] == [Status.OK, Status.OK]
        assert [row.context for row in found] == [("ENSG", "G", 489, 1), ("ENSG", "G", 887, 1)]


def test_long_ones_are_stitched(tmp_path) -> None:
    genome = genome_of(tmp_path, (AT + 200, MOTIF))
    variant = deletion(genome, AT + 5, LONGEST + 1)
    settings = [ScoreSettings(scores=(Score.D1, Score.ALT), indels=indels) for indels in (Indels.LOCAL, Indels.STITCH)]
    one, two = (values(rows(genome, [variant, deletion(genome, AT + 7, 3)], asked)) for asked in settings)
    assert (one[0] == two[0]).all()


def values(found: list[ScoredVariant]) -> list[npt.NDArray[np.float32]]:
    return [row.values for row in found if row.values is not None]
