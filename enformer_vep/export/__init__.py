"""Scored tables for the tools that come after: files for fine-mapping, enrichment and annotation."""
