"""Intervals of scores by block bootstrap: whole runs of neighbouring origins are drawn, because they share weeks."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from dexposure_core.forecast.record import Floats, Indices

RESAMPLES: Final = 500
SHORTEST_BLOCK: Final = 4
INTERVAL: Final = (5.0, 95.0)


def resampled_origins(count: int, horizon: int, seed: int) -> Indices:
    """Return (1 + RESAMPLES, count) positions of origins: first all as they are, then circular blocks.

    A block is as long as the horizon (at least 4, at most `count`); the same arguments give the same origins, so that
    forecasters are compared on equal weeks.
    """
    block = min(count, max(SHORTEST_BLOCK, horizon))
    rng = np.random.default_rng([seed, count, block])
    starts = rng.integers(0, count, (RESAMPLES, math.ceil(count / block)))
    drawn = ((starts[:, :, None] + np.arange(block)) % count).reshape(RESAMPLES, -1)[:, :count]
    return np.vstack([np.arange(count), drawn])


def interval(values: Floats) -> tuple[float, float]:
    """Return the 90 % interval of resampled `values`; NaN when none is defined."""
    fine = values[np.isfinite(values)]
    if not len(fine):
        return math.nan, math.nan
    low, high = np.percentile(fine, INTERVAL)
    return float(low), float(high)
