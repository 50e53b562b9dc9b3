"""What an association study says of each variant, as the Bayes factor of its being the locus's causal variant.

The factor compares "this variant is the locus's only causal one" with "the locus has none". From it and the prior pi
follow the marginal likelihood of a locus, sum pi_i BF_i, and posterior probabilities in proportion to pi_i BF_i
(Maller et al. 2012, Nature Genetics 44:1294; Pickrell 2014, American Journal of Human Genetics 94:559, equations 3 to
8). Functions of arrays, without files.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PRIOR_DEVIATION = 0.15
"""Standard deviation of effects on a trait of variance 1, as in coloc (Giambartolomei et al. 2014)."""


@dataclass(frozen=True, slots=True)
class LocusEvidence:
    """One locus.

    Attributes:
        places: Of its variants in their panel: intp [variants].
        log_factors: Log Bayes factors, up to one constant that `log_none` shares: [variants]; -inf for a factor of 0.
        log_none: Log of what the likelihood has besides the sum over variants; -inf for nothing.
    """

    places: npt.NDArray[np.intp]
    log_factors: Floats
    log_none: float = -np.inf


def wakefield(z: Floats, variance: Floats, prior_deviation: float = PRIOR_DEVIATION) -> Floats:
    """Log approximate Bayes factors for an effect (Wakefield 2009, Genetic Epidemiology 33:79), inverted.

    With r = prior variance / (prior variance + V): log BF = (log(1 - r) + r z^2) / 2.

    Args:
        z: Effect over its standard error [variants].
        variance: V, the standard error squared, in units of the effect squared [variants].
        prior_deviation: Standard deviation of the effects that are expected, in the effect's unit.
    """
    shrinkage = prior_deviation**2 / (prior_deviation**2 + variance)
    factors: Floats = 0.5 * (np.log1p(-shrinkage) + shrinkage * z**2)
    return factors


def variance_of_effect(people: Floats, frequency: Floats) -> Floats:
    """Variance of an effect per allele on a trait of variance 1: 1 / (2 n f (1 - f))."""
    variance: Floats = 1 / (2 * people * frequency * (1 - frequency))
    return variance


def from_probabilities(places: npt.NDArray[np.intp], probabilities: Floats) -> LocusEvidence:
    """The evidence behind posterior probabilities that were computed with the same prior for all n variants.

    They are p_i = (1/n) BF_i kappa / M, where kappa is the prior of any causal variant and M the locus's marginal
    likelihood; the rest 1 - sum p_i = (1 - kappa) / M is that there is none. Under another prior pi the marginal
    likelihood is M times (1 - sum p_i) + sum_i n pi_i p_i, exactly, whatever kappa was. (Maximising sum_i p_i log pi_i
    instead is one step of an EM algorithm from the flat prior, and falls short of the maximum.)

    Where they add up to more than 1 (several causal variants) they are divided by their sum: the locus speaks once.

    Args:
        places: Of the variants.
        probabilities: p [variants], from 0 to 1; all variants of the locus, those of p = 0 included.
    """
    total = float(probabilities.sum())
    with np.errstate(divide="ignore"):
        factors = np.log(len(probabilities) * probabilities / max(total, 1.0))
        none = float(np.log(max(1 - total, 0.0)))
    return LocusEvidence(places, factors, none)
