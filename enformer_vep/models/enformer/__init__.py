"""Enformer: its configuration, network, weight layouts and fast engine."""
