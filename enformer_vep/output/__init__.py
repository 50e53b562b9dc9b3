"""Writing scored variants: one file per format, one protocol."""
