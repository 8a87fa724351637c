"""Amounts added up by row: the one group-by that measures need."""

from __future__ import annotations

import numpy as np

from dexposure_core.network.snapshot import Floats, Indices


def totals(rows: Indices, amounts: Floats, count: int) -> Floats:
    """Return (count,) the sum of (E,) amounts over equal (E,) rows; 0 for rows that do not occur."""
    sums: Floats = np.bincount(rows, weights=amounts, minlength=count).astype(np.float64)
    return sums
