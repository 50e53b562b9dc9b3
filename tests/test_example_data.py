"""The example data are what their README says."""

from pathlib import Path

import pytest

from enformer_vep.genome.checks import check_variant
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Status
from enformer_vep.genome.vcf import read_variants
from enformer_vep.genome.windows import centred_window

EXAMPLE_DATA = Path(__file__).parents[1] / "example_data"
WINDOW_LENGTH = 196_608
SLICE_START, SLICE_END = 19_520_000, 19_920_000


@pytest.fixture(scope="module")
def genome() -> Genome:
    return Genome(EXAMPLE_DATA / "chr22.fa.gz")


def test_the_sequence_keeps_grch38_coordinates(genome):
    assert dict(genome.contigs) == {"chr22": SLICE_END}
    assert genome.fetch("chr22", SLICE_START - 3, SLICE_START) == b"NNN"
    assert b"N" not in genome.fetch("chr22", SLICE_START, SLICE_END)


def test_every_real_variant_can_be_scored_on_a_window_without_n(genome):
    variants = list(read_variants(str(EXAMPLE_DATA / "variants.vcf.gz")))
    assert len(variants) == 24
    for variant in variants:
        assert check_variant(variant, genome, WINDOW_LENGTH) is Status.OK
        window = centred_window("chr22", variant.start, WINDOW_LENGTH)
        assert window.start >= SLICE_START
        assert window.end <= SLICE_END


def test_the_awkward_records_have_the_status_of_their_name(genome):
    found = [
        (variant.id, check_variant(variant, genome, WINDOW_LENGTH).value)
        for variant in read_variants(str(EXAMPLE_DATA / "awkward.vcf"))
    ]
    assert found == [
        ("window_reaches_past_known_sequence", "ok"),
        ("snv", "ok"),
        ("multi_allelic", "ok"),
        ("multi_allelic", "ok"),
        ("multi_allelic", "ok"),
        ("insertion", "ok"),
        ("deletion", "ok"),
        ("mnv", "ok"),
        ("delins", "ok"),
        ("lower_case", "ok"),
        ("alternate_n", "ok"),
        ("ref_mismatch", "ref_mismatch"),
        ("symbolic_allele", "symbolic_allele"),
        ("symbolic_breakend", "symbolic_allele"),
        ("deletion_and_spanning_deletion", "ok"),
        ("deletion_and_spanning_deletion", "spanning_deletion"),
        ("missing_alt", "missing_alt"),
        ("non_acgtn_allele", "non_acgtn_allele"),
        ("identical_alleles", "identical_alleles"),
        ("too_long", "too_long"),
        ("outside_contig", "outside_contig"),
        ("contig_without_chr", "ok"),
        ("unknown_contig", "unknown_contig"),
    ]
    assert {status for _, status in found} == {status.value for status in Status}
