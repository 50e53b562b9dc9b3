#!/usr/bin/env python3
"""Does a prior from scores help fine-mapping? One locus, simulated people and traits, a known truth.

    python tools/fine_mapping.py simulate example_data/mixed_locus.vcf.gz truth.tsv --times 200 > gwas.tsv
    enformer-vep priors scores.tsv.gz --sumstats gwas.tsv -o prior.json
    enformer-vep export scores.tsv.gz --to susie --bim mixed_locus.bim --prior-model prior.json -o fitted.tsv
    python tools/fine_mapping.py finemap gwas.tsv fitted.tsv --figure finemapping.png > posteriors.tsv
    python tools/fine_mapping.py repeat example_data/mixed_locus.vcf.gz truth.tsv fitted.tsv --figure calibration.png

`simulate` makes people and a trait with one causal variant, and from them the summary statistics of a GWAS, as often as
asked for: each time is a LOCUS. `finemap` computes the posterior probability of each variant of the first under a flat
prior, the given one, and the given one shuffled. `repeat` does both 500 times. The causal variant is drawn from the
probabilities of `truth.tsv`, so scores are informative by construction: this shows that what was put in is found again,
not that these scores say anything of traits. Which variants a real GWAS would have picked is another question.

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
BINS = [0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1]

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


def credible_set(posterior: Floats) -> npt.NDArray[np.intp]:
    """Places of the variants in the smallest set that holds `CREDIBLE` of the probability, the likeliest first."""
    order = np.argsort(-posterior, kind="stable")
    return order[: int(np.searchsorted(posterior[order].cumsum(), CREDIBLE)) + 1]


def all_posteriors(gwas: pd.DataFrame, prior: Floats, random: np.random.Generator) -> dict[str, Floats]:
    """Under each of the three priors."""
    flat = np.full(len(gwas), 1 / len(gwas))
    return {
        name: posteriors(gwas, one)
        for name, one in (("flat", flat), ("fitted", prior), ("shuffled", random.permutation(prior)))
    }


def simulate(arguments: argparse.Namespace) -> None:
    """The locus, so many times."""
    random = np.random.default_rng(arguments.seed)
    sites = read_sites(arguments.vcf)
    prior = read_priors(arguments.truth, sites)
    for number in range(1, arguments.times + 1):
        causal = int(random.choice(len(sites), p=prior))
        gwas = simulate_gwas(sites, causal, random)
        gwas = gwas.assign(CAUSAL=(np.arange(len(gwas)) == causal).astype(int), LOCUS=number)
        print(gwas.to_csv(sep="\t", index=False, header=number == 1, float_format="%.6g"), end="")
        if number == 1:
            chances = f"chance {prior[causal]:.3g}, flat {1 / len(sites):.3g}"
            print(f"causal in the first: {sites['SNP'][causal]} ({chances})", file=sys.stderr)


def finemap(arguments: argparse.Namespace) -> None:
    """Posteriors of the first locus."""
    gwas = pd.read_csv(arguments.gwas, sep="\t")
    if "LOCUS" in gwas:
        gwas = gwas[gwas["LOCUS"] == gwas["LOCUS"][0]]
    prior = read_priors(arguments.priors, gwas)
    found = all_posteriors(gwas, prior, np.random.default_rng(arguments.seed))
    table = gwas.assign(PRIOR=prior, **{f"PIP_{name}": posterior for name, posterior in found.items()})
    print(table.to_csv(sep="\t", index=False, float_format="%.6g"), end="")
    for name, posterior in found.items():
        best = gwas["SNP"][int(posterior.argmax())]
        causal = "".join(f", causal at {one:.3f}" for one in posterior[gwas.get("CAUSAL", pd.Series(0)) == 1])
        size = len(credible_set(posterior))
        print(f"{name}: best {best} at {posterior.max():.3f}, 95 % set of {size}{causal}", file=sys.stderr)
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
    strength = -np.log10([2 * NormalDist().cdf(-abs(z)) for z in table["Z"]])
    indel = table["A1"].str.len() != table["A2"].str.len()
    axes[0].scatter(place[~indel], strength[~indel], s=12, color="0.4", label="SNV")
    axes[0].scatter(place[indel], strength[indel], s=18, color="tab:blue", marker="^", label="indel")
    axes[0].legend(frameon=False)
    axes[0].set_ylabel("-log10 p")
    highest = 1.05 * table[[f"PIP_{name}" for name in names]].to_numpy().max()
    for axis, name in zip(axes[1:], names, strict=True):
        axis.vlines(place, 0, table[f"PIP_{name}"], color="0.4")
        axis.plot(place[causal], table[f"PIP_{name}"][causal], "*", color="tab:red", label="causal variant")
        axis.set(ylabel=f"PIP, {name}", ylim=(0, highest))
    axes[1].legend(frameon=False)
    axes[-1].set_xlabel(f"position on {table['CHR'][0]}, Mb")
    figure.savefig(path, dpi=150)


def repeat(arguments: argparse.Namespace) -> None:
    """Many simulations: posteriors of the causal variant, credible sets, and how often a posterior is right.

    Prints means with their standard errors, and the share of credible sets that hold the causal variant, over all
    simulations and over those whose causal variant is an indel.
    """
    random = np.random.default_rng(arguments.seed)
    sites = read_sites(arguments.vcf)
    truth, prior = (read_priors(path, sites) for path in (arguments.truth, arguments.priors))
    indel = (sites["A1"].str.len() != sites["A2"].str.len()).to_numpy()
    rows, every = [], []
    for _ in range(arguments.times):
        causal = int(random.choice(len(sites), p=truth))
        found = all_posteriors(simulate_gwas(sites, causal, random), prior, random)
        for name, one in found.items():
            members = credible_set(one)
            rows.append((name, bool(indel[causal]), one[causal], len(members), causal in members))
            every.append(pd.DataFrame({"prior": name, "posterior": one, "causal": np.arange(len(one)) == causal}))
    table = pd.DataFrame(rows, columns=["prior", "indel", "causal_PIP", "set_size", "coverage"])
    print("causal\t" + "\t".join(["prior", "times", *(f"{n}\t{n}_se" for n in table.columns[2:])]))
    for label, part in (("all", table), ("indel", table[table["indel"]])):
        for name, one in part.groupby("prior", sort=False):
            numbers = one[["causal_PIP", "set_size", "coverage"]].astype(float)
            cells = [f"{numbers[column].mean():.3f}\t{numbers[column].sem():.3f}" for column in numbers]
            print("\t".join([label, str(name), str(len(one)), *cells]))
    bins = calibration(pd.concat(every))
    print(bins.to_csv(sep="\t", index=False, float_format="%.4f"), end="")
    if arguments.figure:
        draw_calibration(bins, arguments.figure)


def calibration(table: pd.DataFrame) -> pd.DataFrame:
    """Mean posterior and share of causal variants (with its standard error) in bins of the posterior, by prior."""
    bins = pd.cut(table["posterior"], BINS, include_lowest=True, labels=False)
    names = pd.Categorical(table["prior"], table["prior"].unique())
    groups = table.assign(prior=names).groupby([bins.rename("bin"), "prior"], observed=True)
    found = groups.agg(variants=("causal", "size"), posterior=("posterior", "mean"), causal=("causal", "mean"))
    found["causal_se"] = np.sqrt(found["causal"] * (1 - found["causal"]) / found["variants"])
    return found.reset_index()


def draw_calibration(bins: pd.DataFrame, path: Path) -> None:
    """Share of causal variants against the posterior, a curve per prior."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(5, 4.5), layout="constrained")
    axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for number, (name, one) in enumerate(bins.groupby("prior", observed=True)):
        axis.errorbar(
            one["posterior"], one["causal"], 2 * one["causal_se"], marker="os^"[number], capsize=2, label=name
        )
    axis.set(xlabel="posterior (mean of the bin)", ylabel="share of causal variants (± 2 se)")
    axis.set(xlim=(0, 1), ylim=(0, 1))
    axis.legend(frameon=False, title="prior")
    figure.savefig(path, dpi=150)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for function, inputs, times in (
        (simulate, ("vcf", "truth"), 1),
        (finemap, ("gwas", "priors"), 0),
        (repeat, ("vcf", "truth", "priors"), 500),
    ):
        command = commands.add_parser(function.__name__, help=function.__doc__)
        for name in inputs:
            command.add_argument(name, type=Path)
        command.add_argument("--seed", type=int, default=1)
        if function is not simulate:
            command.add_argument("--figure", type=Path)
        if times:
            command.add_argument("--times", type=int, default=times)
        command.set_defaults(function=function)
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
