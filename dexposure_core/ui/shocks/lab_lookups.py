"""What the stress lab looks up: many shocks at once, kept between runs (see `keeping`)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import polars as pl

from dexposure_core.errors import BadOption
from dexposure_core.pipeline import views
from dexposure_core.pipeline.stress import failure_history as failure_past
from dexposure_core.pipeline.stress import many as stress_many
from dexposure_core.ui import lookups
from dexposure_core.ui.keeping import kept as _kept
from dexposure_core.ui.resources import store
from dexposure_core.ui.view import base_of

if TYPE_CHECKING:
    from dexposure_core.network.snapshot import Basis
    from dexposure_core.pipeline.forecasting import stress_ahead
    from dexposure_core.pipeline.stress.terms import Terms
    from dexposure_core.stress.reverse import Reverse


@_kept(16, "Letting each protocol fail in turn …")
def failures(vintage: str, date: dt.date, basis: Basis, terms: Terms) -> pl.DataFrame:
    """Return what the failure of each protocol alone does (see `stress.many.failures`)."""
    return stress_many.failures(store(vintage), date, basis, terms)


@_kept(8, "Letting each protocol fail in turn, snapshot after snapshot …")
def failure_history(vintage: str, date: dt.date, basis: Basis, terms: Terms) -> pl.DataFrame:
    """Return that ranking over the year before (see `failure_history`)."""
    return failure_past.failure_history(store(vintage), date, basis, terms)


@_kept(16, "Forecasting, and shocking every drawn future …")
def shock_ahead(
    vintage: str, date: dt.date, basis: Basis, shock: views.Shocked, terms: Terms, horizon: int
) -> stress_ahead.Ahead:
    """Return what a shock costs some weeks ahead (see `stress_ahead`)."""
    from dexposure_core.pipeline.forecasting import stress_ahead

    if vintage != base_of(vintage):
        raise BadOption("Forecasts are made of the whole system only; choose all chains to see them")
    lookups.forecast(vintage, date, basis, horizon, "dexposure")  # kept from here on, so it is not made in this process
    return stress_ahead.stress_ahead(
        store(vintage), date, basis, shock.what(), terms, horizon, lenient=shock.kind == "event"
    )  # fmt: skip


@_kept(16, "Drawing shocks …")
def drawn(
    vintage: str, date: dt.date, basis: Basis, terms: Terms, horizon: int, draws: int, confidence: float
) -> stress_many.Drawn:
    """Return the distribution of losses over drawn shocks (see `stress.many.drawn`)."""
    return stress_many.drawn(store(vintage), date, basis, terms, horizon=horizon, draws=draws, confidence=confidence)


@_kept(32, "Looking for the smallest shock …")
def smallest(vintage: str, date: dt.date, basis: Basis, terms: Terms, share: float, over: stress_many.Over) -> Reverse:
    """Return the cheapest shock that costs the system a share of its TVL (see `stress.many.smallest`)."""
    return stress_many.smallest(store(vintage), date, basis, terms, loss_share=share, over=over)
