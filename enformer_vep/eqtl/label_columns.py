"""Which column of a label table is what."""

from enformer_vep.tables.column_roles import Aliases

# allele1, A1 and their like are not in it: in some tables they are the reference, in others the effect allele.
ALIASES: Aliases = {
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
