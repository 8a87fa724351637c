"""When a rule fired in a history, and how often it cried wolf.

A rule *fires* when what it watches begins to be beyond its threshold, or at every date that the early-warning rule
flags. A threshold that is passed already in the first snapshot has been passed before the history: that is no firing.

After a firing at snapshot t, one of two things must come within h snapshots, or the alarm was *false*:

    an event of the table that concerns what is watched, in the snapshots t .. t+h, or
    a further move of the same size in the same direction: d (x(s) - x(t)) >= max(|x(t) - x(t-1)|, sigma), t < s <= t+h

with d the direction of the alarm and sigma the usual change (standard deviation of the changes in the window before
t). The false-alarm rate is false / judged; a firing without h known snapshots after it, or without a known sigma, is
not judged, and with fewer than five judged firings there is no rate (NaN). Beside it stands the same share over all
dates that can be judged, fired or not (for the early-warning rule in the direction of each date's own change): a rule
tells something when its rate is lower than that.

Nothing after the last row of the history is looked at: cutting the future off changes no firing before it.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from dexposure_core import settings
from dexposure_core.network.snapshot import Floats
from dexposure_core.pipeline.alerts.rules import Rule
from dexposure_core.pipeline.warnings import flags

FEWEST_JUDGED: Final = 5


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a rule did in the past.

    Attributes:
        fired: how often it fired.
        beyond: at how many snapshots what it watches was beyond.
        snapshots: at how many it was known.
        judged: how many firings could be judged.
        false_alarms: how many of these were false.
        false_alarm_rate: false_alarms / judged; NaN with fewer than FEWEST_JUDGED.
        at_random: share of all judged dates after which nothing followed; NaN likewise.
        last: when it last fired, None if never.
    """

    fired: int = 0
    beyond: int = 0
    snapshots: int = 0
    judged: int = 0
    false_alarms: int = 0
    false_alarm_rate: float = math.nan
    at_random: float = math.nan
    last: dt.date | None = None


def course(history: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """Return every date of a history as the rule sees it.

    Args:
        history: date, value (null or NaN: not defined), ascending dates.
        rule: the rule.

    Returns:
        The columns of `warnings.flags` and direction (+1, -1), beyond (bool), fired (bool), since (date on which the
        unbroken run of being beyond began; the date itself for the early-warning rule; null where not beyond).
    """
    usual = settings.load()
    window = usual.warning_weeks if rule.window is None else rule.window
    sigmas = usual.warning_sigma if rule.sigmas is None else rule.sigmas
    seen = flags(history, window=window, sigmas=sigmas)
    if not rule.is_threshold:
        direction = pl.when(pl.col("change") < 0).then(-1).otherwise(1)
        since = pl.when(pl.col("flag")).then(pl.col("date"))
        return seen.with_columns(direction=direction, beyond="flag", fired="flag", since=since)
    passed = pl.col("value") > rule.threshold if rule.above is not None else pl.col("value") < rule.threshold
    told = seen.with_columns(
        beyond=passed.fill_null(value=False), direction=pl.lit(1 if rule.above is not None else -1)
    )
    begins = pl.col("beyond") & ~pl.col("beyond").shift(1, fill_value=False)
    start = pl.when(begins).then(pl.col("date")).forward_fill()
    first = pl.col("date") == pl.col("date").filter(pl.col("value").is_not_null()).first()
    return told.with_columns(fired=begins & ~first.fill_null(value=False), since=pl.when(pl.col("beyond")).then(start))


def record(seen: pl.DataFrame, events: Sequence[dt.date], after: int) -> Record:
    """Return what a rule did over a course.

    Args:
        seen: as `course` returns it.
        events: snapshot dates of the events that count.
        after: h, snapshots within which something must follow.
    """
    fired = seen["fired"].to_numpy()
    judged, followed = _followed(seen, events, after)
    mine = fired & judged
    wrong = int((mine & ~followed).sum())
    dates = seen["date"].filter(pl.Series(fired))
    return Record(
        fired=int(fired.sum()), beyond=int(seen["beyond"].sum()), snapshots=seen["value"].count(),
        judged=int(mine.sum()), false_alarms=wrong, false_alarm_rate=_rate(wrong, int(mine.sum())),
        at_random=_rate(int((judged & ~followed).sum()), int(judged.sum())),
        last=dates.to_list()[-1] if len(dates) else None,
    )  # fmt: skip


def _followed(seen: pl.DataFrame, events: Sequence[dt.date], after: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each date whether it can be judged, and whether something followed: two (T,) bool."""
    value, change, sigma = (seen[name].cast(pl.Float64).fill_null(math.nan).to_numpy() for name in
                            ("value", "change", "sigma"))  # fmt: skip
    size = np.fmax(np.abs(change), sigma)
    farthest = _farthest(value, seen["direction"].to_numpy().astype(float), after)
    dates = seen["date"].to_numpy()
    places = np.arange(len(dates))
    sofar = np.concatenate(
        [[0], np.cumsum(np.isin(dates, np.array(events, dtype=dates.dtype)))]
    )  # sofar[t]: events before t
    happens = sofar[np.minimum(places + after + 1, len(dates))] > sofar[places]
    whole = places + after < len(dates)
    moved = farthest >= size * (1 - 1e-9)
    return whole & np.isfinite(change) & np.isfinite(sigma), happens | moved


def _farthest(value: Floats, direction: Floats, after: int) -> Floats:
    """Return (T,) the farthest that the value goes from x(t) in the direction within the snapshots after it."""
    ahead = np.full((after, value.size), -math.inf)
    for k in range(1, min(after, value.size - 1) + 1):
        step = direction[:-k] * (value[k:] - value[:-k])
        ahead[k - 1, :-k] = np.where(np.isfinite(step), step, -math.inf)
    return np.asarray(ahead.max(axis=0))


def _rate(part: int, whole: int) -> float:
    return part / whole if whole >= FEWEST_JUDGED else math.nan
