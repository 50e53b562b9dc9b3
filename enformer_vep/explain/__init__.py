"""Why a model predicts what it predicts: gradients, attention, mutagenesis, elements and boundaries."""
