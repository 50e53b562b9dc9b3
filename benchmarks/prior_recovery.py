#!/usr/bin/env python3
"""Is W found again? Simulated loci with a known prior, fitted by `enformer_vep.export.enrichment`.

    python benchmarks/prior_recovery.py > benchmarks/results/prior_recovery.tsv

Every set is LOCI loci of 40 variants whose z-scores have the LD r = 0.8^distance, N = 1000 people, standardised scores
that are normal, an effect drawn from N(0, 0.15^2), and a causal variant drawn from the prior, so that the model that is
fitted is the true one. Columns: the truth, then over the sets the mean of W and its standard error, median and standard
deviation, how often the 95 % interval holds the true W, how often W = 0 is rejected at 5 %, and means of the enrichment
of indels and of the share of loci with a causal variant where these are fitted. Then, in 25 other loci of each set with
the prior fitted to that set: the coverage of 95 % credible sets, their mean size, the mean posterior of the causal
variant, the last two under equal priors, and the largest absolute difference between mean posterior and share of causal
variants over bins of the posterior with at least 500 variants.
"""

import argparse
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from enformer_vep.export.bayes_factors import PRIOR_DEVIATION, LocusEvidence, wakefield
from enformer_vep.export.enrichment import Enrichment, fit_enrichment
from enformer_vep.export.locus_likelihood import Loci
from enformer_vep.export.priors import relative_priors

Floats = npt.NDArray[np.float64]

VARIANTS, PEOPLE, CORRELATION, INDELS = 40, 1_000, 0.8, 0.2
CREDIBLE = 0.95
BINS = np.array([0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0])


@dataclass(frozen=True)
class Truth:
    """What is simulated: W, the ratio, an enrichment of indels, the share of loci with a causal variant."""

    weight: float
    loci: int = 100
    ratio: float = 100.0
    indel: float = 0.0
    share: float = 1.0
    shuffled: bool = False


@dataclass(frozen=True)
class Simulated:
    """Loci: z of scores, log Bayes factors, indels [loci, variants]; the causal variant [loci], -1 for none."""

    z: Floats
    log_factors: Floats
    indel: npt.NDArray[np.bool_]
    causal: npt.NDArray[np.intp]

    def loci(self) -> Loci:
        """As they are fitted."""
        places = np.arange(self.z.size).reshape(self.z.shape)
        evidence = [LocusEvidence(*one) for one in zip(places, self.log_factors, strict=True)]
        return Loci.of(evidence, self.z.ravel(), self.indel.ravel())


def prior(truth: Truth, z: Floats, indel: npt.NDArray[np.bool_]) -> Floats:
    """Probabilities [loci, variants]."""
    weights = relative_priors(z, truth.weight, truth.ratio) * np.exp(truth.indel * indel)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def simulate(truth: Truth, random: np.random.Generator, variants: int = VARIANTS) -> Simulated:
    """Draws loci."""
    shape = truth.loci, variants
    distance = np.abs(np.subtract.outer(np.arange(variants), np.arange(variants)))
    ld = CORRELATION**distance
    z, indel = random.standard_normal(shape), random.random(shape) < INDELS
    causal = (prior(truth, z, indel).cumsum(axis=1) > random.random((truth.loci, 1))).argmax(axis=1)
    some = random.random(truth.loci) < truth.share
    effect = random.normal(0, PRIOR_DEVIATION, truth.loci) * some
    noise = random.standard_normal(shape) @ np.linalg.cholesky(ld).T
    association = noise + np.sqrt(PEOPLE) * effect[:, None] * ld[causal]
    if truth.shuffled:
        z = random.permutation(z.ravel()).reshape(shape)
    factors = wakefield(association, np.full(shape, 1 / PEOPLE))
    return Simulated(z, factors, indel, np.where(some, causal, -1))


def fit(simulated: Simulated, truth: Truth, ratio: float | None) -> Enrichment:
    """Fits what the truth has."""
    return fit_enrichment(simulated.loci(), max_ratio=ratio, indel=truth.indel != 0, share=truth.share < 1)


def holds(fitted: Enrichment, weight: float) -> bool:
    """Whether the interval has the weight in it; an open end reaches everywhere."""
    low, high = fitted.interval
    return (low is None or low <= weight) and (high is None or weight <= high)


def posteriors(simulated: Simulated, priors: Floats) -> Floats:
    """Posterior of every variant [loci, variants], given that the locus has a causal one."""
    logarithms = np.log(priors) + simulated.log_factors
    weights = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def credible_sets(posterior: Floats) -> npt.NDArray[np.bool_]:
    """Members of the smallest sets that hold `CREDIBLE`: [loci, variants]."""
    order = np.argsort(-posterior, axis=1)
    before = np.take_along_axis(posterior, order, axis=1).cumsum(axis=1) - np.take_along_axis(posterior, order, axis=1)
    members = np.zeros(posterior.shape, bool)
    np.put_along_axis(members, order, before < CREDIBLE, axis=1)
    return members


def calibration(posterior: Floats, causal: npt.NDArray[np.intp]) -> list[tuple[float, float, int]]:
    """Mean posterior, share of causal variants, and number of variants in each of `BINS`; empty ones left out."""
    is_causal = np.arange(posterior.shape[1]) == causal[:, None]
    bins = np.digitize(posterior, BINS[1:-1])
    chosen = [bins == number for number in range(len(BINS) - 1)]
    return [(posterior[one].mean(), is_causal[one].mean(), int(one.sum())) for one in chosen if one.any()]


def report(truth: Truth, ratio: float | None, sets: int, fresh: int, seed: int) -> str:
    """One line."""
    random = np.random.default_rng(seed)
    fits, own, equal, causal = [], [], [], []
    for _ in range(sets):
        fits.append(fit(simulate(truth, random), truth, ratio))
        test = simulate(replace(truth, loci=fresh, share=1.0), random)
        found = replace(truth, weight=fits[-1].weight, ratio=fits[-1].max_ratio, indel=fits[-1].indel or 0.0)
        own.append(posteriors(test, prior(found, test.z, test.indel)))
        equal.append(posteriors(test, np.ones(test.z.shape)))
        causal.append(test.causal)
    words = (f"{truth.weight:g}", truth.loci, f"{truth.ratio:g}", truth.indel, truth.share, truth.shuffled)
    fitted = "fitted" if ratio is None else f"{ratio:g}"
    numbers = (*of_fits(fits, 0.0 if truth.shuffled else truth.weight), *of_posteriors(own, equal, causal))
    return "\t".join((*map(str, words), fitted, *(f"{one:.3f}" for one in numbers)))


def of_fits(fits: list[Enrichment], true: float) -> tuple[float, ...]:
    """Columns W_mean to share_mean."""
    weights = np.array([one.weight for one in fits])
    others = [[one.indel for one in fits], [one.share for one in fits]]
    return (
        *(weights.mean(), weights.std() / np.sqrt(len(fits)), np.median(weights), weights.std()),
        float(np.mean([holds(one, true) for one in fits])),
        float(np.mean([one.p_value < 0.05 for one in fits])),
        *(float(np.mean(one)) if one[0] is not None else np.nan for one in others),
    )


def of_posteriors(own: list[Floats], equal: list[Floats], causal: list[npt.NDArray[np.intp]]) -> tuple[float, ...]:
    """Columns set_coverage to calibration_off."""
    true = np.concatenate(causal)
    rows = np.arange(len(true))
    fitted, flat = np.concatenate(own), np.concatenate(equal)
    members = credible_sets(fitted)
    bins = [one for one in calibration(fitted, true) if one[2] >= 500]
    return (
        *(members[rows, true].mean(), members.sum(axis=1).mean(), fitted[rows, true].mean()),
        *(credible_sets(flat).sum(axis=1).mean(), flat[rows, true].mean()),
        max(abs(mean - share) for mean, share, _ in bins),
    )


COLUMNS = (
    *("W", "loci", "max_ratio", "indel", "share", "shuffled", "ratio_in_fit"),
    *("W_mean", "W_sem", "W_median", "W_sd", "interval_holds_W", "rejects_0", "indel_mean", "share_mean"),
    *("set_coverage", "set_size", "causal_posterior", "set_size_equal", "causal_posterior_equal", "calibration_off"),
)
TRUTHS: tuple[tuple[Truth, float | None], ...] = (
    (Truth(0.0, 40), 100.0),
    (Truth(0.0, 100), None),
    (Truth(0.5, 100), 100.0),
    (Truth(1.0, 40), 100.0),
    (Truth(1.0, 100), 100.0),
    (Truth(1.0, 100), None),
    (Truth(1.0, 400), None),
    (Truth(1.0, 100, np.inf), np.inf),
    (Truth(2.0, 100, np.inf), None),
    (Truth(1.0, 100, indel=0.7), 100.0),
    (Truth(1.0, 100, share=0.6), 100.0),
    (Truth(1.0, 100, shuffled=True), None),
)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--fresh", type=int, default=25, help="other loci that each set's fitted prior is tried on")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(f"# {arguments.sets} sets each; {VARIANTS} variants a locus; seed {arguments.seed}")
    print("\t".join(COLUMNS))
    for truth, ratio in TRUTHS:
        print(report(truth, ratio, arguments.sets, arguments.fresh, arguments.seed), flush=True)


if __name__ == "__main__":
    main()
