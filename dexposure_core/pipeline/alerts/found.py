"""One alert: what is out of the ordinary, how far, since when, and how much such alerts have been worth."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from dataclasses import dataclass
from typing import Final

from dexposure_core.pipeline.alerts.judge import Record
from dexposure_core.pipeline.alerts.rules import SEVERITIES, Rule
from dexposure_core.pipeline.numbers import amount, number, ordinal, percent, plural, points, undefined

OBSERVED: Final = "observed"
FORECAST: Final = "forecast"


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert; NaN and None where something does not apply or is not defined.

    Attributes:
        id: twelve characters, the same for as long as the alert lasts.
        kind: observed or forecast.
        severity: one of SEVERITIES.
        rule: what was asked.
        title: what is watched, with names as the data have them (not escaped).
        date: snapshot it is about; of a forecast the origin.
        since: date on which it began.
        snapshots: for how many snapshots it has lasted, 1 when it is new.
        value: value at the date; of a forecast what is expected.
        today: value at the date.
        change: since the snapshot before.
        sigma: usual change in the window before.
        limit: what the change exceeds (early warning) or the threshold.
        direction: +1 up, -1 down.
        window_start, window_end: dates of the window of usual changes.
        percentile: share of the last two years' values at or below the value, 0..1.
        strength: how far beyond: |change| / limit, or distance from the threshold in usual changes.
        probability, low, high, horizon: of a forecast: of passing, ends of the 90 % interval, snapshots ahead.
        record: the rule's past up to the date.
    """

    id: str
    kind: str
    severity: str
    rule: Rule
    title: str
    date: dt.date
    since: dt.date
    snapshots: int = 1
    value: float
    today: float
    change: float = math.nan
    sigma: float = math.nan
    limit: float
    direction: int
    window_start: dt.date | None = None
    window_end: dt.date | None = None
    percentile: float = math.nan
    strength: float = math.nan
    probability: float = math.nan
    low: float = math.nan
    high: float = math.nan
    horizon: int = 0
    record: Record

    @property
    def rank(self) -> tuple[int, bool, float, str]:
        """Order of alerts, the gravest first: by severity, then observed ones, then by strength."""
        grade = SEVERITIES.index(self.severity)
        strong = -self.strength if math.isfinite(self.strength) else math.inf
        return (grade, self.kind == FORECAST, strong, self.rule.line)

    def words(self) -> str:
        """Say it in one plain sentence; names stand as the data have them."""
        unit, beyond = self.rule.unit, "above" if self.direction > 0 else "below"
        told = amount(self.value, unit)
        if self.kind == FORECAST:
            span = f"expected {told}, 90 %: {amount(self.low, unit)} to {amount(self.high, unit)}"
            if not self.rule.is_threshold:
                turn = "rise" if self.direction > 0 else "fall"
                return (
                    f"{self.title} will {turn} by more than {moved(self.limit, unit)} in "
                    f"{plural(self.horizon, 'snapshot')} with a probability of {percent(self.probability)} ({span}; "
                    f"now {amount(self.today, unit)}): out of the ordinary against its changes from "
                    f"{self.window_start} to {self.window_end}."
                )
            return (
                f"{self.title} will be {beyond} {amount(self.limit, unit)} in {plural(self.horizon, 'snapshot')} with "
                f"a probability of {percent(self.probability)} ({span}; now {amount(self.today, unit)})."
            )
        if self.rule.is_threshold:
            since = "new" if self.snapshots == 1 else f"since {self.since}, {plural(self.snapshots, 'snapshot')}"
            return f"{self.title} is {told}, {beyond} {amount(self.limit, unit)} ({since})."
        turn = "rose" if self.direction > 0 else "fell"
        times = number(abs(self.change) / self.sigma, significant=2) if self.sigma > 0 else "not defined times"
        return (
            f"{self.title} {turn} by {moved(abs(self.change), unit)} to {told}: {times} standard deviations of its "
            f"changes from {self.window_start} to {self.window_end}, limit {moved(self.limit, unit)}."
        )

    def standing(self) -> str:
        """Say where the value stands in the last two years, and what the rule's alarms were worth."""
        place = "no history to compare with"
        if not undefined(self.percentile):
            place = f"{ordinal(min(99, max(1, round(100 * self.percentile))))} percentile of two years"
        r = self.record
        if r.fired == 0:
            return f"{place}; no firing on record"
        if math.isnan(r.false_alarm_rate):
            return f"{place}; fired {plural(r.fired, 'time')}, too few can be judged for a false-alarm rate"
        return (
            f"{place}; fired {plural(r.fired, 'time')}, {percent(r.false_alarm_rate)} false alarms of {r.judged} "
            f"judged (any date: {percent(r.at_random)})"
        )


def moved(change: float, unit: str) -> str:
    """Write a change in the unit's way: percentage points for shares."""
    if unit == "share":
        return points(change, sign=False)
    return number(change) if unit == "count" and change % 1 else amount(change, unit)


def alert_id(*parts: object) -> str:
    """Return an id made of what identifies an alert."""
    return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()[:12]


def grave(severity: str, steps: int) -> str:
    """Return the severity so many steps graver (negative: milder), within what there is."""
    place = SEVERITIES.index(severity) - steps
    return SEVERITIES[min(len(SEVERITIES) - 1, max(0, place))]
