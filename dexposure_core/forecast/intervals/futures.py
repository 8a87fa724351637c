"""Futures drawn jointly from a forecast: each takes the misses of one past date, all together.

A draw picks a past origin s and moves the forecast by what was missed then: the market's move of sizes and TVL,
each protocol's own move (its own of date s where it was there, else that of another protocol of the same date),
what is left per exposure, and the shift of the odds of existence. Without residuals, exposures are drawn one
by one at their forecast sizes (`networks.drawn_networks`): right for means, far too narrow for intervals.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np

from dexposure_core.forecast.intervals.residuals import QUANTILES, Residuals, classes
from dexposure_core.forecast.networks import network_of, open_pairs, present
from dexposure_core.forecast.record import Flags, Floats, Forecast, Indices
from dexposure_core.network import Snapshot

LARGEST_LOG_USD = 32.0


def drawn_futures(
    forecast: Forecast,
    origin: Snapshot,
    date: dt.date,
    residuals: Residuals,
    draws: int,
    *,
    seed: int = 0,
    allowed: Flags | None = None,
) -> Iterator[Snapshot]:
    """Yield `draws` networks at `date`.

    Args:
        forecast: what is expected.
        origin: the snapshot it was made from.
        date: the date to write on the networks.
        residuals: misses of the same basis and horizon.
        draws: how many.
        seed: decides everything drawn, with the origin and the horizon.
        allowed: (D,) bool, past dates that may be drawn; None: all.
    """
    rng = np.random.default_rng([seed, forecast.origin.toordinal(), forecast.horizon_weeks])
    dates = np.arange(len(residuals.origin)) if allowed is None else np.flatnonzero(allowed)
    forecast, place = open_pairs(forecast), _places(forecast, residuals)
    size_class = classes(forecast, origin)
    log_usd, log_tvl = np.log1p(forecast.exposure_usd), np.log1p(forecast.tvl_usd)
    with np.errstate(divide="ignore"):
        logit = np.log(forecast.probability) - np.log1p(-forecast.probability)
    for day in _in_turn(dates, draws, rng):
        creditor, debtor, tvl = _moves(residuals, int(day), place, rng)
        odds = logit + residuals.tilt[day][(size_class == size_class.max(initial=0)).astype(int)]
        keep = present(forecast, 1.0 / (1.0 + np.exp(-odds)), rng)
        moved = log_usd[keep] + residuals.market[day] + creditor[forecast.creditor[keep]]
        moved += debtor[forecast.debtor[keep]] + _rest(residuals.rest[day], size_class[keep], rng)
        later = np.where(log_tvl > 0, log_tvl + residuals.tvl_market[day] + tvl, 0.0)
        yield network_of(
            forecast, origin, date, keep,
            np.expm1(np.clip(moved, 1e-6, LARGEST_LOG_USD)), np.expm1(np.clip(later, 0.0, LARGEST_LOG_USD)),
        )  # fmt: skip


def _in_turn(dates: Indices, draws: int, rng: np.random.Generator) -> Indices:
    """Return `draws` dates, every one as often as any other (but one), in random order."""
    rounds = -(-draws // max(len(dates), 1))
    return np.concatenate([rng.permutation(dates) for _ in range(rounds)])[:draws]


def _places(forecast: Forecast, residuals: Residuals) -> Indices:
    """Return (N,) each protocol's column of the residuals, -1 where it has none."""
    column = {str(p): i for i, p in enumerate(residuals.protocols)}
    return np.array([column.get(str(p), -1) for p in forecast.protocols], dtype=np.int64)


def _moves(residuals: Residuals, day: int, place: Indices, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Return (N,) the moves of each protocol as creditor, as debtor and of its TVL, all of one past date."""
    table = np.stack([residuals.creditor[day], residuals.debtor[day], residuals.tvl[day]]).astype(np.float64)
    known = np.asarray(np.isfinite(table).any(axis=0))
    there = np.flatnonzero(known)
    if not len(there):
        return np.zeros(len(place)), np.zeros(len(place)), np.zeros(len(place))
    own = (place >= 0) & known[np.maximum(place, 0)]
    donor = np.where(own, place, there[rng.integers(0, len(there), len(place))])
    creditor, debtor, tvl = np.nan_to_num(table[:, donor])
    return creditor, debtor, tvl


def _rest(quantiles: Floats, size_class: Indices, rng: np.random.Generator) -> Floats:
    """Return (K,) what is left per exposure, drawn from the quantiles (CLASSES, Q) of its class."""
    at = rng.random(len(size_class)) * (len(QUANTILES) - 1)
    low = np.minimum(at.astype(np.int64), len(QUANTILES) - 2)
    below, above = quantiles[size_class, low], quantiles[size_class, low + 1]
    return np.asarray(below + (at - low) * (above - below))
