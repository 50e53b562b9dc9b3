"""Basenji2 (Kelley 2020, PLoS Computational Biology 16:e1008050), the model that Enformer is compared with."""
