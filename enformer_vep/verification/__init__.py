"""Whether a model gives, here, the numbers that it should."""
