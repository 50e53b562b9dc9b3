"""The engine that carries (reference, change) through Enformer."""
