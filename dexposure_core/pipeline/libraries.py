"""Compiled libraries loaded while an input is still being read: a build needs them, its reader does not."""

from __future__ import annotations

from threading import Thread


def load_ahead() -> None:
    """Begin to load what building weeks takes, in another thread; whoever imports it first waits for it."""
    Thread(target=_load, name="load", daemon=True).start()


def _load() -> None:
    import pyarrow.compute
    import pyarrow.parquet
    import scipy.sparse

    _ = pyarrow.compute, pyarrow.parquet, scipy.sparse
