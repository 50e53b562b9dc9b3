#!/usr/bin/env python3
"""Does a prior from scores help fine-mapping? One locus, real variants, simulated people and trait.

    python tools/fine_mapping.py simulate example_data/locus.vcf.gz priors.tsv > gwas.tsv
    python tools/fine_mapping.py finemap gwas.tsv priors.tsv --figure finemapping.png > posteriors.tsv
    python tools/fine_mapping.py repeat example_data/locus.vcf.gz priors.tsv

`simulate` makes people and a trait with one causal variant, and from them the summary statistics of a GWAS.
`finemap` computes the posterior probability of each variant under a flat prior, the given one, and the given one
shuffled. `repeat` does both 500 times. The causal variant is drawn from the prior, so the prior is informative by
construction: this shows what a good prior does, not that these scores are one. Which variants a real GWAS would
have picked is another question.

Haplotypes: a Gaussian process along the chromosome whose correlation falls with distance (half after 30 kb), cut
at each variant's allele frequency. Trait: effect of the causal variant plus noise. Posterior: one causal variant,
approximate Bayes factors (Wakefield 2009, Genetic Epidemiology 33:79) times prior.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd
import pysam

HALF_DISTANCE = 30_000  # bp
PRIOR_VARIANCE = 0.15**2  # of an effect on a trait of variance 1, as in coloc (Giambartolomei et al. 2014)
PEOPLE = 4_000
EXPLAINED = 0.006  # share of the trait's variance
CREDIBLE = 0.95

Floats = npt.NDArray[np.float64]


def read_sites(path: Path) -> pd.DataFrame:
    """SNP CHR BP A1 (ALT) A2 (REF) and FREQ, from a VCF with INFO/AF."""
    with pysam.VariantFile(str(path)) as vcf:
        rows = [
            (site.id, site.chrom, site.pos, site.alts[0], site.ref, float(np.ravel(site.info["AF"])[0]))
            for site in vcf
            if site.alts
        ]
    return pd.DataFrame(rows, columns=["SNP", "CHR", "BP", "A1", "A2", "FREQ"])


def read_priors(path: Path, sites: pd.DataFrame) -> Floats:
    """Prior probabilities [sites] from what `enformer-vep export --to susie` writes."""
    priors = pd.read_csv(path, sep="\t").set_index("SNP")["prior_weight"]
    absent = sites["SNP"][~sites["SNP"].isin(priors.index)]
    if len(absent):
        sys.exit(f"{path} has no prior for {absent.iloc[0]}: export the priors of this locus")
    chosen = priors.loc[sites["SNP"]].to_numpy(float)
    return chosen / chosen.sum()


def simulate_genotypes(sites: pd.DataFrame, people: int, random: np.random.Generator) -> Floats:
    """Numbers of A1 [people, sites]."""
    places = sites["BP"].to_numpy()
    correlation = 0.5 ** (np.abs(places[:, None] - places) / HALF_DISTANCE)
    factor = np.linalg.cholesky(correlation + 1e-9 * np.eye(len(places)))
    latent = random.standard_normal((2 * people, len(places))) @ factor.T
    cuts = [NormalDist().inv_cdf(min(max(frequency, 1e-3), 1 - 1e-3)) for frequency in sites["FREQ"]]
    return (latent < cuts).reshape(people, 2, -1).sum(axis=1).astype(float)


def simulate_gwas(sites: pd.DataFrame, causal: int, random: np.random.Generator, people: int = PEOPLE) -> pd.DataFrame:
    """Summary statistics of a trait of variance 1; the causal variant explains `EXPLAINED` of it."""
    genotypes = simulate_genotypes(sites, people, random)
    centred = genotypes - genotypes.mean(axis=0)
    variance = np.maximum((centred**2).mean(axis=0), 1e-9)
    effect = random.choice([-1, 1]) * np.sqrt(EXPLAINED / variance[causal])
    trait = centred[:, causal] * effect + random.standard_normal(people) * np.sqrt(1 - EXPLAINED)
    trait = (trait - trait.mean()) / trait.std()
    beta = centred.T @ trait / (people * variance)
    error = np.sqrt(np.maximum(1 - beta**2 * variance, 1e-9) / (people * variance))
    return sites.assign(BETA=beta, SE=error, Z=beta / error, N=people)


def posteriors(gwas: pd.DataFrame, prior: Floats) -> Floats:
    """Posterior probability of being the one causal variant [sites]."""
    variance = gwas["SE"].to_numpy() ** 2
    shrinkage = PRIOR_VARIANCE / (variance + PRIOR_VARIANCE)
    log_factor = 0.5 * (np.log1p(-shrinkage) + gwas["Z"].to_numpy() ** 2 * shrinkage)
    weight = prior * np.exp(log_factor - log_factor.max())
    return weight / weight.sum()


def credible_size(posterior: Floats) -> int:
    """Variants in the smallest set that holds `CREDIBLE` of the probability."""
    return int(np.searchsorted(np.sort(posterior)[::-1].cumsum(), CREDIBLE)) + 1


def all_posteriors(gwas: pd.DataFrame, prior: Floats, random: np.random.Generator) -> dict[str, Floats]:
    """Under each of the three priors."""
    flat = np.full(len(gwas), 1 / len(gwas))
    return {
        name: posteriors(gwas, one)
        for name, one in (("flat", flat), ("prior", prior), ("shuffled", random.permutation(prior)))
    }


def simulate(arguments: argparse.Namespace) -> None:
    """One locus."""
    random = np.random.default_rng(arguments.seed)
    sites = read_sites(arguments.vcf)
    prior = read_priors(arguments.priors, sites)
    causal = int(random.choice(len(sites), p=prior))
    gwas = simulate_gwas(sites, causal, random)
    gwas["CAUSAL"] = (np.arange(len(gwas)) == causal).astype(int)
    print(gwas.to_csv(sep="\t", index=False, float_format="%.6g"), end="")
    print(
        f"causal: {sites['SNP'][causal]} (prior {prior[causal]:.3g}, flat {1 / len(sites):.3g})",
        file=sys.stderr,
    )


def finemap(arguments: argparse.Namespace) -> None:
    """Posteriors of one locus."""
    gwas = pd.read_csv(arguments.gwas, sep="\t")
    prior = read_priors(arguments.priors, gwas)
    found = all_posteriors(gwas, prior, np.random.default_rng(arguments.seed))
    table = gwas.assign(PRIOR=prior, **{f"PIP_{name}": posterior for name, posterior in found.items()})
    print(table.to_csv(sep="\t", index=False, float_format="%.6g"), end="")
    for name, posterior in found.items():
        best = gwas["SNP"][int(posterior.argmax())]
        print(
            f"{name}: best {best} at {posterior.max():.3f}, 95 % set of {credible_size(posterior)}",
            file=sys.stderr,
        )
    if arguments.figure:
        draw(table, list(found), arguments.figure)


def draw(table: pd.DataFrame, names: Sequence[str], path: Path) -> None:
    """Strength of association and posteriors along the locus."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    place = table["BP"] / 1e6
    causal = table.index[table["CAUSAL"] == 1] if "CAUSAL" in table else table.index[:0]
    figure, axes = plt.subplots(1 + len(names), 1, figsize=(7, 7), sharex=True, layout="constrained")
    axes[0].scatter(place, -np.log10([2 * NormalDist().cdf(-abs(z)) for z in table["Z"]]), s=12, color="0.4")
    axes[0].set_ylabel("-log10 p")
    for axis, name in zip(axes[1:], names, strict=True):
        axis.vlines(place, 0, table[f"PIP_{name}"], color="0.4")
        axis.plot(place[causal], table[f"PIP_{name}"][causal], "*", color="tab:red", label="causal variant")
        axis.set(ylabel=f"PIP, {name}", ylim=(0, 1))
    axes[1].legend(frameon=False)
    axes[-1].set_xlabel(f"position on {table['CHR'][0]}, Mb")
    figure.savefig(path, dpi=150)


def repeat(arguments: argparse.Namespace) -> None:
    """Many simulations: means of the causal variant's posterior and of the number in the credible set."""
    random = np.random.default_rng(arguments.seed)
    sites = read_sites(arguments.vcf)
    prior = read_priors(arguments.priors, sites)
    rows = []
    for _ in range(arguments.times):
        causal = int(random.choice(len(sites), p=prior))
        found = all_posteriors(simulate_gwas(sites, causal, random), prior, random)
        rows += [(name, one[causal], credible_size(one)) for name, one in found.items()]
    table = pd.DataFrame(rows, columns=["prior", "causal_PIP", "credible_set"]).groupby("prior", sort=False)
    summary = table.agg(["mean", "sem"])
    summary.columns = ["_".join(names) for names in summary.columns]
    print(summary.to_csv(sep="\t", float_format="%.3f"), end="")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for function, inputs in (
        (simulate, ("vcf", "priors")),
        (finemap, ("gwas", "priors")),
        (repeat, ("vcf", "priors")),
    ):
        command = commands.add_parser(function.__name__, help=function.__doc__)
        for name in inputs:
            command.add_argument(name, type=Path)
        command.add_argument("--seed", type=int, default=1)
        if function is finemap:
            command.add_argument("--figure", type=Path)
        if function is repeat:
            command.add_argument("--times", type=int, default=500)
        command.set_defaults(function=function)
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
