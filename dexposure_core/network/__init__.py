"""Snapshots of the exposure network, and how they are made from holdings."""

from dexposure_core.network.snapshot import BASES, UNKNOWN_SECTOR, Basis, Snapshot

__all__ = ["BASES", "UNKNOWN_SECTOR", "Basis", "Snapshot"]
