"""Runs that are killed, cut into shards and spread over devices, and still end in the same bytes."""
