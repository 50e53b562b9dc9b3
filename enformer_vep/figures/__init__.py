"""Pictures of arrays (matplotlib, extra `plots`): functions from arrays to a figure; nothing here reads data."""
