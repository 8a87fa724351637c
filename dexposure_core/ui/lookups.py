"""What the pages about one network look up, kept between runs (see `keeping`).

Arguments are plain keys, results are shared between sessions: never change one in place.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl
import streamlit as st

from dexposure_core import settings
from dexposure_core.errors import BadOption, DexposureError
from dexposure_core.forecast.model import FILE
from dexposure_core.measures import sector_exposure
from dexposure_core.pipeline import picture, views
from dexposure_core.pipeline.evaluation import kept
from dexposure_core.pipeline.stress import compare as stress_compare
from dexposure_core.ui import theme
from dexposure_core.ui.charts import network
from dexposure_core.ui.keeping import kept as _kept
from dexposure_core.ui.resources import dates, sector_colours, snapshot, store
from dexposure_core.ui.running import turns
from dexposure_core.ui.view import HORIZONS, base_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dexposure_core.network.snapshot import Basis
    from dexposure_core.pipeline.evaluation.kept import Evaluation
    from dexposure_core.pipeline.forecasting.process import ForecastProcess
    from dexposure_core.pipeline.forecasting.result import ForecastResult
    from dexposure_core.pipeline.picture import Cut, Layout
    from dexposure_core.pipeline.stress.result import StressResult
    from dexposure_core.pipeline.stress.terms import Terms
    from dexposure_core.progress import Progress

_FAN: Final = ("forecast", "low", "high")


@_kept(8, "Placing the protocols …")
def places(vintage: str, basis: Basis) -> Layout:
    """Return where every protocol stands in the network picture: one layout of the whole history."""
    return picture.layout_of(store(vintage), basis)


@_kept(64)
def cut(vintage: str, date: dt.date, basis: Basis, size: int, protocol: str | None) -> Cut:
    """Return the readable part of a network: `size` protocols, the chosen one among them."""
    return picture.backbone(snapshot(vintage, date, basis), size, keep=[protocol] if protocol else [])


@_kept(16, "Drawing the network …")  # 2 MB each
def network_picture(
    vintage: str, date: dt.date, basis: Basis, size: int, protocol: str | None, mode: str, link: str
) -> network.Picture:
    """Return the drawn network; `mode` is light or dark, `link` the address to which a protocol's id is added."""
    shown = snapshot(vintage, date, basis)
    part = cut(vintage, date, basis, size, protocol)
    ink = network.ink(theme.DARK if mode == "dark" else theme.LIGHT)
    return network.draw(
        shown, part, places(base_of(vintage), basis), sector_colours(vintage), ink, marked=protocol, link=link
    )


@_kept(64)
def identity(vintage: str, date: dt.date, basis: Basis, protocol: str) -> views.Identity:
    """Return who a protocol is on a date."""
    return views.identity(store(vintage), snapshot(vintage, date, basis), protocol)


@_kept(64, "Reading the balance sheet …")
def balance_sheet(vintage: str, date: dt.date, protocol: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what a protocol holds by token, and who holds the tokens it issues."""
    return views.assets(store(vintage), date, protocol), views.holders(store(vintage), date, protocol)


@_kept(64, "Reading its history …")
def protocol_history(vintage: str, basis: Basis, protocol: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a protocol's TVL and exposures, and its importance and rank, over time."""
    opened = store(vintage)
    return opened.protocol_history(protocol, basis), opened.importance_history(protocol, basis)


@_kept(64)
def events_of(vintage: str, protocol: str) -> pl.DataFrame:
    """Return the events that concern a protocol."""
    return views.events_of(store(vintage), protocol)


@_kept(64, "Letting its debtors fail in turn …")
def threats(vintage: str, date: dt.date, basis: Basis, protocol: str, rule: str) -> pl.DataFrame:
    """Return who can hurt a protocol."""
    return views.threats(snapshot(vintage, date, basis), protocol, rule)


@_kept(64)
def cell(vintage: str, date: dt.date, basis: Basis, creditor_sector: str, debtor_sector: str) -> pl.DataFrame:
    """Return the exposures behind a cell of the spillover matrix."""
    return store(vintage).cell(date, basis, creditor_sector, debtor_sector)


@_kept(64)
def cell_history(vintage: str, basis: Basis, creditor_sector: str, debtor_sector: str) -> pl.DataFrame:
    """Return date, exposure_usd of a cell of the spillover matrix."""
    rows = store(vintage).sector_history(basis, creditor_sector, debtor_sector)
    return views.cell_history(rows, dates(vintage, basis))


@_kept(32)
def tokens_held(vintage: str, date: dt.date) -> tuple[str, ...]:
    """Return the tokens held on a date, largest first."""
    return views.tokens_held(store(vintage), date)


@_kept(32)
def chains_held(vintage: str, date: dt.date) -> tuple[str, ...]:
    """Return the chains that hold anything on a date, largest first; none where the data know of one only."""
    return views.chains_held(store(vintage), date)


@_kept(8, "Running the stress test …")  # up to 20 MB each at full size: the path of every protocol, round by round
def stress(vintage: str, date: dt.date, basis: Basis, shock: views.Shocked, terms: Terms) -> StressResult:
    """Return the outcome of a stress test."""
    return shock.run(store(vintage), snapshot(vintage, date, basis), terms)


@_kept(16, "Following the losses …")  # 1.5 MB each at full size
def channels(vintage: str, date: dt.date, basis: Basis, shock: views.Shocked, terms: Terms) -> pl.DataFrame:
    """Return the losses of a stress test by the exposure they took."""
    return views.channels(stress(vintage, date, basis, shock, terms))


@_kept(32, "Trying other assumptions …")
def sensitivity(vintage: str, date: dt.date, basis: Basis, shock: views.Shocked, terms: Terms) -> pl.DataFrame:
    """Return how the loss depends on what is assumed (see `views.sensitivity`)."""
    return views.sensitivity(store(vintage), snapshot(vintage, date, basis), shock, terms)


@_kept(32, "Trying every rule on every basis …")
def compared(vintage: str, date: dt.date, shock: views.Shocked, terms: Terms) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return what a shock costs by every rule on every basis (see `stress.compare.compared`)."""
    return stress_compare.compared(store(vintage), date, shock.what(), terms, lenient=shock.kind == "event")


@_kept(8)
def briefing(
    vintage: str, date: dt.date, basis: Basis, horizon: int | None, _told: Progress
) -> tuple[str, dt.datetime]:
    """Return the briefing of a date, one HTML page, and when it was made.

    `_told` hears what is computed and is no part of the key.
    """
    from dexposure_core.pipeline import briefing as pages

    if horizon is not None and vintage == base_of(vintage):
        forecast(vintage, date, basis, horizon, "dexposure")
    made, ask = dt.datetime.now(dt.UTC), pages.Ask(date=date, basis=basis, horizon=horizon)
    return pages.briefing(store(vintage), ask, progress=_told, made=made), made


def forecast(vintage: str, date: dt.date, basis: Basis, horizon: int, forecaster: str) -> ForecastResult:
    """Return a forecast and its measures beside today's, telling the reader what takes so long the first time."""
    with st.spinner(waiting(forecaster)):
        return _forecast(vintage, date, basis, horizon, forecaster)


def waiting(forecaster: str) -> str:
    """Say what a reader waits for: the model's library is loaded at the first forecast, never before."""
    if forecaster != "dexposure" or _process().knows(forecaster):
        return "Forecasting …"
    return (
        "Preparing the model. Its library is loaded once after the server's start, 5 to 10 seconds; then forecasting …"
    )


@_kept(2)  # 100 MB each at full size; all others are on disk
def _forecast(vintage: str, date: dt.date, basis: Basis, horizon: int, forecaster: str) -> ForecastResult:
    from dexposure_core.pipeline.forecasting import forecast as forecasts
    from dexposure_core.pipeline.forecasting.process import Asked

    if vintage != base_of(vintage):
        raise BadOption("Forecasts are made of the whole system only; choose all chains to see them")
    opened = store(vintage)
    if (known := forecasts.forecast_kept(opened, date, basis, horizon, forecaster)) is not None:
        return forecasts.forecast(opened, date, basis, horizon, forecaster, known=known)
    turns.leave()
    return _process().forecast(
        Asked(folder=opened.path, origin=date, basis=basis, horizon=horizon, forecaster=forecaster)
    )


@_kept(1)
def _process() -> ForecastProcess:
    from dexposure_core.pipeline.forecasting.process import ForecastProcess

    return ForecastProcess()


def expected(vintage: str, date: dt.date, basis: Basis, horizon: int) -> pl.DataFrame | None:
    """Return what the model expects of measures and losses if that forecast is kept, else None; loads no model."""
    if not (settings.load().cache_dir / "forecasts" / vintage).is_dir():
        return None  # nothing was ever forecast of it: not even the forecasters' own imports are needed
    from dexposure_core.pipeline.forecasting.forecast import kept_at

    folder = kept_at(store(vintage), date, basis, horizon)
    return None if folder is None else _numbers(vintage, date, basis, horizon, folder.stat().st_mtime_ns)


@_kept(64)  # a few kB each, of a forecast that is 70 MB to read at full size
def _numbers(vintage: str, date: dt.date, basis: Basis, horizon: int, changed: int) -> pl.DataFrame | None:  # noqa: ARG001
    from dexposure_core.pipeline.forecasting.forecast import forecast_kept

    kept = forecast_kept(store(vintage), date, basis, horizon)
    return None if kept is None else kept.drawn.numbers


def fan(vintage: str, date: dt.date, basis: Basis, names: Sequence[str]) -> pl.DataFrame:
    """Return date, measure, forecast, low, high of the model at the origin and at every horizon, as far as dates go."""
    results = [forecast(vintage, date, basis, horizon, "dexposure") for horizon in HORIZONS]
    wanted = pl.col("measure").is_in(list(names))
    now = results[0].measures.filter(wanted).select("measure", *(pl.col("today").alias(c) for c in _FAN))
    parts = [now.with_columns(date=pl.lit(date))]
    parts += [
        r.measures.filter(wanted).select("measure", *_FAN).with_columns(date=pl.lit(r.target))
        for r in results if r.target is not None
    ]  # fmt: skip
    return pl.concat(parts).select("date", "measure", *_FAN)


@_kept(16)
def expected_cells(vintage: str, date: dt.date, basis: Basis, horizon: int) -> pl.DataFrame:
    """Return the spillover matrix that the model expects `horizon` weeks ahead, long."""
    return sector_exposure(forecast(vintage, date, basis, horizon, "dexposure").expected())


def evaluation() -> Evaluation:
    """Return the evaluation kept beside the weights in use.

    Raises:
        NoEvaluation, NoModel: there is none that can be shown; says why and what to do.
    """
    folder = settings.load().model_dir
    files = [folder / name for name in (kept.NAME, FILE)]
    return _evaluation(str(folder), tuple(f.stat().st_mtime_ns if f.is_file() else 0 for f in files))


def evaluation_if_any() -> Evaluation | None:
    """Return the evaluation kept beside the weights in use, None when there is none that can be shown."""
    try:
        return evaluation()
    except DexposureError:
        return None


@_kept(2)
def _evaluation(folder: str, changed: tuple[int, ...]) -> Evaluation:  # noqa: ARG001  changed files are another key
    return kept.read(Path(folder))
