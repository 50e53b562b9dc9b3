"""Which alleles a saturation makes, where its windows lie, and what a contig is with an ALT allele in place."""

import pickle

import numpy as np
import pytest

from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.backgrounds import Backgrounds, background_name
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.checks import check_variant
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.regions import Region, parse_region
from enformer_vep.genome.stretches import (
    LONGEST_ALLELE,
    Stretches,
    StretchWindows,
    stretches_around,
    stretches_of,
    with_backgrounds,
)
from enformer_vep.genome.variants import Status, Variant
from tests.builders import make_fasta, random_sequence

WINDOW = 400
GEOMETRY = Geometry(WINDOW, 80, 20, 12)
LENGTH = 900


@pytest.fixture(scope="module")
def sequence() -> str:
    text = random_sequence(np.random.default_rng(2), LENGTH)
    return f"{text[:300].lower()}NRN{text[303:]}"


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory, sequence: str) -> Genome:
    return Genome(
        make_fasta(tmp_path_factory.mktemp("stretches") / "genome.fa", {"chr1": sequence, "chr2": "ACGT" * 9})
    )


def made(genome: Genome, region: str, deletions: int = 0) -> list[Variant]:
    stretches = Stretches(stretches_of([parse_region(region)], genome), deletions)
    variants = list(stretches.variants(genome))
    assert stretches.ends[-1] == variants[-1].record + 1
    assert all(check_variant(one, genome, WINDOW) is Status.OK for one in variants)
    return variants


def test_every_base_becomes_every_other(genome: Genome, sequence: str) -> None:
    variants = made(genome, "1:11-30")
    expected = {
        (position, sequence[position - 1].upper(), other)
        for position in range(11, 31)
        for other in "ACGT"
        if other != sequence[position - 1].upper()
    }
    assert {(one.position, one.reference, one.alternate) for one in variants} == expected
    assert len(variants) == len(expected) == 60
    assert {one.contig for one in variants} == {"chr1"}
    assert [one.record for one in variants] == [number // 3 for number in range(60)]


def test_where_there_is_no_base_all_four_are_tried(genome: Genome) -> None:
    """N and another ambiguity letter, as REF of a VCF has to write it."""
    variants = made(genome, "chr1:301-303")
    assert [(one.reference, one.alternate) for one in variants] == [("N", base) for _ in range(3) for base in "ACGT"]


@pytest.mark.parametrize(("region", "length"), [("chr1:11-20", 3), ("chr1:1-10", 1), ("chr1:1-10", 4), ("chr1:5-7", 9)])
def test_deletions_take_away_what_they_say(genome: Genome, sequence: str, region: str, length: int) -> None:
    first, last = parse_region(region).start, parse_region(region).end
    variants = made(genome, region, length)
    deleted = [one for one in variants if len(one.reference) > 1]
    assert len(deleted) == max(last - first - length + 1, 0)
    for start, one in enumerate(deleted, first):
        without = sequence[: one.start] + one.alternate + sequence[one.end :]
        assert without.upper() == (sequence[:start] + sequence[start + length :]).upper()
    assert [one.position for one in variants] == sorted(one.position for one in variants)


@pytest.mark.parametrize(("first", "end"), [(0, 7), (7, 40), (39, None), (12, 13)])
def test_records_can_be_asked_for(genome: Genome, first: int, end: int | None) -> None:
    stretches = Stretches(stretches_of([Region("chr1", 10, 30), Region("chr1", 100, 110)], genome), 2)
    every = list(stretches.variants(genome))
    some = list(stretches.variants(genome, first, end))
    assert some == [one for one in every if first <= one.record < (end or len(every))]


def test_regions_that_overlap_are_one_and_an_open_end_is_the_contig_s(genome: Genome) -> None:
    regions = [Region("1", 10, 30), Region("chr1", 20, 40), Region("chr2", 30, parse_region("chr2:31-").end)]
    assert [one.name for one in stretches_of(regions, genome)] == ["chr1:11-40", "chr2:31-36"]


@pytest.mark.parametrize(("region", "error"), [("chr9:1-10", "no contig chr9"), ("chr2:30-37", "past the end of chr2")])
def test_regions_off_the_genome_are_refused(genome: Genome, region: str, error: str) -> None:
    with pytest.raises(InputError, match=error):
        stretches_of([parse_region(region)], genome)


def test_one_window_for_all_changes_of_a_stretch(genome: Genome) -> None:
    stretches = Stretches(stretches_of([Region("chr1", 300, 341), Region("chr1", 500, 520)], genome))
    windows = StretchWindows(GEOMETRY, stretches, genome, 2)
    placed = [windows.place(one)[0] for one in stretches.variants(genome)]
    starts = [one.window_start(WINDOW) for one in placed]
    # The middle base, 320, is where a variant's first REF base would be: at 199 of 400.
    assert set(starts[: 41 * 3]) == {320 - 199}
    assert set(starts[-60:]) == {509 - 199}
    assert {tuple(one.readouts[0].bins or ()) for one in placed} == {(5, 6)}
    assert placed[0].readouts[0].context == (320 - 199 + 1,)


def test_bins_of_a_region_elsewhere(genome: Genome) -> None:
    """The window around 320 begins at 121, its bins at 201: bins 0 and 1 have 201 to 240."""
    parts = stretches_of([Region("chr1", 310, 331)], genome)
    inside = Stretches(parts, readout=Region("1", 210, 241))
    inside.check(GEOMETRY, genome, (0,))
    placed = StretchWindows(GEOMETRY, inside, genome).place(next(inside.variants(genome)))[0]
    assert list(placed.readouts[0].bins or ()) == [0, 1]
    for outside in (Region("chr1", 200, 230), Region("chr1", 430, 442), Region("chr2", 10, 20)):
        with pytest.raises(UsageError, match=r"is not predicted.*chr1:202-441"):
            Stretches(parts, readout=outside).check(GEOMETRY, genome, (0,))


def test_a_stretch_may_have_half_a_window(genome: Genome) -> None:
    Stretches(stretches_of([Region("chr1", 0, 200)], genome)).check(GEOMETRY, genome, (0,))
    Stretches(stretches_of([Region("chr1", 0, 194)], genome)).check(GEOMETRY, genome, (-3, 0, 2))
    for region, shifts in ((Region("chr1", 0, 201), (0,)), (Region("chr1", 0, 195), (-3, 0))):
        with pytest.raises(UsageError, match="give shorter regions"):
            Stretches(stretches_of([region], genome)).check(GEOMETRY, genome, shifts)


@pytest.mark.parametrize(("reference", "alternate"), [(1, "T"), (1, "TTGCA"), (4, "A"), (3, "GG")])
def test_a_background_is_the_contig_with_the_allele_in_place(
    genome: Genome, sequence: str, reference: int, alternate: str
) -> None:
    variant = Variant("1", 401, "rs1", sequence[400 : 400 + reference], alternate)
    backgrounds = with_backgrounds(genome, stretches_around([variant], genome, 20))
    name = background_name(variant)
    expected = (sequence[:400] + alternate + sequence[400 + reference :]).upper()
    assert backgrounds.contigs[name] == len(expected)
    assert backgrounds.resolve(name) == name
    assert backgrounds.resolve("1") == "chr1"
    assert backgrounds.fetch(name, 0, len(expected)).decode() == expected
    for start, end in ((-5, 402), (401, 403), (402, 407), (400, 401), (404, LENGTH + 9), (380, 380), (10, 390)):
        padded = "".join(expected[place] if 0 <= place < len(expected) else "N" for place in range(start, end))
        assert backgrounds.fetch(name, start, end).decode() == padded, (start, end)
    again = pickle.loads(pickle.dumps(backgrounds))
    assert isinstance(again, Backgrounds)
    assert again.fetch(name, 395, 415) == backgrounds.fetch(name, 395, 415)
    assert backgrounds.fetch("chr1", 395, 415) == genome.fetch("chr1", 395, 415)


def test_stretches_around_variants(genome: Genome, sequence: str) -> None:
    base = sequence[449]
    first, second = (
        Variant("1", 450, "rs1", base, other, 0, n) for n, other in enumerate("ACGT".replace(base, "")[:2])
    )
    wrong = Variant("1", 460, "bad", "ACGT".replace(sequence[459], "")[0], sequence[459], 1)
    long = Variant("1", 470, "long", sequence[469], "A" * (LONGEST_ALLELE + 1), 2)
    near_start = Variant("1", 3, "edge", sequence[2:4].upper(), sequence[2].upper(), 3)
    parts = stretches_around([first, second, first, wrong, long, near_start], genome, 10)
    assert [(one.name, one.allele.id if one.allele else None) for one in parts] == [
        ("1:440-460", None),
        ("1:450-450", "rs1"),
        (f"{background_name(first)}:440-460", None),
        ("1:450-450", "rs1"),
        (f"{background_name(second)}:440-460", None),
        ("1:460-460", "bad"),
        ("1:470-470", "long"),
        ("1:1-14", None),
        ("1:3-4", "edge"),
        (f"{background_name(near_start)}:1-13", None),
    ]
    every = with_backgrounds(genome, parts)
    stretches = Stretches(parts)
    variants = list(stretches.variants(every))
    assert {one.id for one in variants if check_variant(one, every, 4000) is not Status.OK} == {"bad"}
    assert [one.record for one in variants] == sorted(one.record for one in variants)
    windows = StretchWindows(GEOMETRY, stretches, every)
    starts = {windows.place(one)[0].window_start(WINDOW) for one in variants if one.id.startswith(("1:440", "rs1"))}
    assert starts == {449 - 199}


def test_a_region_is_read_where_the_allele_has_moved_it(genome: Genome, sequence: str) -> None:
    """With 40 bases more before it, a region is two bins of 20 further on."""
    variant = Variant("chr1", 450, "rs1", sequence[449].upper(), sequence[449].upper() + "A" * 40)
    parts = stretches_around([variant], genome, 10)
    stretches = Stretches(parts, readout=Region("chr1", 480, 481))
    every = with_backgrounds(genome, parts)
    stretches.check(GEOMETRY, every, (0,))
    reference, alternate = (list(stretches.bins(part, GEOMETRY, every)) for part in (parts[0], parts[2]))
    assert (reference, alternate) == ([7], [9])


def test_long_alleles_have_short_names() -> None:
    one, other = (Variant("chr1", 5, ".", "A", "A" + base * 200) for base in "CG")
    assert background_name(one) != background_name(other)
    assert len(background_name(one)) < 40
    assert background_name(Variant("chr1", 5, ".", "a", "t")) == "chr1_5_A_T"
