"""DNABERT (Ji et al. 2021, Bioinformatics 37:2112), the language model that others are compared with."""
