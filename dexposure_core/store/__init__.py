"""Vintages at rest: the only place that knows DuckDB, Parquet and folders.

with VintageWriter(folder) as writer: ...     # publish a vintage
store = open_store(folder)                    # read one
"""

from __future__ import annotations

from dexposure_core.store.inheritance import Inheritance, Shared
from dexposure_core.store.manifest import Manifest, Source
from dexposure_core.store.schema import TABLES, Column, Table
from dexposure_core.store.sealing import inputs_of, seal
from dexposure_core.store.store import Store, open_store
from dexposure_core.store.vintages import list_vintages
from dexposure_core.store.writer import VintageWriter

__all__ = [
    "TABLES", "Column", "Inheritance", "Manifest", "Shared", "Source", "Store", "Table", "VintageWriter",
    "inputs_of", "list_vintages", "open_store", "seal",
]  # fmt: skip
