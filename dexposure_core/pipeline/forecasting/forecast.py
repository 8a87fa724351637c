"""Forecast, then measure: the network some steps ahead, with the same measures and stress tests as today's.

Every forecast number stands beside today's (what persistence would say) and, where the target date is already in
the data, beside what happened. Measures and losses come from drawn futures, not from readings of one cut graph; with
past misses beside the weights the futures are joint and every number has a 90 % interval (`drawn`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import polars as pl

from dexposure_core import settings
from dexposure_core.errors import BadOption, NoModel, UnknownMeasure
from dexposure_core.forecast import Dexposure, Forecaster, find_forecaster
from dexposure_core.forecast.intervals import uncertainty as past_misses
from dexposure_core.forecast.intervals.blend import LOOK_BACK
from dexposure_core.forecast.intervals.turnover import reach
from dexposure_core.forecast.intervals.uncertainty import Uncertainty
from dexposure_core.forecast.judging.outcomes import split
from dexposure_core.forecast.known.window import MEMORY
from dexposure_core.forecast.model import describe
from dexposure_core.forecast.record import Floats
from dexposure_core.measures import measure_all
from dexposure_core.network import Basis, Snapshot
from dexposure_core.pipeline.building.libraries import FORECASTING, load_ahead
from dexposure_core.pipeline.forecasting import cache as forecast_cache
from dexposure_core.pipeline.forecasting import drawn as futures
from dexposure_core.pipeline.forecasting.cache import Kept, Key
from dexposure_core.pipeline.forecasting.drawn import Drawn
from dexposure_core.pipeline.forecasting.result import ForecastResult
from dexposure_core.store import Store
from dexposure_core.stress import standard_losses

STEP: Final = {"day": 1, "week": 7}
LEAST: Final = 6  # dates from which there is a hold-out


def forecast(
    store: Store,
    origin: dt.date,
    basis: Basis = "holdings",
    horizon: int = 4,
    forecaster: str = "dexposure",
    *,
    draws: int | None = None,
    cache_dir: Path | None = None,
    known: Kept | None = None,
) -> ForecastResult:
    """Forecast from `origin` and measure what comes out.

    Args:
        store: the vintage; only its snapshots up to `origin` are shown to the forecaster.
        origin: a snapshot date of `basis`.
        basis: "holdings" or "flow".
        horizon: steps ahead: weeks in a weekly vintage.
        forecaster: a name of FORECASTERS. One that must be fitted learns from the weeks before the hold-out, and
            only from those before `origin`.
        draws: futures drawn; None: 200 (fewer from a network of 20,000 exposures on, or without past misses).
        cache_dir: where forecasts are kept; None: the setting.
        known: what `forecast_kept` returned for the same arguments, so that it is not read again.

    Raises UnknownDate, UnknownForecaster, BadOption, NoModel.
    """
    today = store.snapshot(origin, basis)
    dates = store.dates(basis)
    at = dates.index(origin)
    target = _target(store, dates, at, horizon)
    maker = find_forecaster(forecaster)
    about = maker.about if isinstance(maker, Dexposure) else {}
    learnt, note = _misses(maker)
    until = _fitted_until(dates, origin) if maker.needs_fit else None
    count = futures.how_many(today, joint=learnt is not None, asked=draws)
    key = _key(store, maker, (basis, origin, horizon, count), until, learnt)
    made = _Making(store, key, maker, learnt[0] if learnt else None, until)
    cache = cache_dir or settings.load().cache_dir
    kept, cached, notes = (known, True, []) if known else made.kept(dates[: at + 1], cache, target)
    actual = store.snapshot(dates[at + horizon], basis) if at + horizon < len(dates) else None
    in_sample = _own_data(store, about) and str(origin) < about["test_from"]
    return ForecastResult(
        vintage=store.vintage, basis=basis, origin=origin, forecaster=forecaster,
        simulated=store.manifest.simulated, target=target, horizon_weeks=horizon, model=key.model,
        trained_on=describe(about) if about else "", in_sample=in_sample,
        forecast=kept.forecast, drawn=kept.drawn, today=today, actual=actual, cached=cached,
        measures=_compared("measure", measure_all, kept.drawn, today, actual),
        stress=_compared("loss", standard_losses, kept.drawn, today, actual),
        notes=(*note, *notes, *_warnings(store, about, in_sample=in_sample)),
    )  # fmt: skip


def forecast_kept(
    store: Store,
    origin: dt.date,
    basis: Basis = "holdings",
    horizon: int = 4,
    forecaster: str = "dexposure",
    *,
    cache_dir: Path | None = None,
) -> Kept | None:
    """Return a forecast that was made before, None when there is none.

    Arguments as of `forecast`. Nothing is forecast and no library loaded, so a page that only glances at a forecast
    stays quick.
    """
    key = _key_of(store, origin, basis, horizon, forecaster)
    return None if key is None else forecast_cache.load(cache_dir or settings.load().cache_dir, key)[0]


def kept_at(
    store: Store, origin: dt.date, basis: Basis = "holdings", horizon: int = 4, forecaster: str = "dexposure"
) -> Path | None:
    """Return the folder of a forecast that was made before, None when there is none; nothing of it is read."""
    key = _key_of(store, origin, basis, horizon, forecaster)
    folder = None if key is None else key.folder(settings.load().cache_dir)
    return folder if folder is not None and folder.is_dir() else None


def _key_of(store: Store, origin: dt.date, basis: Basis, horizon: int, forecaster: str) -> Key | None:
    maker = find_forecaster(forecaster)
    try:
        learnt, _ = _misses(maker)
        until = _fitted_until(store.dates(basis), origin) if maker.needs_fit else None
        count = futures.how_many(store.snapshot(origin, basis), joint=learnt is not None)
        return _key(store, maker, (basis, origin, horizon, count), until, learnt)
    except NoModel:
        return None


def futures_of(store: Store, result: ForecastResult) -> Iterable[Snapshot]:
    """Return the networks that a forecast's numbers were drawn from, the same ones again."""
    return drawn_again(store, result, result.target or result.origin)


def drawn_again(store: Store, made: Kept | ForecastResult, date: dt.date) -> Iterable[Snapshot]:
    """Return the futures of a forecast again, dated `date`; none when the past misses behind them are gone.

    Args:
        store: the vintage it is of.
        made: the forecast and what was drawn from it.
        date: written on the networks; nothing else depends on it.
    """
    f = made.forecast
    learnt, _ = _misses(find_forecaster(f.forecaster))
    if made.drawn.joint and learnt is None:
        return ()
    history = store.snapshots([d for d in store.dates(f.basis) if d <= f.origin][-reach(f.horizon_weeks) :], f.basis)
    return futures.networks(f, history, date, learnt[0] if learnt else None, made.drawn.draws)


def _key(
    store: Store, maker: Forecaster, asked: tuple[Basis, dt.date, int, int], until: dt.date | None,
    learnt: tuple[Uncertainty, str] | None,
) -> Key:  # fmt: skip
    basis, origin, horizon, draws = asked
    return Key(
        vintage=store.vintage, forecaster=maker.name, model=maker.version + (f":{until}" if until else ""), basis=basis,
        origin=origin, horizon=horizon, draws=draws, misses=learnt[1] if learnt else "",
    )  # fmt: skip


@dataclass(frozen=True)
class _Making:
    """Everything needed to make one forecast or find it kept."""

    store: Store
    key: Key
    maker: Forecaster
    learnt: Uncertainty | None
    until: dt.date | None

    def kept(self, dates: list[dt.date], cache: Path, target: dt.date | None) -> tuple[Kept, bool, list[str]]:
        """Return the forecast from the cache or fresh, whether it was kept, and what happened to it."""
        kept, note = forecast_cache.load(cache, self.key)
        if kept is not None:
            return kept, True, []
        history = self._snapshots(dates[-MEMORY:])
        if isinstance(self.maker, Dexposure):
            load_ahead(FORECASTING)  # now, because reading needs Python's lock about as much as loading does
        made = self._ready().predict(history, self.key.horizon)
        past = self._measured(dates[-LOOK_BACK:])
        says = futures.draw(made, history, target or self.key.origin, self.learnt, self.key.draws, past)
        kept = Kept(forecast=made, drawn=says)
        return kept, False, [note for note in (note, forecast_cache.keep(cache, self.key, kept)) if note]

    def _measured(self, dates: list[dt.date]) -> Floats | None:
        """Return what past misses are about, (L, K), as the vintage keeps it; None where it does not keep all of it."""
        if self.learnt is None:
            return None
        try:
            table = self.store.measure_table(self.key.basis, self.learnt.measures)
        except UnknownMeasure:
            return None
        found = table.filter(pl.col("date").is_in(dates)).sort("date").drop("date")
        whole = found.height == len(dates) and not any(found.null_count().row(0))
        return found.to_numpy(order="c") if whole else None  # sums depend on the order in their last digits

    def _ready(self) -> Forecaster:
        if self.until is None:
            return self.maker
        return self.maker.fit(self._snapshots([d for d in self.store.dates(self.key.basis) if d <= self.until]))

    def _snapshots(self, dates: list[dt.date]) -> list[Snapshot]:
        return self.store.snapshots(dates, self.key.basis)


def _fitted_until(dates: list[dt.date], origin: dt.date) -> dt.date:
    """Return the last date a baseline may learn from: before the hold-out and not after the origin."""
    seen = [d for d in dates if d <= origin]
    before = [d for d in dates if d < split(dates).test_from] if len(dates) >= LEAST else dates
    return min(seen[-1], before[-1])


def _misses(maker: Forecaster) -> tuple[tuple[Uncertainty, str] | None, list[str]]:
    """Return the past misses beside the model's weights with their fingerprint, or a note why there are none."""
    if not isinstance(maker, Dexposure):
        return None, []
    path = maker.path.with_name(past_misses.FILE)
    try:
        return _read_misses(path, maker.version, path.stat().st_mtime_ns if path.is_file() else 0), []
    except NoModel as error:
        return None, [str(error)]


@lru_cache(maxsize=2)
def _read_misses(path: Path, model: str, changed: int) -> tuple[Uncertainty, str]:  # noqa: ARG001  a changed file is another key
    return past_misses.read(path, model), hashlib.sha256(path.read_bytes()).hexdigest()[:16]


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
    label: str,
    measure: Callable[[Snapshot], dict[str, float]],
    drawn: Drawn,
    today: Snapshot,
    actual: Snapshot | None,
) -> pl.DataFrame:
    """Return `label`, today, forecast, low, high, source, actual of what `measure` measures."""
    now = measure(today)
    then = measure(actual) if actual is not None else {}
    names = pl.DataFrame(
        {label: list(now), "today": list(now.values())}, schema={label: pl.String, "today": pl.Float64}
    )
    beside = drawn.numbers.rename({"name": label})
    frame = names.join(beside, on=label, how="left", maintain_order="left")
    actuals = pl.Series("actual", [then.get(name, math.nan) for name in now], dtype=pl.Float64)
    return frame.with_columns(pl.col("forecast", "low", "high").fill_null(math.nan), actuals)
