"""The example data are what their README says."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from enformer_vep.genome.checks import check_variant
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Status
from enformer_vep.genome.vcf import read_variants
from enformer_vep.genome.windows import window_start
from enformer_vep.training.configuration import read_config

EXAMPLE_DATA = Path(__file__).parents[1] / "example_data"
TOOLS = EXAMPLE_DATA.parent / "tools"
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
        first = window_start(variant.start, WINDOW_LENGTH)
        assert first >= SLICE_START
        assert first + WINDOW_LENGTH <= SLICE_END


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
    elsewhere = {"no_gene_in_reach", "not_finite", "out_of_reach", "gap", "gene_without_tss"}
    assert {status for _, status in found} == {status.value for status in Status} - elsewhere


@pytest.fixture(scope="module")
def fine_mapping():
    return runpy.run_path(str(TOOLS / "fine_mapping.py"))


def test_the_locus_is_the_same_in_both_files(genome, fine_mapping):
    sites = fine_mapping["read_sites"](EXAMPLE_DATA / "locus.vcf.gz")
    bim = pd.read_csv(EXAMPLE_DATA / "locus.bim", sep="\t", header=None)
    assert len(sites) == 100
    assert bim[1].tolist() == sites["SNP"].tolist()
    for number, column in ((3, "BP"), (4, "A1"), (5, "A2")):
        assert bim[number].tolist() == sites[column].tolist()
    for variant in read_variants(str(EXAMPLE_DATA / "locus.vcf.gz")):
        assert check_variant(variant, genome, WINDOW_LENGTH) is Status.OK


def test_the_mixed_locus_has_the_snvs_of_the_locus_and_indels(genome, fine_mapping):
    sites = fine_mapping["read_sites"](EXAMPLE_DATA / "mixed_locus.vcf.gz")
    bim = pd.read_csv(EXAMPLE_DATA / "mixed_locus.bim", sep="\t", header=None)
    for number, column in ((1, "SNP"), (3, "BP"), (4, "A1"), (5, "A2")):
        assert bim[number].tolist() == sites[column].tolist()
    indel = sites["A1"].str.len() != sites["A2"].str.len()
    assert indel.sum() == 23
    snvs = fine_mapping["read_sites"](EXAMPLE_DATA / "locus.vcf.gz")
    pd.testing.assert_frame_equal(sites[~indel].reset_index(drop=True), snvs, rtol=1e-4)
    for variant in read_variants(str(EXAMPLE_DATA / "mixed_locus.vcf.gz")):
        assert check_variant(variant, genome, WINDOW_LENGTH) is Status.OK


def test_posteriors_by_hand(fine_mapping):
    """Wakefield's factors at SE 0.15: shrinkage 1/2, log factor (log(1/2) + z^2 / 2) / 2."""
    gwas = pd.DataFrame({"SE": [0.15] * 3, "Z": [2.0, 2.0, 0.0]})
    found = fine_mapping["posteriors"](gwas, np.array([0.5, 0.25, 0.25]))
    weights = np.array([0.5 * np.e, 0.25 * np.e, 0.25])
    np.testing.assert_allclose(found, weights / weights.sum())


def test_an_informative_prior_helps_and_a_shuffled_one_does_not(fine_mapping):
    sites = fine_mapping["read_sites"](EXAMPLE_DATA / "locus.vcf.gz")
    random = np.random.default_rng(4)
    prior = random.dirichlet(np.full(len(sites), 0.5))
    gained = []
    for _ in range(50):
        causal = int(random.choice(len(sites), p=prior))
        gwas = fine_mapping["simulate_gwas"](sites, causal, random)
        found = fine_mapping["all_posteriors"](gwas, prior, random)
        gained.append([found[name][causal] - found["flat"][causal] for name in ("fitted", "shuffled")])
    informative, shuffled = np.mean(gained, axis=0)
    assert informative > 0.05
    assert shuffled < 0


def test_every_posterior_of_a_calibration_is_counted(fine_mapping):
    posterior = np.array([0.0, 0.005, 0.03, 0.9, 1.0, 0.95])
    table = pd.DataFrame({"prior": "flat", "posterior": posterior, "causal": [False, False, False, True, True, False]})
    bins = fine_mapping["calibration"](table)
    assert bins["variants"].tolist() == [2, 1, 3]
    np.testing.assert_allclose(bins["posterior"], [0.0025, 0.03, 0.95])
    np.testing.assert_allclose(bins["causal"], [0, 0, 2 / 3])
    np.testing.assert_array_equal(fine_mapping["credible_set"](np.array([0.2, 0.5, 0.1, 0.2])), [1, 0, 3, 2])
    np.testing.assert_array_equal(fine_mapping["credible_set"](np.array([0.01, 0.96, 0.03])), [1])


@pytest.mark.parametrize("name", ["train_example.toml", "train_example_short.toml"])
def test_what_the_training_data_leave_out_is_unknown(name):
    """The model that made these bigWigs left out what it could not see; zeros would be something to learn."""
    [data] = read_config(EXAMPLE_DATA / name).data
    assert (data.absent, data.blacklist) == ("unknown", None)
