"""Compiled libraries loaded in another thread while an input is still being read: what comes later needs them."""

from __future__ import annotations

from importlib import import_module
from threading import Thread
from typing import Final

BUILDING: Final = ("pyarrow.parquet", "pyarrow.compute", "scipy.sparse")
FORECASTING: Final = ("dexposure_core.forecast.scoring",)  # torch with it


def load_ahead(modules: tuple[str, ...]) -> None:
    """Begin to load modules; whoever imports one before it is loaded waits for it."""
    Thread(target=lambda: [import_module(name) for name in modules], name="load", daemon=True).start()
