"""The engine that carries (reference, change) through Basenji2."""
