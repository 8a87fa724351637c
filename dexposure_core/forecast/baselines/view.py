"""One origin as the baselines look at it: its window, the pairs they list, and what happened later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from dexposure_core.forecast.judging.outcomes import look_up, outcome
from dexposure_core.forecast.known.candidates import both_ways, candidates, mirror_at, mirrored
from dexposure_core.forecast.known.features import Features, features
from dexposure_core.forecast.known.pair_memory import PairMemory, pair_memory
from dexposure_core.forecast.known.window import Window, summed, window
from dexposure_core.forecast.record import Flags, Floats, Indices
from dexposure_core.network import Snapshot


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """The window's exposures grouped by pair: K pairs, M entries.

    Attributes:
        key: (K,) sorted; creditor row × N + debtor row, or for unordered pairs smaller × N + larger row.
        entry: (M,) position in `key` of every entry; `lag` (M,) and `log_usd` (M,) of it.
        length: L, snapshots of the window.
    """

    key: Indices
    entry: Indices
    lag: Indices
    log_usd: Floats
    length: int

    @staticmethod
    def of(past: Window, key: Indices) -> Series:
        """Return the window's entries grouped by `key` (M,)."""
        unique, entry = np.unique(key, return_inverse=True)
        return Series(key=unique, entry=entry, lag=past.lag, log_usd=past.log_usd, length=past.length)

    def sums(self, weight: Floats, values: Floats | None = None) -> Floats:
        """Return (K,) Σ weight, or Σ weight·values, over each pair's entries (both (M,))."""
        return summed(self.entry, weight if values is None else weight * values, len(self.key))

    @cached_property
    def last(self) -> Indices:
        """Return (K,) the lag at which each pair was last seen."""
        last = np.full(len(self.key), self.length, dtype=np.int64)
        np.minimum.at(last, self.entry, self.lag)
        return last

    def at(self, key: Indices) -> Indices:
        """Return (C,) the position of each of `key`, -1 where it was never seen."""
        if not len(self.key):
            return np.full(len(key), -1, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        return np.where(self.key[place] == key, place, -1)


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """What is known at an origin of N protocols about C listed pairs.

    Attributes:
        recent: the snapshots of the window, the origin last.
        past: the window.
        key: (C,) sorted keys, creditor row × N + debtor row; on the flow basis both directions of every pair.
    """

    recent: Sequence[Snapshot]
    past: Window
    key: Indices
    _kept: dict[object, Any] = field(default_factory=dict)

    @staticmethod
    def of(history: Sequence[Snapshot], *, everything: bool) -> View:
        """Return the view of the last of `history`: all candidates, or only pairs the window has seen."""
        past = window(history)
        key = candidates(past) if everything else past.seen
        return View(recent=history[-past.length :], past=past, key=both_ways(key, past))

    def kept(self, name: object, make: Callable[[], Any]) -> Any:
        """Return what `make` gives, computed once per `name`."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    @property
    def flow(self) -> bool:
        """Return whether only one direction of a pair can exist."""
        return self.past.origin.basis == "flow"

    @property
    def size(self) -> int:
        """Return N, at least 1, the factor of the keys."""
        return max(self.past.size, 1)

    @cached_property
    def memory(self) -> PairMemory:
        """Return the window's summary per ordered pair."""
        return pair_memory(self.past)

    @cached_property
    def features(self) -> Features:
        """Return the pair and protocol features of the listed pairs."""
        return features(self.past, self.key)

    @cached_property
    def directed(self) -> Series:
        """Return the window's exposures by ordered pair."""
        return Series.of(self.past, self.past.key)

    @cached_property
    def sized(self) -> Series:
        """Return the exposures that tell a pair's size: on the flow basis those in either direction."""
        return Series.of(self.past, unordered(self.past.key, self.size)) if self.flow else self.directed

    @cached_property
    def sized_at(self) -> Indices:
        """Return (C,) each listed pair's position in `sized`, -1 where it was never seen."""
        return self.sized.at(unordered(self.key, self.size) if self.flow else self.key)

    @cached_property
    def mirror(self) -> Indices:
        """Return (C,) each listed pair's position in `key` the other way round, -1 where it is not listed."""
        return mirror_at(self.key, self.size)

    @cached_property
    def typical(self) -> Floats:
        """Return (C,) mean log1p USD of each creditor's exposures now; the mean of all where it has none."""
        origin, n = self.past.origin, self.size
        log_usd = np.log1p(origin.exposure_usd)
        count = np.bincount(origin.creditor, minlength=n)
        fallback = float(log_usd.mean()) if len(log_usd) else 0.0
        mean = np.divide(summed(origin.creditor, log_usd, n), count, out=np.full(n, fallback), where=count > 0)
        return np.asarray(mean[self.key // n])

    @cached_property
    def log_tvl(self) -> Floats:
        """Return (N,) log1p TVL now."""
        return np.log1p(self.past.origin.tvl_usd)


def unordered(key: Indices, n: int) -> Indices:
    """Return each pair's key with the smaller row first."""
    return np.minimum(key, mirrored(key, n))


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """What happened to the listed pairs and the protocols of an origin.

    Attributes:
        exists: (C,) bool; `log_usd` (C,) log1p of the size where it exists.
        log_tvl: (N,) log1p TVL; `known` (N,) whether the protocol had TVL at both ends.
    """

    exists: Flags
    log_usd: Floats
    log_tvl: Floats
    known: Flags

    @staticmethod
    def of(view: View, target: Snapshot) -> Truth:
        """Return what `target` says about the pairs and protocols of `view`."""
        after = outcome(view.past.origin, target)
        exists, log_usd = look_up(view.key, after.key, after.log_usd)
        known = after.stays & (view.log_tvl > 0) & (after.log_tvl > 0)
        return Truth(exists=exists, log_usd=log_usd, log_tvl=after.log_tvl, known=known)


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """An origin to learn from: its view and, per horizon in steps, what happened."""

    view: View
    truth: dict[int, Truth]
