"""Forecast, then measure: the network some steps ahead, with the same measures and stress tests as today's.

Every forecast number stands beside today's (what persistence would say) and, where the target date is already in
the data, beside what happened. Measures and losses are means over 16 drawn networks, not readings of one cut graph.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from dexposure_core import settings
from dexposure_core.errors import BadOption
from dexposure_core.forecast import Dexposure, Forecast, Forecaster, find_forecaster
from dexposure_core.forecast.model import describe
from dexposure_core.forecast.networks import LIKELY, drawn_networks, expected_network, likely_network
from dexposure_core.forecast.window import MEMORY
from dexposure_core.measures import measure_all
from dexposure_core.network import Basis, Snapshot
from dexposure_core.pipeline import forecast_cache
from dexposure_core.pipeline.forecast_cache import Kept, Key
from dexposure_core.pipeline.forecast_tables import exposure_table, protocol_table
from dexposure_core.store import Store
from dexposure_core.stress import standard_losses

DRAWS: Final = 16
LARGE: Final = 20_000  # exposures today from which fewer draws do: over 74,000 of them, 4 and 16 draws differ by 0.3 %
LARGE_DRAWS: Final = 4
STEP: Final = {"day": 1, "week": 7}


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
        measures: frame measure, today, forecast, actual (NaN = not defined or not known).
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
        exposure_usd (if it exists), expected_usd, today_usd (0 = none), change_usd (expected − today).
        """
        return exposure_table(self.forecast, self.today)

    def new(self, limit: int = 50) -> pl.DataFrame:
        """Return the likeliest exposures that do not exist today, likeliest first."""
        order = ["probability", "exposure_usd", "creditor", "debtor"]
        found = self.exposures.filter(pl.col("today_usd") == 0)
        return found.sort(order, descending=[True, True, False, False]).head(limit)

    def vanishing(self, limit: int = 50) -> pl.DataFrame:
        """Return today's exposures that are least likely to exist at the target, the larger first where equal."""
        found = self.exposures.filter(pl.col("today_usd") > 0)
        return found.sort(
            "probability", "today_usd", "creditor", "debtor", descending=[False, True, False, False]
        ).head(limit)

    def growing(self, limit: int = 50) -> pl.DataFrame:
        """Return today's exposures that are expected to grow, by expected growth in USD."""
        found = self.exposures.filter(pl.col("today_usd") > 0, pl.col("change_usd") > 0)
        return found.sort("change_usd", descending=True).head(limit)

    @cached_property
    def protocols(self) -> pl.DataFrame:
        """Return protocol, name, sector, today_usd, forecast_usd, change_usd, actual_usd (TVL), by absolute change."""
        return protocol_table(self.forecast, self.today, self.actual)

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
            "measures": _beside(self.measures),
            "stress": _beside(self.stress),
            "new": _rows(self.new()),
            "vanishing": _rows(self.vanishing()),
            "growing": _rows(self.growing()),
            "protocols": _rows(self.protocols.head(50)),
            "notes": list(self.notes),
        }


def forecast(
    store: Store,
    origin: dt.date,
    basis: Basis = "holdings",
    horizon: int = 4,
    forecaster: str = "dexposure",
    *,
    cache_dir: Path | None = None,
) -> ForecastResult:
    """Forecast from `origin` and measure what comes out.

    Args:
        store: the vintage; only its snapshots up to `origin` are shown to the forecaster.
        origin: a snapshot date of `basis`.
        basis: "holdings" or "flow".
        horizon: steps ahead: weeks in a weekly vintage.
        forecaster: a name of FORECASTERS.
        cache_dir: where forecasts are kept; None: the setting.

    Raises UnknownDate, UnknownForecaster, BadOption, NoModel.
    """
    today = store.snapshot(origin, basis)
    dates = store.dates(basis)
    at = dates.index(origin)
    maker = find_forecaster(forecaster)
    about = maker.about if isinstance(maker, Dexposure) else {}
    asked: dict[str, Any] = {"vintage": store.vintage, "basis": basis, "origin": origin, "forecaster": forecaster}
    key = Key(model=maker.version, horizon=horizon, **asked)
    target = _target(store, dates, at, horizon)
    kept, cached, notes = _made(store, key, maker, dates[: at + 1], cache_dir or settings.load().cache_dir, target)
    actual = store.snapshot(dates[at + horizon], basis) if at + horizon < len(dates) else None
    in_sample = _own_data(store, about) and str(origin) < about["test_from"]
    return ForecastResult(
        **asked, simulated=store.manifest.simulated, target=target, horizon_weeks=horizon, model=key.model,
        trained_on=describe(about) if about else "", in_sample=in_sample,
        forecast=kept.forecast, today=today, actual=actual, cached=cached,
        measures=_compared("measure", measure_all, kept.measures, today, actual),
        stress=_compared("loss", standard_losses, kept.losses, today, actual),
        notes=(*notes, *_warnings(store, about, in_sample=in_sample)),
    )  # fmt: skip


def _made(
    store: Store, key: Key, maker: Forecaster, dates: list[dt.date], cache: Path, target: dt.date | None
) -> tuple[Kept, bool, list[str]]:
    """Return the forecast from the cache or fresh, whether it was kept, and what happened to it."""
    kept, note = forecast_cache.load(cache, key)
    if kept is not None:
        return kept, True, []
    history = [store.snapshot(date, key.basis) for date in dates[-MEMORY:]]
    made = maker.predict(history, key.horizon)
    count = DRAWS if len(history[-1].exposure_usd) < LARGE else LARGE_DRAWS
    draws = drawn_networks(made, history[-1], target or key.origin, count)
    kept = Kept(
        forecast=made,
        measures=_mean([measure_all(draw) for draw in draws]),
        losses=_mean([standard_losses(draw) for draw in draws]),
    )
    return kept, False, [note for note in (note, forecast_cache.keep(cache, key, kept)) if note]


def _mean(values: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean over the draws in which a number is defined; NaN when it is in none."""
    means = {}
    for name in values[0]:
        defined = [v[name] for v in values if not math.isnan(v[name])]
        means[name] = float(np.mean(defined)) if defined else math.nan
    return means


def _target(store: Store, dates: list[dt.date], at: int, horizon: int) -> dt.date | None:
    if horizon < 1:
        raise BadOption(f"horizon {horizon}: must be at least 1")
    if at + horizon < len(dates):
        return dates[at + horizon]
    days = STEP.get(store.manifest.frequency)
    return None if days is None else dates[at] + dt.timedelta(days=days * horizon)


def _own_data(store: Store, about: dict[str, Any]) -> bool:
    return bool(about) and about.get("data", {}).get("content_hash") == store.manifest.content_hash


def _warnings(store: Store, about: dict[str, Any], *, in_sample: bool) -> list[str]:
    notes = []
    if about and not _own_data(store, about):
        notes.append(
            f"The model was not trained on this vintage but {describe(about)}; run `dexposure train` to train on it."
        )
    if in_sample:
        notes.append(
            f"The model was trained on weeks up to {about['trained_until']}: this origin is no test of its skill."
        )
    return notes


def _compared(
    label: str, measure: Any, forecast_values: dict[str, float], today: Snapshot, actual: Snapshot | None
) -> pl.DataFrame:
    now = measure(today)
    then = measure(actual) if actual is not None else {}
    names = list(now)
    return pl.DataFrame(
        {
            label: names,
            "today": [now[n] for n in names],
            "forecast": [forecast_values.get(n, math.nan) for n in names],
            "actual": [then.get(n, math.nan) for n in names],
        },
        schema={label: pl.String, "today": pl.Float64, "forecast": pl.Float64, "actual": pl.Float64},
    )


def _null(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _beside(frame: pl.DataFrame) -> dict[str, dict[str, Any]]:
    name, *columns = frame.columns
    return {row[name]: {c: _null(row[c]) for c in columns} for row in frame.to_dicts()}


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [{k: _null(v) for k, v in row.items()} for row in frame.to_dicts()]
