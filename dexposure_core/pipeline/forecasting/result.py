"""A forecast with everything a reader needs to judge it: what the command line prints and the pages show."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from dexposure_core.forecast import Forecast
from dexposure_core.forecast.networks import LIKELY, expected_network, likely_network
from dexposure_core.network import Basis, Snapshot
from dexposure_core.pipeline.forecasting.drawn import Drawn
from dexposure_core.pipeline.forecasting.tables import exposure_table, protocol_table, watchlist


@dataclass(frozen=True, kw_only=True, eq=False)
class ForecastResult:
    """A forecast with everything a reader needs to judge it.

    Attributes:
        vintage, simulated, basis, origin, horizon_weeks, forecaster: what was forecast, and by what.
        target: date it is for; None when it lies beyond the data and the snapshots have no fixed step.
        model: sha256 of the weights, or the version of a baseline.
        trained_on: one sentence on the model's training data; empty for a baseline.
        in_sample: the model has seen this vintage's weeks after the origin in training: no test of its skill.
        forecast: probabilities, sizes and TVL.
        today, actual: the origin's network, and the target's where it is known.
        drawn: what its futures say of importance and sector cells, how many were drawn and how.
        measures: frame measure, today, forecast, low, high, source, actual (NaN = not defined or not known).
        stress: the same for `loss:<scenario>:<rule>`, share of system TVL.
        notes: what a reader must be told, in full sentences.
        cached: whether it came from the cache.
    """

    vintage: str
    simulated: bool
    basis: Basis
    origin: dt.date
    target: dt.date | None
    horizon_weeks: int
    forecaster: str
    model: str
    trained_on: str
    in_sample: bool
    forecast: Forecast
    drawn: Drawn
    today: Snapshot
    actual: Snapshot | None
    measures: pl.DataFrame
    stress: pl.DataFrame
    notes: tuple[str, ...]
    cached: bool

    def expected(self) -> Snapshot:
        """Return the expected network (probability × size): for sums of USD."""
        return expected_network(self.forecast, self.today, self.target or self.origin)

    def likely(self, threshold: float = LIKELY) -> Snapshot:
        """Return the exposures with at least that probability: for the eye, not for aggregates."""
        return likely_network(self.forecast, self.today, self.target or self.origin, threshold)

    @cached_property
    def exposures(self) -> pl.DataFrame:
        """Return every candidate pair that exists today or is expected to hold a cent or more.

        Columns: creditor, creditor_name, creditor_sector, debtor, debtor_name, debtor_sector, probability,
        exposure_usd (its typical size if it exists), summed_usd (the size if it exists that sums are made with),
        expected_usd (probability × summed_usd), today_usd (0 = none), change_usd (expected − today).
        """
        return exposure_table(self.forecast, self.today)

    def new(self, limit: int = 50, *, by_usd: bool = False) -> pl.DataFrame:
        """Return the exposures that do not exist today, the likeliest first, or those of which most is expected."""
        order = [*(["expected_usd"] if by_usd else []), "probability", "summed_usd", "creditor", "debtor"]
        found = self.exposures.filter(pl.col("today_usd") == 0)
        return found.sort(order, descending=[name not in ("creditor", "debtor") for name in order]).head(limit)

    def vanishing(self, limit: int = 50, *, by_usd: bool = False) -> pl.DataFrame:
        """Return today's exposures, those least likely to last first (the larger where equal), or those most at risk.

        At risk is today's USD times the probability that the exposure is gone.
        """
        found = self.exposures.filter(pl.col("today_usd") > 0)
        lead = -pl.col("today_usd") * (1 - pl.col("probability")) if by_usd else pl.col("probability")
        return found.sort(lead, "today_usd", "creditor", "debtor", descending=[False, True, False, False]).head(limit)

    def growing(self, limit: int = 50) -> pl.DataFrame:
        """Return today's exposures that are expected to grow, by expected growth in USD."""
        found = self.exposures.filter(pl.col("today_usd") > 0, pl.col("change_usd") > 0)
        return found.sort("change_usd", descending=True).head(limit)

    @cached_property
    def protocols(self) -> pl.DataFrame:
        """Return protocol, name, sector, today_usd, forecast_usd, low_usd, high_usd, change_usd, actual_usd (TVL).

        By absolute change; low and high are the 5 % and 95 % quantiles of the futures, NaN without joint ones.
        """
        return protocol_table(self.forecast, self.today, self.actual, self.drawn.importance)

    def watchlist(self, limit: int = 50) -> pl.DataFrame:
        """Return the protocols whose failure may cost their direct creditors more, largest expected rise first.

        Columns: see `tables.watchlist`.
        """
        return watchlist(self.drawn.importance, self.today).head(limit)

    def json(self) -> dict[str, Any]:
        """Return the result as one JSON document (NaN as null, dates as text)."""
        keys = (
            "vintage",
            "simulated",
            "basis",
            "horizon_weeks",
            "forecaster",
            "model",
            "trained_on",
            "in_sample",
            "cached",
        )
        return {
            **{key: getattr(self, key) for key in keys},
            "origin": str(self.origin),
            "target": None if self.target is None else str(self.target),
            "candidates": len(self.forecast.creditor),
            "expected_exposures": float(self.forecast.probability.sum()),
            "expected_usd": float(self.forecast.expected_usd().sum()),
            "draws": self.drawn.draws,
            "joint_draws": self.drawn.joint,
            "newcomers": dict(zip(("protocols", "exposures"), self.drawn.newcomers, strict=True)),
            "sources": dict(self.forecast.sources),
            "measures": _beside(self.measures),
            "stress": _beside(self.stress),
            "new": _rows(self.new()),
            "vanishing": _rows(self.vanishing()),
            "growing": _rows(self.growing()),
            "watchlist": _rows(self.watchlist()),
            "spillover": _rows(self.drawn.cells),
            "protocols": _rows(self.protocols.head(50)),
            "notes": list(self.notes),
        }


def _null(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _beside(frame: pl.DataFrame) -> dict[str, dict[str, Any]]:
    name, *columns = frame.columns
    return {row[name]: {c: _null(row[c]) for c in columns} for row in frame.to_dicts()}


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [{k: _null(v) for k, v in row.items()} for row in frame.to_dicts()]
