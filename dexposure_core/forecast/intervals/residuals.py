"""How past forecasts missed, kept date by date, so that futures can be drawn that miss together.

Exposures move with the market, with the token of their debtor and with the book of their creditor. At a past
origin s the miss of an exposure that came to exist, log1p USD true minus forecast, is split into

    miss = market_s + debtor_s[q] + creditor_s[p] + rest

and the miss of log1p TVL into market and protocol. Existence has no size to miss: `tilt` is the shift of all
log odds that would have made the expected number of exposures the true one. Drawing ONE past date and taking
all its parts together (a cross-sectional block bootstrap) keeps whatever moved together then; drawing each
exposure on its own would not, and its intervals for sums are far too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dexposure_core.forecast.judging.outcomes import Outcome, look_up, outcome
from dexposure_core.forecast.known.window import summed
from dexposure_core.forecast.record import Floats, Forecast, Indices, Texts
from dexposure_core.network import Snapshot

QUANTILES: Final = np.linspace(0.0, 1.0, 41)
CLASSES: Final = 4  # exposures of the origin: the smaller half, the next 40 %, the largest tenth; then all others
CUTS: Final = (0.5, 0.9)
PROTOCOLS: Final = 1000  # protocols kept by name, the largest first; the rest borrow from them
LARGEST_TILT: Final = 2.0
LARGEST_MISS: Final = 6.0  # log units: a factor of 400

Halves = npt.NDArray[np.float16]


@dataclass(frozen=True, kw_only=True, eq=False)
class Miss:
    """What one forecast missed; see the module's text. N protocols.

    Attributes:
        origin: ordinal of the origin's date.
        market, tvl_market: median miss of sizes and of TVL.
        tilt: (2,) shift of log odds: exposures of the origin, all other pairs.
        rest: (CLASSES, Q) quantiles of what is left of sizes, by class.
        protocols: (N,) ids; creditor, debtor, tvl: (N,) their parts, NaN where there is nothing to see.
        size: (N,) log1p TVL at the origin, to choose whom to keep.
    """

    origin: int
    market: float
    tvl_market: float
    tilt: Floats
    rest: Floats
    protocols: Texts
    creditor: Floats
    debtor: Floats
    tvl: Floats
    size: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Residuals:
    """The misses of D past origins of one basis and horizon, as arrays that are shipped with a model.

    Attributes:
        origin: (D,) ordinals of dates.
        market, tvl_market: (D,).
        tilt: (D, 2).
        rest: (D, CLASSES, Q).
        protocols: (V,) ids.
        creditor, debtor, tvl: (D, V), NaN where unknown.
    """

    origin: Indices
    market: Floats
    tvl_market: Floats
    tilt: Floats
    rest: Floats
    protocols: Texts
    creditor: Halves
    debtor: Halves
    tvl: Halves


def miss(forecast: Forecast, origin: Snapshot, target: Snapshot) -> Miss:
    """Return how `forecast`, made at `origin`, missed `target`."""
    n = max(len(origin.protocols), 1)
    after = outcome(origin, target)
    key = forecast.creditor * n + forecast.debtor
    exists, log_usd = look_up(key, after.key, after.log_usd)
    gone = log_usd - np.log1p(forecast.exposure_usd)
    size_class = classes(forecast, origin)
    left = np.clip(gone[exists], -LARGEST_MISS, LARGEST_MISS)
    now = size_class[exists] < CLASSES - 1
    market = float(np.median(left[now])) if now.any() else 0.0
    left = left - market
    debtor = _effect(forecast.debtor[exists], left, n)
    left = left - np.nan_to_num(debtor)[forecast.debtor[exists]]
    creditor = _effect(forecast.creditor[exists], left, n)
    left = left - np.nan_to_num(creditor)[forecast.creditor[exists]]
    tvl, tvl_market = _tvl_miss(forecast, after, origin)
    return Miss(
        origin=origin.date.toordinal(), market=market, tvl_market=tvl_market,
        tilt=np.array([tilt(forecast.probability[part], int(exists[part].sum())) for part in _parts(size_class)]),
        rest=np.stack([_spread(left[size_class[exists] == k]) for k in range(CLASSES)]),
        protocols=origin.protocols, creditor=creditor, debtor=debtor, tvl=tvl, size=np.log1p(origin.tvl_usd),
    )  # fmt: skip


def classes(forecast: Forecast, origin: Snapshot) -> Indices:
    """Return (C,) the size class of each candidate: exposures of the origin by forecast size, then all others."""
    n = max(len(origin.protocols), 1)
    now = np.sort(origin.creditor * n + origin.debtor)
    here = look_up(forecast.creditor * n + forecast.debtor, now, np.ones(len(now)))[0]
    result = np.full(len(here), CLASSES - 1, dtype=np.int64)
    if here.any():
        size = forecast.exposure_usd[here]
        result[here] = np.digitize(size, np.quantile(size, CUTS))
    return result


def tilt(probability: Floats, count: int) -> float:
    """Return the shift of log odds that makes Σ p equal `count` (bisection), bounded; 0 where nothing can shift."""
    open_ = probability[(probability > 0) & (probability < 1)]
    wanted = count - float((probability == 1).sum())
    if not len(open_):
        return 0.0
    logit = np.log(open_ / (1 - open_))
    low, high = -LARGEST_TILT, LARGEST_TILT
    for _ in range(30):
        middle = (low + high) / 2
        if float((1 / (1 + np.exp(-logit - middle))).sum()) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def residuals(misses: Sequence[Miss], keep: int = PROTOCOLS) -> Residuals:
    """Join misses of one basis and horizon; protocols beyond the `keep` largest (by mean log TVL) are not named."""
    names, where = np.unique(np.concatenate([m.protocols for m in misses]).astype(str), return_inverse=True)
    size = summed(where, np.concatenate([m.size for m in misses]), len(names))
    kept = np.sort(np.lexsort((names, -size))[:keep])
    place = np.full(len(names), -1)
    place[kept] = np.arange(len(kept))
    table = np.full((3, len(misses), len(kept)), np.nan, dtype=np.float16)
    start = 0
    for row, m in enumerate(misses):
        at = place[where[start : start + len(m.protocols)]]
        start += len(m.protocols)
        known = at >= 0
        for part, values in enumerate((m.creditor, m.debtor, m.tvl)):
            table[part, row, at[known]] = values[known]
    return Residuals(
        origin=np.array([m.origin for m in misses]), market=np.array([m.market for m in misses]),
        tvl_market=np.array([m.tvl_market for m in misses]), tilt=np.stack([m.tilt for m in misses]),
        rest=np.stack([m.rest for m in misses]), protocols=names[kept].astype(object),
        creditor=table[0], debtor=table[1], tvl=table[2],
    )  # fmt: skip


def _parts(size_class: Indices) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    return size_class < CLASSES - 1, size_class == CLASSES - 1


def _effect(rows: Indices, values: Floats, n: int) -> Floats:
    """Return (n,) the mean by row, leaning on 0 by one pseudo-exposure; NaN for a row without any."""
    count = np.bincount(rows, minlength=n)
    return np.where(count > 0, summed(rows, values, n) / (count + 1.0), np.nan)


def _tvl_miss(forecast: Forecast, after: Outcome, origin: Snapshot) -> tuple[Floats, float]:
    known = after.stays & (origin.tvl_usd > 0) & (after.log_tvl > 0)
    left = np.clip(after.log_tvl - np.log1p(forecast.tvl_usd), -LARGEST_MISS, LARGEST_MISS)
    market = float(np.median(left[known])) if known.any() else 0.0
    return np.where(known, left - market, np.nan), market


def _spread(values: Floats) -> Floats:
    return np.quantile(values, QUANTILES) if len(values) else np.zeros(len(QUANTILES))
