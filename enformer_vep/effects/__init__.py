"""Engines that turn reference and alternate windows into (reference prediction, delta)."""
