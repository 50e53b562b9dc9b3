"""Two tables of scores of the same variants: how far they agree, and where they do not."""
