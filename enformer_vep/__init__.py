"""Variant effect scores from Enformer: a VCF and a genome in, a table out."""

__version__ = "0.1.0"
