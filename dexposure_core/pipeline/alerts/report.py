"""All rules on one date: the alerts, gravest first, every rule's record, and both as feeds.

Only what was known on the date is used: histories and events end there.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from dexposure_core.errors import BadOption, UnknownName
from dexposure_core.network.chains import DEFAULT
from dexposure_core.pipeline.alerts.acks import Acks
from dexposure_core.pipeline.alerts.foreseen import Foreseen, foreseen, futures_of
from dexposure_core.pipeline.alerts.found import FORECAST, OBSERVED, Alert, alert_id, grave
from dexposure_core.pipeline.alerts.judge import Record, course, record
from dexposure_core.pipeline.alerts.observe import concerning, expanded, history, systemic
from dexposure_core.pipeline.alerts.rule_file import RuleFile
from dexposure_core.pipeline.alerts.rules import SEVERITIES, Rule
from dexposure_core.pipeline.chains.lens import chains_of
from dexposure_core.pipeline.indicators import WINDOW_DAYS, percentile
from dexposure_core.store import Store

if TYPE_CHECKING:
    from dexposure_core.pipeline.forecasting.cache import Kept

FEED: Final = pl.Schema({
    "id": pl.String, "severity": pl.String, "kind": pl.String, "date": pl.Date, "basis": pl.String, "since": pl.Date,
    "snapshots": pl.Int64, "title": pl.String, "words": pl.String, "rule": pl.String, "note": pl.String,
    "unit": pl.String, "value": pl.Float64, "limit": pl.Float64, "today": pl.Float64, "change": pl.Float64,
    "sigma": pl.Float64, "strength": pl.Float64, "percentile": pl.Float64, "window_start": pl.Date,
    "window_end": pl.Date, "probability": pl.Float64, "low": pl.Float64, "high": pl.Float64, "horizon": pl.Int64,
    "fired": pl.Int64, "judged": pl.Int64, "false_alarm_rate": pl.Float64, "at_random": pl.Float64,
    "acknowledged": pl.Boolean, "acknowledged_at": pl.String, "acknowledged_note": pl.String,
})  # fmt: skip
RECORDS: Final = pl.Schema({
    "rule": pl.String, "title": pl.String, "severity": pl.String, "fired": pl.Int64, "last": pl.Date,
    "beyond": pl.Int64, "snapshots": pl.Int64, "judged": pl.Int64, "false_alarms": pl.Int64,
    "false_alarm_rate": pl.Float64, "at_random": pl.Float64, "note": pl.String,
})  # fmt: skip
OUTLOOKS: Final = pl.Schema({
    "rule": pl.String, "title": pl.String, "today": pl.Float64, "expected": pl.Float64, "low": pl.Float64,
    "high": pl.Float64, "limit": pl.Float64, "unit": pl.String, "probability": pl.Float64, "how": pl.String,
    "direction": pl.Int64,
})  # fmt: skip
_TWICE: Final = 2.0  # a change of twice the limit is one step graver


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """What the rules say on a date.

    Attributes:
        date, basis: of the snapshot.
        after: snapshots within which something must follow an alarm.
        alerts: the gravest first.
        rules: every rule with what it watches in words and its record up to the date.
        failed: rules that could not be used, as rule and reason.
        ahead: snapshots ahead that a forecast was used for, 0 without one.
        foreseen: every rule on that forecast.
    """

    date: dt.date
    basis: str
    after: int
    alerts: tuple[Alert, ...]
    rules: tuple[tuple[Rule, str, Record], ...]
    failed: tuple[tuple[Rule, str], ...]
    ahead: int = 0
    foreseen: tuple[Foreseen, ...] = ()

    def unseen(self, acks: Acks) -> tuple[Alert, ...]:
        """Return the alerts that nobody has acknowledged."""
        return tuple(alert for alert in self.alerts if alert.id not in acks)


def alerts(
    store: Store, date: dt.date, basis: str, rules: RuleFile, kept: Kept | None = None, horizon: int = 0
) -> Alerts:
    """Return what the rules say on a date.

    Args:
        store: the vintage.
        date: a snapshot date of the basis.
        basis: holdings or flow.
        rules: the rules.
        kept: a forecast made from that date; None: only observed values are judged.
        horizon: snapshots ahead of that forecast.

    Raises UnknownDate: no snapshot on that date.
    """
    store.measures(date, basis)  # refuses a date without a snapshot
    events = store.events().filter(pl.col("date") <= date)
    of_all = systemic(events)
    names = dict(store.protocols().select("protocol", "name").iter_rows())
    found: list[Alert] = []
    told: list[tuple[Rule, str, Record]] = []
    failed: list[tuple[Rule, str]] = []
    ahead: list[Foreseen] = []
    futures = futures_of(store, kept) if kept is not None else None
    for rule in expanded(rules.rules, store, basis):
        try:
            seen = course(history(store, rule, basis).filter(pl.col("date") <= date), rule)
        except (UnknownName, BadOption) as error:  # BadOption: what some chains alone cannot show
            failed.append((rule, str(error)))
            continue
        happened = of_all if rule.indicator else concerning(events, rule, names)
        title, mark = rule.title(names), record(seen, happened, rules.after)
        told.append((rule, title, mark))
        watched = _Watched(rule=rule, title=title, seen=seen, record=mark, identity=_identity(store, basis))
        found += watched.observed()
        if kept is not None:
            ahead.append(foreseen(rule, title, seen, kept, horizon, futures))
            found += watched.expected(ahead[-1], horizon)
    return Alerts(
        date=date, basis=basis, after=rules.after, alerts=tuple(sorted(found, key=lambda a: a.rank)),
        rules=tuple(told), failed=tuple(failed), ahead=horizon if kept is not None else 0, foreseen=tuple(ahead),
    )  # fmt: skip


def _identity(store: Store, basis: str) -> tuple[str, ...]:
    """Return what tells alerts of equal words apart: kind of data, basis, and chains where they are not all."""
    world, chains = "simulated" if store.manifest.simulated else "observed", chains_of(store)
    return (world, basis) if chains == DEFAULT else (world, basis, chains)


def as_grave_as(found: Alerts, severity: str) -> tuple[Alert, ...]:
    """Return the alerts of that severity or graver."""
    return tuple(a for a in found.alerts if SEVERITIES.index(a.severity) <= SEVERITIES.index(severity))


def feed(found: Alerts, acks: Acks) -> pl.DataFrame:
    """Return the alerts as a table: FEED."""
    rows = []
    for alert in found.alerts:
        ack = acks.get(alert.id)
        row = {name: getattr(alert, name, None) for name in FEED}
        row |= {name: getattr(alert.record, name) for name in ("fired", "judged", "false_alarm_rate", "at_random")}
        row |= {"basis": found.basis, "rule": alert.rule.line, "note": alert.rule.note, "unit": alert.rule.unit}
        row |= {"words": alert.words(), "acknowledged": ack is not None, "acknowledged_at": ack.at if ack else None}
        rows.append(row | {"acknowledged_note": ack.note if ack else None})
    return pl.DataFrame(rows, schema=FEED, orient="row")


def records(found: Alerts) -> pl.DataFrame:
    """Return every rule's record as a table: RECORDS."""
    rows = [
        {"rule": rule.line, "title": title, "severity": rule.severity, "note": rule.note} | asdict(mark)
        for rule, title, mark in found.rules
    ]
    return pl.DataFrame(rows, schema=RECORDS, orient="row")


def outlooks(found: Alerts) -> pl.DataFrame:
    """Return every rule on the forecast as a table: OUTLOOKS; empty without a forecast."""
    rows = [
        {"rule": f.rule.line, "title": f.title, "today": f.today, "expected": f.says.value, "low": f.says.low,
         "high": f.says.high, "limit": f.limit, "unit": f.rule.unit, "probability": f.probability, "how": f.how,
         "direction": f.direction}
        for f in found.foreseen
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=OUTLOOKS, orient="row")


def document(vintage: str, found: Alerts, acks: Acks) -> dict[str, Any]:
    """Return the alerts and records as JSON values; NaN is null."""
    return {
        "vintage": vintage, "date": str(found.date), "basis": found.basis, "judged_after": found.after,
        "forecast_horizon": found.ahead or None, "unacknowledged": len(found.unseen(acks)),
        "alerts": [_plain(row) for row in feed(found, acks).to_dicts()],
        "rules": [_plain(row) for row in records(found).to_dicts()],
        "on_forecast": [_plain(row) for row in outlooks(found).to_dicts()],
        "failed": [{"rule": rule.line, "reason": reason} for rule, reason in found.failed],
    }  # fmt: skip


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value)
        else str(value) if isinstance(value, dt.date) else value
        for key, value in row.items()
    }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Watched:
    """What one rule watches, up to the date."""

    rule: Rule
    title: str
    seen: pl.DataFrame
    record: Record
    identity: tuple[str, ...]

    def observed(self) -> list[Alert]:
        """Return the alert of the last date, if there is one."""
        last = self.seen.row(-1, named=True)
        if not last["beyond"]:
            return []
        change, sigma = (math.nan if last[n] is None else float(last[n]) for n in ("change", "sigma"))
        limit = self.rule.threshold if self.rule.is_threshold else float(last["limit"])
        strength = _over(abs(last["value"] - limit), sigma) if self.rule.is_threshold else _over(abs(change), limit)
        steps = int(not self.rule.is_threshold and strength >= _TWICE)
        return [Alert(
            id=alert_id(OBSERVED, *self.identity, self.rule.line, last["direction"], last["since"]), kind=OBSERVED,
            severity=grave(self.rule.severity, steps), rule=self.rule, title=self.title, date=last["date"],
            since=last["since"], snapshots=self.seen.filter(pl.col("date") >= last["since"]).height,
            value=last["value"], today=last["value"], change=change, sigma=sigma, limit=limit,
            direction=last["direction"], window_start=last["window_start"], window_end=last["window_end"],
            percentile=self._standing(last["date"], last["value"]), strength=strength, record=self.record,
        )]  # fmt: skip

    def expected(self, told: Foreseen, horizon: int) -> list[Alert]:
        """Return the alert on a forecast, if what is not so today is likely; an early warning is of a further move."""
        last = self.seen.row(-1, named=True)
        if (self.rule.is_threshold and last["beyond"]) or not told.probability >= self.rule.likely:
            return []
        return [Alert(
            id=alert_id(FORECAST, *self.identity, self.rule.line, last["date"], horizon), kind=FORECAST,
            severity=grave(self.rule.severity, -1), rule=self.rule, title=self.title, date=last["date"],
            since=last["date"], value=told.says.value, today=told.today, limit=told.limit, sigma=told.sigma,
            change=told.says.value - told.today, direction=told.direction, window_start=told.window_start,
            window_end=told.window_end, percentile=self._standing(last["date"], told.says.value),
            strength=told.probability, probability=told.probability, low=told.says.low, high=told.says.high,
            horizon=horizon, record=self.record,
        )]  # fmt: skip

    def _standing(self, date: dt.date, value: float) -> float:
        recent = self.seen.filter(pl.col("date") > date - dt.timedelta(days=WINDOW_DAYS))["value"].drop_nulls()
        return percentile(recent.to_list(), value)


def _over(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
