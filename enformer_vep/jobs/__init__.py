"""Shards, manifests, merging, worker processes, planning."""
