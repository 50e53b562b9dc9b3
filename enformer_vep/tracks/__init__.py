"""The tables that say what each output track of a model measures."""
