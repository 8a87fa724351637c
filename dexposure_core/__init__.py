"""DeXposure Monitor: credit exposure between DeFi protocols, measured, stressed and forecast.

from dexposure_core import Snapshot, open_store
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dexposure_core.network.snapshot import Snapshot

if TYPE_CHECKING:
    from dexposure_core.store import Store

__all__ = ["Snapshot", "open_store"]
__version__ = "0.1.0"


def open_store(path: str | Path | None = None, vintage: str | None = None) -> Store:
    """Open a store read-only and thread-safe; None means the embedded dataset and its latest vintage."""
    from dexposure_core import store

    return store.open_store(path, vintage)
