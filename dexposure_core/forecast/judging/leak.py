"""The leak test: what comes after the origin may change no forecast.

A forecaster is made twice, once from a history that ends at the origin and once from one whose later snapshots are
made up. The second one is first asked for later origins, so that whatever it may keep in memory is spoilt. From the
origin both must then say the same, bit by bit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dexposure_core.forecast.record import AMOUNTS, Forecast, Forecaster
from dexposure_core.network import Snapshot

Make = Callable[[Sequence[Snapshot]], Forecaster]
ARRAYS: Final = ("protocols", "creditor", "debtor", *AMOUNTS)
LATER: Final = 3  # origins asked for beforehand


@dataclass(frozen=True, kw_only=True)
class Leak:
    """Whether a forecaster passed, and if not which part of which forecast changed."""

    forecaster: str
    basis: str
    origin: dt.date
    passed: bool
    changed: str


def leak_test(make: Make, history: Sequence[Snapshot], origin: dt.date, horizons: Sequence[int], seed: int = 0) -> Leak:
    """Return whether forecasts from `origin` change with what comes after it.

    Args:
        make: returns the forecaster (fitted, where it must be) from everything the evaluator holds; like the
            evaluator it has to cut the future off itself.
        history: snapshots of one basis in date order, some of them after `origin`.
        origin: date of a snapshot.
        horizons: steps ahead.
        seed: decides the made-up future.
    """
    past = [s for s in history if s.date <= origin]
    altered = [*past, *(made_up(s, seed) for s in history[len(past) :])]
    honest, tried = make(past), make(altered)
    before = honest.predict_all(past, horizons)
    for end in range(min(len(altered), len(past) + LATER), len(past), -1):
        tried.predict_all(altered[:end], horizons)
    after = tried.predict_all(altered[: len(past)], horizons)
    changed = _changed(before, after)
    return Leak(forecaster=honest.name, basis=past[-1].basis, origin=origin, passed=not changed, changed=changed)


def made_up(snapshot: Snapshot, seed: int = 0) -> Snapshot:
    """Return the same date and protocols with every exposure redirected and every amount drawn anew."""
    n, count = len(snapshot.protocols), len(snapshot.exposure_usd)
    rng = np.random.default_rng([seed, snapshot.date.toordinal()])
    order = rng.permutation(n)
    return Snapshot(
        date=snapshot.date, basis=snapshot.basis, protocols=snapshot.protocols, names=snapshot.names,
        sectors=snapshot.sectors, categories=snapshot.categories, creditor=order[snapshot.creditor],
        debtor=order[snapshot.debtor], exposure_usd=rng.lognormal(12.0, 3.0, count),
        tvl_usd=rng.lognormal(15.0, 3.0, n),
    )  # fmt: skip


def _changed(before: dict[int, Forecast], after: dict[int, Forecast]) -> str:
    if sorted(before) != sorted(after):
        return f"horizons {sorted(before)} became {sorted(after)}"
    for h, forecast in before.items():
        for name in ARRAYS:
            if not np.array_equal(getattr(forecast, name), getattr(after[h], name)):
                return f"{name} at {h} steps"
    return ""
