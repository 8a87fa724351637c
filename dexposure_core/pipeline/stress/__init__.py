"""Stress tests of stored snapshots: what breaks, by which terms, and what follows; one or many at once."""
