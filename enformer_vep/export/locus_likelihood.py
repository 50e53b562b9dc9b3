"""The likelihood of loci as a function of the prior: each has one causal variant, or none.

For locus l with prior pi and Bayes factors BF (Pickrell 2014, equations 3, 6 and 12; PAINTOR's with one causal
variant, Kichaev et al. 2014, PLoS Genetics 10:e1004722):

    L_l = (1 - share) + share * sum_i pi_i BF_i,    pi_i = w_i / sum_j w_j,
    log w_i = clip(W z_i) + a [i is an indel]

Variants without a score have the mean prior of those with one (`priors.normalised`), which is 1 / n whatever W is:
their part of the sum is a constant, and that of the others has pi multiplied by the share of variants with a score.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from enformer_vep.export.bayes_factors import LocusEvidence

Floats = npt.NDArray[np.float64]


class Nuisance(NamedTuple):
    """What is fitted besides W.

    Attributes:
        indel: a, the log enrichment of indels over substitutions of the same z.
        log_odds: Of the share of loci that have a causal variant.
    """

    indel: float = 0.0
    log_odds: float = np.inf

    @property
    def share(self) -> float:
        """Of loci that have a causal variant."""
        return float(1 / (1 + np.exp(-self.log_odds)))


ALL_HAVE_ONE = Nuisance()
"""Every locus has a causal variant, and indels are as likely as substitutions."""


class Derivatives(NamedTuple):
    """Of the log likelihood: by (indel, log_odds).

    Attributes:
        value: The log likelihood itself.
        gradient: float64 [2].
        curvature: float64 [2, 2].
    """

    value: float
    gradient: Floats
    curvature: Floats


@dataclass(frozen=True, slots=True)
class Loci:
    """Loci in arrays: scored variants, one locus after the other.

    Attributes:
        z: Standardised scores [entries].
        indel: 1 for insertions and deletions, else 0 [entries].
        log_factors: Log Bayes factors and log share of variants with a score [entries].
        starts: First entry of every locus: intp [loci].
        log_constants: Log of what does not depend on the prior [loci].
    """

    z: Floats
    indel: Floats
    log_factors: Floats
    starts: npt.NDArray[np.intp]
    log_constants: Floats

    @classmethod
    def of(cls, evidence: Sequence[LocusEvidence], z: Floats, indel: npt.NDArray[np.bool_]) -> Self:
        """Loci of a panel; those without a scored variant say nothing and are left out.

        Args:
            evidence: Of every locus.
            z: [panel's variants]; NaN where there is no score.
            indel: [panel's variants].
        """
        places, factors, constants, sizes = [], [], [], []
        for locus in evidence:
            scored = ~np.isnan(z[locus.places])
            if not scored.any():
                continue
            variants = len(scored)
            rest = np.logaddexp.reduce(locus.log_factors[~scored], initial=-np.inf) - np.log(variants)
            places.append(locus.places[scored])
            factors.append(locus.log_factors[scored] + np.log(scored.sum() / variants))
            constants.append(np.logaddexp(locus.log_none, rest))
            sizes.append(len(places[-1]))
        chosen = np.concatenate(places) if places else np.array([], np.intp)
        return cls(
            z[chosen],
            indel[chosen].astype(np.float64),
            np.concatenate(factors) if factors else np.array([]),
            np.cumsum([0, *sizes[:-1]]).astype(np.intp) if sizes else np.array([], np.intp),
            np.array(constants),
        )

    def __len__(self) -> int:
        """Number of loci."""
        return len(self.starts)

    def log_likelihood(self, weight: float, limit: float, nuisance: Nuisance = ALL_HAVE_ONE) -> float:
        """Of all loci, up to a constant; `limit` is the largest abs(log weight) that a score gives."""
        prior = self._log_prior(weight, limit, nuisance)
        return float(self._log_loci(self._log_sums(prior + self.log_factors), nuisance).sum())

    def derivatives(self, weight: float, limit: float, nuisance: Nuisance) -> Derivatives:
        """Of the log likelihood by the nuisance parameters, W fixed.

        With T = sum pi BF over scored variants, m = the share of indels under pi BF / T less that under pi, and u = the
        posterior of one of them being causal: d/da = u m, and for the log odds the posterior less the prior of there
        being a causal variant at all.
        """
        prior = self._log_prior(weight, limit, nuisance)
        joint = prior + self.log_factors
        sums = self._log_sums(joint)
        whole = self._log_loci(sums, nuisance)
        log_share = -np.logaddexp(0, -nuisance.log_odds)
        before = self._add(np.exp(prior) * self.indel)
        # A locus whose factors are all 0 says nothing.
        after = self._add(np.exp(joint - self._spread(np.where(np.isfinite(sums), sums, 0))) * self.indel)
        scored = np.exp(log_share + sums - whole)
        some = np.exp(log_share + np.logaddexp(self.log_constants, sums) - whole)
        moved = np.where(np.isfinite(sums), after - before, 0)
        share = nuisance.share
        curve = scored * (after * (1 - after) - before * (1 - before) + (1 - scored) * moved**2)
        cross = scored * (1 - some) * moved
        return Derivatives(
            float(whole.sum()),
            np.array([(scored * moved).sum(), (some - share).sum()]),
            np.array(
                [[curve.sum(), cross.sum()], [cross.sum(), (some * (1 - some) - share * (1 - share)).sum()]],
            ),
        )

    def _log_prior(self, weight: float, limit: float, nuisance: Nuisance) -> Floats:
        logarithms = np.clip(weight * self.z, -limit, limit) + nuisance.indel * self.indel
        prior: Floats = logarithms - self._spread(self._log_sums(logarithms))
        return prior

    def _log_loci(self, sums: Floats, nuisance: Nuisance) -> Floats:
        some = np.logaddexp(self.log_constants, sums)
        if np.isinf(nuisance.log_odds):
            return np.asarray(some)
        log_share, log_rest = -np.logaddexp(0, -nuisance.log_odds), -np.logaddexp(0, nuisance.log_odds)
        return np.asarray(np.logaddexp(log_rest, log_share + some))

    def _log_sums(self, logarithms: Floats) -> Floats:
        """Log of the sum over each locus of exp(logarithms)."""
        largest = np.maximum.reduceat(logarithms, self.starts)
        largest = np.where(np.isfinite(largest), largest, 0)
        with np.errstate(divide="ignore"):
            return np.asarray(largest + np.log(self._add(np.exp(logarithms - self._spread(largest)))))

    def _add(self, values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(values, self.starts))

    def _spread(self, values: Floats) -> Floats:
        """Values of loci [loci] at each entry."""
        return np.repeat(values, np.diff(np.append(self.starts, len(self.z))))
