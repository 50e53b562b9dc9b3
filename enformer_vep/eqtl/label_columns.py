"""Which column of a label table is what."""

from collections.abc import Mapping, Sequence

from enformer_vep.errors import InputError, UsageError

# Of several names that fit, the one that stands first here is taken. allele1, A1 and their like are not in it: in
# some tables they are the reference, in others the effect allele.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "contig": ("#chrom", "chrom", "chr", "chromosome", "contig"),
    "position": ("pos", "position", "bp"),
    "reference": ("ref", "reference", "ref_allele"),
    "alternate": ("alt", "alternate", "alt_allele"),
    "variant": ("variant_hg38", "variant_id", "variant"),
    "id": ("id", "rsid", "rs_id", "snp"),
    "tissue": ("tissue", "tissue_name", "cell_type", "context"),
    "label": ("label", "causal", "is_causal"),
    "pip": ("pip", "variant_pip", "susie_pip", "posterior"),
    "gene": ("gene_id", "ensembl_id", "ensembl_gene_id", "phenotype_id", "molecular_trait_id", "gene"),
    "distance": ("tss_distance", "distance_to_tss", "tss_dist", "dist_to_tss"),
    "effect": ("effect", "slope", "beta", "effect_size", "beta_posterior", "beta_marginal", "sign", "direction"),
    "frequency": ("maf", "minor_allele_frequency", "af", "allele_frequency", "alt_af", "freq"),
    "group": ("group", "locus", "credible_set", "cs_id", "cs", "region"),
}  # fmt: skip

COORDINATES = ("contig", "position", "reference", "alternate")

# A credible set's number often starts anew in every gene.
PER_GENE_GROUPS = frozenset({"credible_set", "cs_id", "cs"})
NUMBERED_SET = r"[A-Za-z]{0,2}\d{1,3}"


def find_columns(
    header: Sequence[str], chosen: Sequence[tuple[str, str]] = (), *, source: str = "labels"
) -> dict[str, str]:
    """Finds the column of every role; pairs of (role, column name) that were chosen override the aliases.

    Returns:
        Role to column name as written; roles without a column are absent.

    Raises:
        UsageError: An unknown role was chosen.
        InputError: A chosen column is not there, or two columns have the same name.
    """
    written = {name.casefold(): name for name in header}
    if len(written) < len(header):
        twice = next(name for name in written if sum(other.casefold() == name for other in header) > 1)
        raise InputError(f"{source}: two columns are called {twice} (upper or lower case); rename one")
    found = {
        role: next(written[alias] for alias in aliases if alias in written)
        for role, aliases in ALIASES.items()
        if any(alias in written for alias in aliases)
    }
    return found | {role: _chosen_column(role, name, written, source) for role, name in chosen}


def parse_column(text: str) -> tuple[str, str]:
    """Reads "pip=PIP_SUSIE".

    Raises:
        UsageError: It is not ROLE=NAME.
    """
    role, separator, name = text.partition("=")
    if not separator or not name:
        raise UsageError(f"cannot read --column {text}: write ROLE=NAME, such as pip=PIP_SUSIE")
    return role.strip().casefold(), name.strip()


def _chosen_column(role: str, name: str, written: Mapping[str, str], source: str) -> str:
    if role not in ALIASES:
        raise UsageError(f"--column {role}={name}: no such role; choose from {', '.join(ALIASES)}")
    if name.casefold() not in written:
        raise InputError(f"{source} has no column {name}; name one of {', '.join(written.values())}")
    return written[name.casefold()]
