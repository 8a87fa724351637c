"""What the window remembers of every pair it has seen: when, how often, how large, which way.

Two tables. `PairMemory` has a row per ordered pair; `Sizes` one per pair whose sizes are pooled: on the flow basis a
pair is one pair whichever way it went, because the size of a flow tells nothing about its direction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from dexposure_core.forecast.known.candidates import mirrored
from dexposure_core.forecast.known.window import Window, segments
from dexposure_core.forecast.record import Flags, Floats, Indices

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
    pairs = past.segments
    order, start, number = pairs
    lag, size = past.lag[order].astype(np.int32), past.log_usd[order]
    count = np.diff(np.append(start, len(order)))
    end = start + count - 1
    lags = np.arange(past.length)
    fading = _fading(HALF_LIFE, past.length)
    spans = np.stack([lags < k for k in (4, 12, past.length)], axis=1).astype(np.float64)
    every = np.ones(len(order))
    there = pairs.sums(every, lag, np.column_stack([spans[:, :2], *(lags == k for k in (1, 2, 3)), fading]))
    mean, faded = pairs.sums(size, lag, np.column_stack([spans[:, 2], fading])).T
    mean = mean / np.maximum(count, 1)
    gap = np.diff(lag, prepend=lag[:1]) > 1  # within a pair lags ascend; from pair to pair they do not count
    gap[start] = False
    return PairMemory(
        key=past.key[order][start], last=lag[start].astype(np.int64), first=lag[end].astype(np.int64), count=count,
        count4=there[:, 0].astype(np.int64), count12=there[:, 1].astype(np.int64),
        spells=1 + pairs.sums(gap.astype(np.float64), lag, spans[:, 2:])[:, 0].astype(np.int64),
        recent=np.ascontiguousarray(there[:, 2:5]),
        log_now=np.where(lag[start] == 0, size[start], 0.0), log_last=size[start], log_mean=faded / there[:, 5],
        log_spread=np.sqrt(pairs.sums((size - mean[number]) ** 2, lag, spans[:, 2:])[:, 0] / np.maximum(count, 1)),
        log_step=size[start] - size[np.minimum(start + 1, end)],
        usd=pairs.sums(np.expm1(size), lag, spans),
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
    pairs = past.segments if key is past.key else segments(key)
    order, start, number = pairs
    lag, size = past.lag[order].astype(np.int32), past.log_usd[order]
    since = lag - lag[start][number]
    by = np.column_stack([_fading(fade, past.length) for fade in FADES])
    total = np.maximum(pairs.sums(np.ones(len(order)), since, by), 1e-12)
    return Sizes(key=key[order][start], mean=pairs.sums(size, since, by) / total)


def pooled(key: Indices, past: Window) -> Indices:
    """Return the keys under which sizes are pooled: on the flow basis the smaller row first."""
    return np.minimum(key, mirrored(key, past.size)) if past.origin.basis == "flow" else key


def _fading(half_life: float, length: int) -> Floats:
    """Return (length,) the weight of each lag: halved every `half_life` snapshots; 0: only the first counts."""
    lags = np.arange(length)
    return (lags == 0).astype(np.float64) if half_life == 0 else 0.5 ** (lags / half_life)
