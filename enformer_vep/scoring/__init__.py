"""From variants and a model to scores: windows, batches, scores, runs."""
