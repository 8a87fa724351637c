"""What the Alerts and Events pages look up, kept between runs (see `keeping`).

Arguments are plain keys, results are shared between sessions: never change one in place.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import polars as pl

from dexposure_core.pipeline import alerts as pipeline_alerts
from dexposure_core.pipeline import event_study
from dexposure_core.pipeline.alerts.judge import course as judge_course
from dexposure_core.pipeline.alerts.observe import history
from dexposure_core.ui.keeping import kept as _kept
from dexposure_core.ui.lookups import expected
from dexposure_core.ui.resources import store
from dexposure_core.ui.view import base_of
from dexposure_core.ui.watch.limits import rules_in_use

if TYPE_CHECKING:
    from dexposure_core.network.snapshot import Basis
    from dexposure_core.pipeline.alerts import Alerts
    from dexposure_core.pipeline.event_study import Event, Study


def alerts(vintage: str, date: dt.date, basis: Basis, horizon: int, limits: str = "", file: str = "") -> Alerts:
    """Return what the rules of a file's text (empty: the shipped ones) and of `limits` (lines) say on a date.

    A forecast is judged where one is kept and the whole system is looked at.
    """
    whole = vintage == base_of(vintage)
    ahead = horizon if whole and expected(vintage, date, basis, horizon) is not None else 0
    return _alerts(vintage, date, basis, ahead, limits, file)


@_kept(64, "Looking for unusual moves …")
def _alerts(vintage: str, date: dt.date, basis: Basis, ahead: int, limits: str, file: str) -> Alerts:
    rules, kept = rules_in_use(file, limits), None
    if ahead:
        from dexposure_core.pipeline.forecasting.forecast import forecast_kept

        kept = forecast_kept(store(vintage), date, basis, ahead)
    return pipeline_alerts.alerts(store(vintage), date, basis, rules, kept, ahead)


@_kept(128)
def course(vintage: str, basis: Basis, line: str) -> pl.DataFrame:
    """Return every date as a rule sees it (see `alerts.judge.course`)."""
    rule = pipeline_alerts.parse_line(line)
    return judge_course(history(store(vintage), rule, basis), rule)


@_kept(8)
def events(vintage: str, basis: Basis) -> tuple[Event, ...]:
    """Return the events that lie in the data, by date."""
    return event_study.events_in(store(vintage), basis)


@_kept(32, "Measuring the weeks around the event …")
def study(vintage: str, basis: Basis, key: str) -> Study:
    """Return the indicators around an event."""
    return event_study.study(store(vintage), basis, event_study.find_event(store(vintage), basis, key))


@_kept(8, "Comparing the two snapshots …")  # 5 MB each at full size
def moved(vintage: str, since: dt.date, until: dt.date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what moved between two snapshots: TVL by protocol, and exposures."""
    return event_study.moved(store(vintage), since, until)
