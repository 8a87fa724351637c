"""The store as its readers see it: open a vintage, ask it."""

from __future__ import annotations

from pathlib import Path

from dexposure_core.store import manifest as manifests
from dexposure_core.store.series import Series
from dexposure_core.store.vintages import check_files, locate


class Store(Series):
    """One vintage, read-only and safe to share between threads; made by `open_store`."""


def open_store(path: str | Path | None = None, vintage: str | None = None) -> Store:
    """Open a vintage of the store at `path` (None: the embedded dataset), the latest when none is named.

    Raises:
        NoVintage: the store holds no vintage.
        UnknownVintage: it holds no vintage of that id; names the closest.
        CorruptVintage: files are missing or not of the size that was published.
    """
    folder = locate(path, vintage)
    manifest = manifests.read(folder)
    check_files(folder, manifest)
    return Store(folder, manifest)
