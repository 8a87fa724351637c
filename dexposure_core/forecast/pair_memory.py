"""What the window remembers of every pair it has seen: when, how often, how large, which way.

Two tables. `PairMemory` has a row per ordered pair; `Sizes` one per pair whose sizes are pooled: on the flow basis a
pair is one pair whichever way it went, because the size of a flow tells nothing about its direction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from dexposure_core.forecast.candidates import mirrored
from dexposure_core.forecast.record import Flags, Floats, Indices
from dexposure_core.forecast.window import Window, segments, summed

HALF_LIFE: Final = 4.0
FADES: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, math.inf)  # half-lives of a mean size; 0: the size last seen


@dataclass(frozen=True, kw_only=True, eq=False)
class PairMemory:
    """What the window says about every ordered pair it has seen; all arrays (K,), sorted by `key`.

    Attributes:
        key: creditor row × N + debtor row.
        last: lag at which the pair was last an exposure, 0 = now.
        first: lag at which the window first saw it.
        count: snapshots in which it was an exposure; `count4`, `count12`: of the last 4 and 12.
        spells: how many times it came to exist in the window, 1 when it was never interrupted.
        recent: (K, 3) whether it was an exposure at lag 1, 2 and 3.
        log_now: log1p USD at the origin, 0 when it is none now.
        log_last: log1p USD when last seen.
        log_mean: exponentially weighted mean (half-life 4 snapshots) of log1p USD while it existed.
        log_spread: standard deviation of log1p USD while it existed.
        log_step: log_last minus the value before it, 0 when seen once.
        usd: (K, 3) sum of USD over the last 4, 12 and all snapshots of the window.
    """

    key: Indices
    last: Indices
    first: Indices
    count: Indices
    count4: Indices
    count12: Indices
    spells: Indices
    recent: Floats
    log_now: Floats
    log_last: Floats
    log_mean: Floats
    log_spread: Floats
    log_step: Floats
    usd: Floats

    def find(self, key: Indices) -> tuple[Indices, Flags]:
        """Return, for each of `key` (C,), its position here (0 when absent) and whether it is present."""
        return _find(self.key, key)


def _find(table: Indices, key: Indices) -> tuple[Indices, Flags]:
    if not len(table):
        return np.zeros(len(key), dtype=np.int64), np.zeros(len(key), dtype=bool)
    at = np.minimum(np.searchsorted(table, key), len(table) - 1)
    found = table[at] == key
    return np.where(found, at, 0), found


def pair_memory(past: Window) -> PairMemory:
    """Summarise the window per ordered pair (sort by key then lag; every statistic is a segment reduction)."""
    order, start, inverse = past.segments
    lag, size = past.lag[order], past.log_usd[order]
    count = np.diff(np.append(start, len(order)))
    many = len(start)
    end = start + count - 1
    weight = _fading(HALF_LIFE, past.length)[lag]
    mean = summed(inverse, size, many) / np.maximum(count, 1)
    usd = np.expm1(size)
    return PairMemory(
        key=past.key[order][start], last=lag[start], first=lag[end], count=count,
        count4=_counts(inverse[lag < 4], many), count12=_counts(inverse[lag < 12], many),
        spells=1 + _counts(inverse[1:][(inverse[1:] == inverse[:-1]) & (np.diff(lag) > 1)], many),
        recent=np.stack([_counts(inverse[lag == k], many) for k in (1, 2, 3)], axis=1).astype(np.float64),
        log_now=np.where(lag[start] == 0, size[start], 0.0), log_last=size[start],
        log_mean=summed(inverse, weight * size, many) / summed(inverse, weight, many),
        log_spread=np.sqrt(summed(inverse, (size - mean[inverse]) ** 2, many) / np.maximum(count, 1)),
        log_step=size[start] - size[np.minimum(start + 1, end)],
        usd=np.stack([summed(inverse, usd * (lag < k), many) for k in (4, 12, past.length)], axis=1),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Sizes:
    """Mean log1p USD of every pair while it existed, fading with each of FADES: (K, len(FADES)), sorted by `key`."""

    key: Indices
    mean: Floats

    def of(self, key: Indices, otherwise: Floats) -> Floats:
        """Return (C, len(FADES)) the means of pooled keys `key`, or `otherwise` (C,) where a pair was never seen."""
        at, found = _find(self.key, key)
        if not len(self.key):
            return np.repeat(otherwise[:, None], len(FADES), axis=1)
        return np.where(found[:, None], self.mean[at], otherwise[:, None])


def sizes(past: Window) -> Sizes:
    """Return the fading means of the window; weights count from when a pair was last seen."""
    key = pooled(past.key, past)
    order, start, inverse = past.segments if key is past.key else segments(key)
    lag, size = past.lag[order], past.log_usd[order]
    since = lag - lag[start][inverse]
    columns = []
    for fade in FADES:
        weight = _fading(fade, past.length)[since]
        total = summed(inverse, weight, len(start))
        columns.append(summed(inverse, weight * size, len(start)) / np.maximum(total, 1e-12))
    return Sizes(key=key[order][start], mean=np.stack(columns, axis=1))


def pooled(key: Indices, past: Window) -> Indices:
    """Return the keys under which sizes are pooled: on the flow basis the smaller row first."""
    return np.minimum(key, mirrored(key, past.size)) if past.origin.basis == "flow" else key


def _fading(half_life: float, length: int) -> Floats:
    """Return (length,) the weight of each lag: halved every `half_life` snapshots; 0: only the first counts."""
    lags = np.arange(length)
    return (lags == 0).astype(np.float64) if half_life == 0 else 0.5 ** (lags / half_life)


def _counts(inverse: Indices, size: int) -> Indices:
    return np.bincount(inverse, minlength=size).astype(np.int64)
