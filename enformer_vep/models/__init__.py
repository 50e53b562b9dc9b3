"""Networks by family, and the files that their weights come in."""
