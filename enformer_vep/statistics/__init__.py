"""Figures of a ranking, and how sure they are: functions on arrays."""
