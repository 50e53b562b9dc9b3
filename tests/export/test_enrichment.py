"""The likelihood by brute force, fits whose answer is known in closed form, and simulations with a known W."""

import math
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from enformer_vep.errors import InputError
from enformer_vep.export.bayes_factors import LocusEvidence, from_probabilities, variance_of_effect, wakefield
from enformer_vep.export.enrichment import fit_enrichment
from enformer_vep.export.locus_likelihood import Loci, Nuisance
from enformer_vep.export.priors import normalised, relative_priors

NAN = np.nan
recovery = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "prior_recovery.py")))


def random_loci(seed: int) -> tuple[list[LocusEvidence], np.ndarray, np.ndarray]:
    """Three loci of 12 variants, some without a score, one of them with evidence for nothing."""
    random = np.random.default_rng(seed)
    z = np.where(random.random(36) < 0.2, NAN, random.normal(size=36))
    factors = random.normal(scale=3, size=36)
    factors[random.random(36) < 0.1] = -np.inf
    evidence = [LocusEvidence(np.arange(first, first + 12), factors[first : first + 12]) for first in (0, 12, 24)]
    evidence[1] = LocusEvidence(evidence[1].places, evidence[1].log_factors, log_none=0.7)
    return evidence, z, random.random(36) < 0.3


def by_definition(evidence, z, indel, weight: float, ratio: float, nuisance: Nuisance) -> float:
    """Sum over loci of log((1 - share) + share (rest + sum prior x factor)), with the priors that files get."""
    total = 0.0
    for locus in evidence:
        at = locus.places
        priors = normalised(relative_priors(z[at], weight, ratio) * np.exp(nuisance.indel * indel[at]))
        some = np.exp(locus.log_none) + (priors * np.exp(locus.log_factors)).sum()
        total += math.log(1 - nuisance.share + nuisance.share * some)
    return total


@given(st.integers(0, 999), st.floats(-3, 3), st.sampled_from([4.0, 100.0, np.inf]), st.floats(-2, 2), st.floats(-2, 9))
def test_the_likelihood_is_that_of_the_priors_that_are_written(seed, weight, ratio, enrichment, odds):
    evidence, z, indel = random_loci(seed)
    nuisance = Nuisance(enrichment, odds)
    loci = Loci.of(evidence, z, indel)
    for one in (nuisance, Nuisance(enrichment)):
        expected = by_definition(evidence, z, indel, weight, ratio, one)
        np.testing.assert_allclose(loci.log_likelihood(weight, math.log(ratio) / 2, one), expected, rtol=1e-9)
    found = loci.derivatives(weight, math.log(ratio) / 2, nuisance)
    step = 1e-5
    for place, shift in enumerate(np.eye(2) * step):
        up, down = (Nuisance(*(np.array(nuisance) + sign * shift)) for sign in (1, -1))
        values = [loci.derivatives(weight, math.log(ratio) / 2, one) for one in (up, down)]
        slope = (values[0].value - values[1].value) / (2 * step)
        np.testing.assert_allclose(found.gradient[place], slope, rtol=1e-4, atol=1e-6)
        curve = (values[0].gradient - values[1].gradient) / (2 * step)
        np.testing.assert_allclose(found.curvature[place], curve, rtol=1e-4, atol=1e-6)


def two_kinds(causal: list[bool], large: int, small: int) -> Loci:
    """Loci in which it is known whether the causal variant is one of `large` with z = 1 or of `small` with z = 0."""
    size = large + small
    z = np.tile(np.repeat([1.0, 0.0], [large, small]), len(causal))
    evidence = []
    for number, one in enumerate(causal):
        factors = np.full(size, -np.inf)
        factors[0 if one else -1] = 0
        evidence.append(LocusEvidence(np.arange(size) + number * size, factors))
    return Loci.of(evidence, z, np.zeros(len(z), bool))


def test_a_fit_in_closed_form():
    """In k of m loci the causal variant has z = 1: a binomial whose odds are exp(W) large / small."""
    loci = two_kinds([True] * 12 + [False] * 8, large=3, small=9)
    fitted = fit_enrichment(loci, max_ratio=np.inf)
    weight = math.log(12 * 9 / (8 * 3))
    assert fitted.weight == pytest.approx(weight, abs=1e-3)

    def likelihood(one: float) -> float:
        share = 3 * math.exp(one) / (3 * math.exp(one) + 9)
        return 12 * math.log(share) + 8 * math.log(1 - share)

    gain = likelihood(weight) - likelihood(0)
    assert fitted.log_likelihood == pytest.approx(gain, abs=1e-6)
    assert fitted.p_value == pytest.approx(stats.chi2.sf(2 * gain, 1), rel=1e-5)
    drop = stats.chi2.ppf(0.95, 1) / 2
    for end in fitted.interval:
        assert likelihood(end) == pytest.approx(likelihood(weight) - drop, abs=1e-3)
    assert fitted.interval[0] < weight < fitted.interval[1]


def test_what_the_data_leave_open():
    fitted = fit_enrichment(two_kinds([True] * 5, large=3, small=9), max_ratio=np.inf)
    assert fitted.weight > 7
    assert fitted.interval[0] > 0
    assert fitted.interval[1] is None
    # No steeper than to the cap within a standard deviation.
    assert fit_enrichment(two_kinds([True] * 5, large=3, small=9), max_ratio=9.0).weight == pytest.approx(math.log(3))


def test_the_ratio_is_the_usual_one_unless_the_data_speak_against_it():
    spread = fit_enrichment(recovery.simulate(recovery.Truth(2.5, 200, np.inf), np.random.default_rng(1)).loci())
    assert spread.max_ratio > 1000
    assert spread.by_ratio[spread.max_ratio][1] > spread.by_ratio[100.0][1] + 1.92
    assert spread.weight == pytest.approx(2.5, abs=0.4)
    usual = fit_enrichment(recovery.simulate(recovery.Truth(0.5, 100), np.random.default_rng(1)).loci())
    assert usual.max_ratio == 100


def test_the_share_of_loci_in_closed_form():
    """Where every factor is 0 there is no causal variant; where they are huge there is one."""
    z = np.tile([0.0, 1.0], 20)
    factors = [np.full(2, 50.0 if number < 12 else -np.inf) for number in range(20)]
    evidence = [LocusEvidence(np.arange(2) + 2 * number, one) for number, one in enumerate(factors)]
    fitted = fit_enrichment(Loci.of(evidence, z, np.zeros(40, bool)), share=True, max_ratio=100.0)
    assert fitted.share == pytest.approx(12 / 20, abs=1e-4)


def test_the_enrichment_of_indels_in_closed_form():
    """One of 4 variants is an indel, and the causal one in 8 of 20 loci: odds exp(a) / 3 = 8 / 12; W is 0."""
    z, indel = np.tile([0.0, 1.0, -1.0, 0.0], 20), np.tile([True, False, False, False], 20)
    evidence = []
    for number in range(20):
        factors = np.full(4, -np.inf)
        if number < 8:
            factors[0] = 0
        else:
            factors[1 + number % 2] = 0
        evidence.append(LocusEvidence(np.arange(4) + 4 * number, factors))
    loci = Loci.of(evidence, z, indel)
    fitted = fit_enrichment(loci, indel=True, max_ratio=np.inf)
    assert fitted.weight == pytest.approx(0, abs=1e-3)
    assert fitted.indel == pytest.approx(math.log(2), abs=1e-3)
    assert fit_enrichment(loci).indel is None


@pytest.mark.parametrize("kappa", [0.3, 0.999999999])
def test_probabilities_under_a_flat_prior_are_as_good_as_the_factors(kappa):
    """PIPs of loci that may have no causal variant: the likelihood differs from the exact one by a constant."""
    random = np.random.default_rng(2)
    z, factors = random.normal(size=(6, 9)), random.normal(2, 3, size=(6, 9))
    places = np.arange(54).reshape(6, 9)
    whole = 1 - kappa + kappa * np.exp(factors).mean(axis=1, keepdims=True)
    pips = kappa / 9 * np.exp(factors) / whole
    exact = Loci.of([LocusEvidence(*one) for one in zip(places, factors, strict=True)], z.ravel(), z.ravel() > 9)
    found = Loci.of([from_probabilities(*one) for one in zip(places, pips, strict=True)], z.ravel(), z.ravel() > 9)
    nuisance = Nuisance(0, math.log(kappa / (1 - kappa)))
    for weight in (-2.0, 0.5, 3.0):
        ratio = exact.log_likelihood(weight, np.inf, nuisance) - exact.log_likelihood(0, np.inf, nuisance)
        assert found.log_likelihood(weight, np.inf) == pytest.approx(ratio, rel=1e-7)


def test_several_causal_variants_speak_once():
    locus = from_probabilities(np.arange(4), np.array([1.0, 0.6, 0.4, 0.0]))
    np.testing.assert_allclose(np.exp(locus.log_factors), np.array([2, 1.2, 0.8, 0]))
    assert locus.log_none == -np.inf


def test_wakefield_s_factors():
    """Densities of the estimate under N(0, V + prior) and N(0, V)."""
    beta, error = np.array([0.1, -0.3, 0.0]), np.array([0.05, 0.1, 0.2])
    one = stats.norm.logpdf(beta, scale=np.sqrt(error**2 + 0.2**2)) - stats.norm.logpdf(beta, scale=error)
    np.testing.assert_allclose(wakefield(beta / error, error**2, 0.2), one)
    # Least squares on n people with allele frequency f and a trait of variance 1.
    np.testing.assert_allclose(variance_of_effect(np.array([100.0]), np.array([0.5])), 1 / 50)


def test_nothing_to_fit():
    evidence = [LocusEvidence(np.arange(3), np.zeros(3))]
    for z in (np.full(3, NAN), np.zeros(3)):
        with pytest.raises(InputError, match="nothing to fit"):
            fit_enrichment(Loci.of(evidence, z, np.zeros(3, bool)))


def test_w_is_found_again_and_intervals_hold_it():
    """200 sets each of more kinds: benchmarks/prior_recovery.py."""
    random = np.random.default_rng(7)
    for truth in (recovery.Truth(1.0, 25, np.inf), recovery.Truth(1.0, 25, np.inf, shuffled=True)):
        fits = [fit_enrichment(recovery.simulate(truth, random, 20).loci(), max_ratio=np.inf) for _ in range(100)]
        weights = np.array([one.weight for one in fits])
        true = 0.0 if truth.shuffled else 1.0
        assert abs(weights.mean() - true) < 3 * weights.std() / np.sqrt(100)
        assert 0.9 <= np.mean([recovery.holds(one, true) for one in fits]) <= 0.99
        rejected = np.mean([one.p_value < 0.05 for one in fits])
        assert 0.01 <= rejected <= 0.1 if truth.shuffled else rejected > 0.8


def test_posteriors_under_the_fitted_prior_are_what_they_say():
    random = np.random.default_rng(3)
    truth = recovery.Truth(1.0, 300)
    fitted = fit_enrichment(recovery.simulate(truth, random).loci())
    test = recovery.simulate(recovery.Truth(1.0, 1500), random)
    found = {}
    for weight in (fitted.weight, 0.0, 3.0):
        one = recovery.Truth(weight, ratio=fitted.max_ratio)
        posterior = recovery.posteriors(test, recovery.prior(one, test.z, test.indel))
        sets = recovery.credible_sets(posterior)
        rows = np.arange(1500)
        bins = [one for one in recovery.calibration(posterior, test.causal) if one[2] > 100]
        found[weight] = (
            sets[rows, test.causal].mean(),
            sets.sum(axis=1).mean(),
            posterior[rows, test.causal].mean(),
            max(abs(mean - share) for mean, share, _ in bins),
        )
    coverage, size, causal, off = found[fitted.weight]
    assert 0.93 <= coverage <= 0.97
    assert off < 0.05
    assert size < 0.85 * found[0.0][1]
    assert causal > found[0.0][2] + 0.03
    # A prior that is too sure of itself is found out by the same measures.
    assert found[3.0][0] < 0.93
    assert found[3.0][3] > 0.05
