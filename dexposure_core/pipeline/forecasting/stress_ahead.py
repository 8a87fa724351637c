"""A stress test of forecast networks: what a shock would cost some weeks ahead, with how sure that is."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from dexposure_core.errors import BadOption
from dexposure_core.network import Basis, Snapshot
from dexposure_core.network.snapshot import Floats
from dexposure_core.pipeline.forecasting.forecast import forecast, futures_of
from dexposure_core.pipeline.forecasting.result import ForecastResult
from dexposure_core.pipeline.stress.result import StressResult
from dexposure_core.pipeline.stress.shocks import Breaks, Struck
from dexposure_core.pipeline.stress.stored import run_on, struck_by
from dexposure_core.pipeline.stress.terms import Terms
from dexposure_core.progress import Progress, silent
from dexposure_core.store import Store
from dexposure_core.stress import Shock

TOLD: Final = 20  # fewer draws say nothing about a 5 % quantile
ASSUMED: Final = "what a holder loses on tokens and chains moves with its TVL: holdings themselves are not forecast"


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """What a shock costs today, on the expected network and on each drawn one.

    Attributes:
        forecast: what was forecast.
        today, expected: outcomes on the two networks.
        loss_usd: (M,) total loss in each drawn future.
        loss_fraction: (M,) the same as a share of that future's TVL (NaN: it has none).
        assumptions: what a reader must know beside those of the outcomes.
    """

    forecast: ForecastResult
    today: StressResult
    expected: StressResult
    loss_usd: Floats
    loss_fraction: Floats
    assumptions: tuple[str, ...]

    def interval(self, values: Floats) -> tuple[float, float, float]:
        """Return mean, 5 % and 95 % quantile over the draws; NaN for quantiles of few draws or independent ones."""
        known = values[np.isfinite(values)]
        mean = float(known.mean()) if known.size else math.nan
        if known.size < TOLD or not self.forecast.drawn.joint:
            return mean, math.nan, math.nan
        low, high = np.quantile(known, (0.05, 0.95))
        return mean, float(low), float(high)

    def table(self) -> pl.DataFrame:
        """Return network (today, expected, drawn futures), loss_usd, low_usd, high_usd, loss_fraction, low, high."""
        nan = math.nan
        rows = [
            (name, c.total_loss_usd, nan, nan, c.loss_fraction, nan, nan)
            for name, c in (("today", self.today.contagion), ("expected", self.expected.contagion))
        ]
        drawn = (*self.interval(self.loss_usd), *self.interval(self.loss_fraction))
        columns = ("network", "loss_usd", "low_usd", "high_usd", "loss_fraction", "low", "high")
        return pl.DataFrame([*rows, ("drawn futures", *drawn)], schema=list(columns), orient="row")

    def json(self) -> dict[str, Any]:
        """Return the outcome ready for `json.dumps` (NaN as null)."""
        f = self.forecast
        return {
            "vintage": f.vintage, "simulated": f.simulated, "basis": f.basis, "origin": str(f.origin),
            "target": None if f.target is None else str(f.target), "horizon_weeks": f.horizon_weeks,
            "forecaster": f.forecaster, "draws": len(self.loss_usd), "joint_draws": f.drawn.joint,
            "rule": self.today.contagion.rule, "networks": self.table().fill_nan(None).to_dicts(),
            "assumptions": list(self.assumptions), "notes": list(f.notes),
        }  # fmt: skip


def stress_ahead(
    store: Store, origin: dt.date, basis: Basis, what: str | Breaks, terms: Terms, horizon: int = 4,
    forecaster: str = "dexposure", *, lenient: bool = False, progress: Progress = silent,
) -> Ahead:  # fmt: skip
    """Run a shock on today's network, on the expected one and on every drawn one.

    Args:
        store: a vintage.
        origin: the date to forecast from.
        basis: holdings or flow.
        what: name of a standard scenario (then those hit are chosen in each network anew), or what breaks.
        terms: how losses travel; kinds of tokens are not known of a forecast.
        horizon: snapshots ahead.
        forecaster: which one.
        lenient: leave out what the data do not know (past events).
        progress: told of the draws.

    Raises:
        UnknownName, BadOption, NoModel: as `pipeline.stress.stored` and `pipeline.forecasting.forecast`.
    """
    if terms.kinds:
        raise BadOption("Kinds of tokens are not known of a forecast network; leave them out to look ahead")
    ahead = forecast(store, origin, basis, horizon, forecaster)
    struck = struck_by(store, ahead.today, what, lenient=lenient)

    def outcome(network: Snapshot) -> StressResult:
        here = struck_by(store, network, what) if isinstance(what, str) else _moved(struck, ahead.today, network)
        return run_on(store, network, here, terms, what if isinstance(what, str) else None)

    losses = []
    for done, network in enumerate(futures_of(store, ahead), start=1):
        c = outcome(network).contagion
        losses.append((c.total_loss_usd, c.loss_fraction))
        progress(done, ahead.drawn.draws, "futures")
    usd, share = np.array(losses, dtype=np.float64).reshape(-1, 2).T
    return Ahead(
        forecast=ahead, today=run_on(store, ahead.today, struck, terms, what if isinstance(what, str) else None),
        expected=outcome(ahead.expected()), loss_usd=usd, loss_fraction=share,
        assumptions=(ASSUMED,) if struck.shock.losses_usd else (),
    )  # fmt: skip


def _moved(struck: Struck, today: Snapshot, network: Snapshot) -> Struck:
    """Return the shock on another network, on what is there of it: losses in USD move with the holder's TVL."""
    there = {str(p): float(usd) for p, usd in zip(network.protocols, network.tvl_usd, strict=True)}
    losses = {}
    for protocol, usd in struck.shock.losses_usd.items():
        was = float(today.tvl_usd[today.row(protocol)])
        if protocol in there:
            losses[protocol] = usd * there[protocol] / was if was > 0 else usd
    fractions = {protocol: share for protocol, share in struck.shock.fractions.items() if protocol in there}
    return Struck(
        shock=Shock(fractions=fractions, losses_usd=losses), protocols=fractions, tokens=struck.tokens,
        chains=struck.chains, notes=struck.notes,
    )  # fmt: skip
