"""Drift: sizes and TVL go on as they went lately, damped; existence as in the EWMA.

The recent step is the mean change of log1p USD per snapshot over the last k snapshots, of the pair (or protocol)
itself or of the market: the median over all that existed at both ends. Which, over how long and how much of it is
believed is tuned on the validation dates; no drift at all, persistence, is among the settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from dexposure_core.forecast.baselines.memory import listed, mean_size
from dexposure_core.forecast.baselines.tuning import Setting, Untrained
from dexposure_core.forecast.baselines.view import View
from dexposure_core.forecast.record import Floats, Indices
from dexposure_core.network import Basis

OWN: Final = 0.0
MARKET: Final = 1.0
SPANS: Final = (4.0, 12.0, 26.0)
DAMPING: Final = (0.25, 0.5, 1.0)
SETTINGS: Final[tuple[Setting, ...]] = ((OWN, 1.0, 0.0), *product((OWN, MARKET), SPANS, DAMPING))


@dataclass(frozen=True)
class DriftingSize(Untrained):
    """log1p USD when last seen + damping · horizon · recent step of a pair that exists now."""

    def settings(self, basis: Basis) -> tuple[Setting, ...]:  # noqa: ARG002
        """Return (own or market, span, damping)."""
        return SETTINGS

    def of(self, view: View, horizon: int, setting: Setting) -> Floats:
        """Return (C,) log1p USD."""
        kind, span, damping = setting
        last = mean_size(view, 0.0)
        if not damping:
            return last
        step: Floats = view.kept(("size step", span), lambda: _size_step(view, int(span)))
        if kind == MARKET:
            step = view.kept(("market size step", span), lambda: _market(view, int(span))) * np.ones(len(last))
        return np.asarray(last + damping * horizon * step)


@dataclass(frozen=True)
class DriftingTvl(Untrained):
    """log1p TVL now + damping · horizon · recent step."""

    def settings(self, basis: Basis) -> tuple[Setting, ...]:  # noqa: ARG002
        """Return (own or market, span, damping)."""
        return SETTINGS

    def of(self, view: View, horizon: int, setting: Setting) -> Floats:
        """Return (N,) log1p USD."""
        kind, span, damping = setting
        if not damping:
            return view.log_tvl
        step = _tvl_step(view, int(span))
        moved = step[np.isfinite(step)]
        market = float(np.median(moved)) if len(moved) else 0.0
        believed = np.nan_to_num(step) if kind == OWN else market
        return np.asarray(view.log_tvl + damping * horizon * believed)


def _size_step(view: View, span: int) -> Floats:
    """Return (C,) (size now − oldest size within `span` snapshots) per snapshot; 0 without two sizes or when gone."""
    series = view.sized
    within = series.lag <= span
    first = np.zeros(len(series.key), dtype=np.int64)
    np.maximum.at(first, series.entry[within], series.lag[within])
    ends = [_at(view, lag) for lag in (0, first)]
    step = np.divide(ends[0] - ends[1], first, out=np.zeros(len(first)), where=(series.last == 0) & (first > 0))
    return listed(view, step, 0.0)


def _at(view: View, lag: Indices | int) -> Floats:
    """Return (K,) mean log1p USD of each pair of `view.sized` at a lag (one for all, or one each); 0 when absent."""
    series = view.sized
    here = (series.lag == np.broadcast_to(lag, series.key.shape)[series.entry]).astype(np.float64)
    count = series.sums(here)
    return np.divide(series.sums(here, series.log_usd), count, out=np.zeros(len(count)), where=count > 0)


def _market(view: View, span: int) -> float:
    """Return the median step per snapshot of the pairs that exist now and did `span` snapshots ago; 0 when none did."""
    if view.past.length <= span:
        return 0.0
    series = view.sized
    now, before = (np.bincount(series.entry[series.lag == lag], minlength=len(series.key)) > 0 for lag in (0, span))
    both = now & before
    return float(np.median((_at(view, 0) - _at(view, span))[both])) / span if both.any() else 0.0


def _tvl_step(view: View, span: int) -> Floats:
    """Return (N,) change of log1p TVL per snapshot over `span`; NaN where there was none at either end."""
    log_tvl = view.past.log_tvl
    if len(log_tvl) <= span:
        return np.full(view.past.size, np.nan)
    fine = (log_tvl[0] > 0) & (log_tvl[span] > 0)
    return np.where(fine, (log_tvl[0] - log_tvl[span]) / span, np.nan)
