"""Scores of genes, stitched indels and groups, through the pipeline, with an engine that counts letters.

The toy reads 64 bp and predicts 6 bins of 8 bp from index 8 on, each the number of A and of T in it.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from enformer_vep.effects.effect import Effect, EffectBatch
from enformer_vep.errors import UsageError
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.genome.placing import Placed
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.scoring.batches import score_variants
from enformer_vep.scoring.checking import Reference
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.settings import Centre, GeneSettings, Indels, Score, ScoreSettings
from enformer_vep.tables.row import GENE_ID, GENE_NAME, N_TSS, TSS_DISTANCE, ScoredVariant
from tests.builders import make_fasta, random_sequence
from tests.toys import CountingEngine, toy_scorer

GEOMETRY = Geometry(window=64, first=8, width=8, bins=6)
# C everywhere but for an A at 120, which is what a variant can change there.
SEQUENCE = "C" * 120 + "A" + "C" * 279


class CroppingEngine:
    def __init__(self) -> None:
        self.inner, self.windows = CountingEngine(8), list[int]()

    def predict(self, batch: EffectBatch) -> Effect:
        self.windows.append(len(batch.reference))
        effect = self.inner.predict(batch)
        return Effect(effect.reference[:, 1:7], effect.delta[:, 1:7])

    def predict_windows(self, codes: torch.Tensor) -> torch.Tensor:
        return self.inner.predict_windows(codes)[:, 1:7]


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Genome:
    return Genome(make_fasta(tmp_path_factory.mktemp("genes") / "genome.fa", {"chr1": SEQUENCE}))


def scorer(settings: ScoreSettings, engine: CroppingEngine | None = None, batch_size: int = 4) -> Scorer:
    context = (GENE_ID, GENE_NAME, TSS_DISTANCE, N_TSS) if settings.genes else ()
    return toy_scorer(engine or CroppingEngine(), GEOMETRY, settings, batch_size, context)


def gene(tss: int, *starts: int, forward: bool = True, name: str = "G") -> Gene:
    """The first of the starts is the representative one."""
    starts = starts or (tss,)
    return Gene(f"ENS{name}", name, "chr1", forward, tss, tuple(sorted(starts)), starts[0])


def rows_of(genome: Genome, variants: list[Variant], made: Scorer, *genes: Gene) -> list[ScoredVariant]:
    reference = Reference(genome, GeneIndex(genes) if made.settings.genes else None)
    return [row for batch in score_variants(variants, reference, made) for row in batch.rows]


def by_genes(centre: Centre = Centre.VARIANT, tss_bins: int = 1, **settings: object) -> ScoreSettings:
    return ScoreSettings(genes=GeneSettings(tss_bins, centre), **settings)  # type: ignore[arg-type]


LOST_A = Variant("chr1", 121, "rs1", "A", "T")


@pytest.mark.parametrize("centre", list(Centre))
@pytest.mark.parametrize("forward", [True, False])
def test_a_fold_change_at_the_tss(genome: Genome, centre: Centre, forward: bool) -> None:
    """One A in the TSS bin becomes one T: log2(0 + 1) - log2(1 + 1) = -1 for A, +1 for T."""
    made = scorer(by_genes(centre, 3, scores=(Score.SADR,)))
    (row,) = rows_of(genome, [LOST_A], made, gene(125, forward=forward))
    assert row.values is not None
    np.testing.assert_allclose(row.values, [-1, 1], atol=1e-6)
    assert row.context == ("ENSG", "G", -5 if forward else 5, 1)


def test_a_gene_whose_bins_the_variant_does_not_touch_has_score_zero(genome: Genome) -> None:
    made = scorer(by_genes())
    near, far = rows_of(genome, [LOST_A], made, gene(120, name="N"), gene(135, name="F"))
    assert near.values is not None
    assert far.values is not None
    assert near.values.tolist() == [-1, 1]
    assert far.values.tolist() == [0, 0]


def test_several_starts_are_summed_over_distinct_bins(genome: Genome) -> None:
    """Window of LOST_A: 89..152, bins 97..144; starts 100, 118, 119, 120 lie in bins 0, 2, 2, 2."""
    made = scorer(by_genes(scores=(Score.REF, Score.SAD)))
    (row,) = rows_of(genome, [LOST_A], made, gene(100, 100, 118, 119, 120))
    assert row.values is not None
    assert row.values.tolist() == [1, 0, -1, 1]


def test_alleles_with_no_gene_in_reach_keep_a_row(genome: Genome) -> None:
    variants = [LOST_A, Variant("chr1", 301, ".", "C", "A"), Variant("chr1", 5, ".", "G", "A")]
    rows = rows_of(genome, variants, scorer(by_genes()), gene(120))
    assert [row.status for row in rows] == [Status.OK, Status.NO_GENE, Status.REF_MISMATCH]
    assert [row.variant for row in rows] == variants
    assert rows[1].values is None
    assert rows[1].context == ()


@pytest.mark.parametrize("batch_size", [1, 2, 50])
@pytest.mark.parametrize("centre", list(Centre))
def test_rows_follow_alleles_then_genes(genome: Genome, centre: Centre, batch_size: int) -> None:
    genes = [gene(100 + 3 * number, name=str(number)) for number in range(8)]
    variants = [Variant("chr1", 80 + 5 * number, str(number), "C", "A") for number in range(20)]
    variants[8] = LOST_A
    variants[3] = Variant("chr7", 1, ".", "C", "A")
    rows = rows_of(genome, variants, scorer(by_genes(centre), batch_size=batch_size), *genes)
    assert list(dict.fromkeys(row.variant.id for row in rows)) == [variant.id for variant in variants]
    alone = [row for variant in variants for row in rows_of(genome, [variant], scorer(by_genes(centre)), *genes)]
    assert [(row.variant, row.context) for row in rows] == [(row.variant, row.context) for row in alone]
    for one, two in zip(rows, alone, strict=True):
        np.testing.assert_array_equal(one.values, two.values)


def test_variants_of_a_gene_share_its_window(genome: Genome) -> None:
    engine = CroppingEngine()
    variants = [Variant("chr1", 110 + number, ".", "C", "A") for number in range(10)]
    rows_of(genome, variants, scorer(by_genes(Centre.TSS), engine), gene(125), gene(130, name="H"))
    assert engine.windows == [2]


@pytest.mark.parametrize("centre", list(Centre))
@limits(max_examples=30, deadline=None)
@given(start=st.integers(100, 140), other=st.text("ACGT", min_size=1, max_size=4))
def test_swapping_the_alleles_negates_signed_scores(
    tmp_path_factory: pytest.TempPathFactory, centre: Centre, start: int, other: str
) -> None:
    """In a genome that has the other allele, the way back is the opposite."""
    reference = SEQUENCE[start : start + len(other)]
    assume(other != reference)
    swapped = SEQUENCE[:start] + other + SEQUENCE[start + len(other) :]
    there, back = (
        Genome(make_fasta(tmp_path_factory.mktemp("swap") / "genome.fa", {"chr1": text}))
        for text in (SEQUENCE, swapped)
    )
    made = scorer(by_genes(centre, 3, scores=(Score.SADR, Score.SAD, Score.SAR, Score.SAX)))
    (one,) = rows_of(there, [Variant("chr1", start + 1, ".", reference, other)], made, gene(118))
    (two,) = rows_of(back, [Variant("chr1", start + 1, ".", other, reference)], made, gene(118))
    assert one.values is not None
    assert two.values is not None
    np.testing.assert_allclose(one.values, -two.values, atol=1e-6)


RANDOM = random_sequence(np.random.default_rng(11), 400)


@pytest.fixture(scope="module")
def random_genome(tmp_path_factory: pytest.TempPathFactory) -> Genome:
    return Genome(make_fasta(tmp_path_factory.mktemp("indels") / "genome.fa", {"chr1": RANDOM}))


def delta_of(genome: Genome, variant: Variant, **settings: object) -> npt.NDArray[np.float32]:
    """[bins, tracks]."""
    made = scorer(ScoreSettings(**settings))  # type: ignore[arg-type]
    placed = [Placed(variant)]
    return made.effect(made.prepare(placed, genome)).delta[0].numpy()


@limits(max_examples=60, deadline=None)
@given(
    start=st.integers(60, 330),
    length=st.integers(1, 20),
    other=st.text("ACGT", min_size=1, max_size=20),
    shifts=st.sampled_from([(0,), (-5, 0, 3)]),
    both=st.booleans(),
)
def test_a_stitched_indel_changes_nothing_but_the_bins_that_ref_touches(
    random_genome: Genome, start: int, length: int, other: str, shifts: tuple[int, ...], both: bool
) -> None:
    variant = Variant("chr1", start + 1, ".", RANDOM[start : start + length], other)
    stitched = delta_of(random_genome, variant, indels=Indels.STITCH, shifts=shifts, reverse_complement=both)
    touched = {GEOMETRY.bin_of(31 - shift + offset) for shift in shifts for offset in range(len(variant.reference))}
    outside = [number for number in range(GEOMETRY.bins) if number not in touched]
    assert not stitched[outside].any()


def test_stitching_by_hand(random_genome: Genome) -> None:
    """REF at index 31 and 32, bins 2 and 3 (24..39 of the bins' own 8): left alternate to bin 3, right from bin 4."""
    variant = Variant("chr1", 201, ".", RANDOM[200:210], "G")
    window = RANDOM[200 - 31 : 200 + 33]
    left = (RANDOM[200 - 31 : 200] + "G" + RANDOM[210:])[:64]
    right = (RANDOM[:200] + "G" + RANDOM[210 : 200 + 33])[-64:]
    expected = []
    for number in range(6):
        source = left if number <= (31 + 9 - 8) // 8 else right
        where = slice(8 + 8 * number, 16 + 8 * number)
        expected.append([source[where].count(base) - window[where].count(base) for base in "AT"])
    assert delta_of(random_genome, variant, indels=Indels.STITCH).tolist() == expected


def test_substitutions_are_not_stitched(random_genome: Genome) -> None:
    variant = Variant("chr1", 201, ".", RANDOM[200:204], "ACGT")
    np.testing.assert_array_equal(
        delta_of(random_genome, variant, indels=Indels.STITCH), delta_of(random_genome, variant)
    )


def test_groups_are_means_of_predictions(genome: Genome) -> None:
    weights = torch.tensor([[0.5, 0.0], [0.5, 1.0]])
    made = replace(scorer(ScoreSettings((Score.REF, Score.SAD))), weights=weights)
    (row,) = rows_of(genome, [LOST_A], made)
    assert row.values is not None
    assert row.values.tolist() == [0.5, 0, 0, 1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"centre_bins": 4}, "--bins and --genes"),
        ({"share_windows": 4}, "--share-windows and --genes"),
    ],
)
def test_contradicting_settings_are_refused(options: dict[str, int], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        by_genes(**options)
    with pytest.raises(UsageError, match="--tss-bins 0: give a positive number"):
        GeneSettings(0)
    with pytest.raises(UsageError, match="--transcripts is empty"):
        GeneSettings(transcripts=" ,")
