"""Every rule on a forecast: what is expected of what it watches, how likely it is beyond, or why that is not known."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from dexposure_core.pipeline.alerts.ahead import NO_INTERVAL, NO_USUAL, NOT_TODAY, UNKNOWN, Futures, Outlook, outlook
from dexposure_core.pipeline.alerts.judge import course
from dexposure_core.pipeline.alerts.rules import Rule
from dexposure_core.store import Store

if TYPE_CHECKING:
    from dexposure_core.network.snapshot import Snapshot
    from dexposure_core.pipeline.forecasting.cache import Kept


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What a forecast says of one rule; NaN where not defined.

    Attributes:
        rule, title: the rule, and what it watches in words.
        today: value at the origin.
        says: what is expected.
        limit: the threshold; of an early warning the change that would be out of the ordinary.
        direction: +1 up, -1 down; of an early warning the likelier one.
        sigma: usual change of one snapshot (early warning).
        window_start, window_end: dates of the window of usual changes (early warning).
        probability: of being beyond at the target date.
        reason: why there is no probability, empty when there is one.
    """

    rule: Rule
    title: str
    today: float
    says: Outlook
    limit: float
    direction: int
    sigma: float = math.nan
    window_start: dt.date | None = None
    window_end: dt.date | None = None
    probability: float = math.nan
    reason: str = ""

    @property
    def how(self) -> str:
        """Where the probability comes from; why there is none."""
        return f"not defined: {self.reason}" if self.reason else self.says.how


def foreseen(
    rule: Rule, title: str, seen: pl.DataFrame, kept: Kept, horizon: int, futures: Futures | None = None
) -> Foreseen:
    """Return what a forecast says of a rule.

    Args:
        rule: the rule, in full.
        title: what it watches, in words.
        seen: its course up to the origin (`judge.course`).
        kept: the forecast from that date.
        horizon: snapshots ahead.
        futures: draws the forecast's joint futures again.
    """
    last = seen.row(-1, named=True)
    today, says = math.nan if last["value"] is None else float(last["value"]), outlook(kept, rule, futures)
    if rule.is_threshold:
        up = rule.above is not None
        told = Foreseen(rule=rule, title=title, today=today, says=says, limit=rule.threshold, direction=1 if up else -1,
                        probability=says.passes(rule))  # fmt: skip
    else:
        told = _early(rule, title, seen, today, says, horizon)
    return replace(told, reason=_reason(told)) if math.isnan(told.probability) else told


def futures_of(store: Store, kept: Kept) -> Futures:
    """Return what draws the joint futures of a kept forecast again, the same ones, once; none without past misses."""

    @cache
    def draw() -> tuple[Snapshot, ...]:
        from dexposure_core.pipeline.forecasting.forecast import drawn_again

        return tuple(drawn_again(store, kept, kept.forecast.origin)) if kept.drawn.joint else ()

    return draw


def _early(rule: Rule, title: str, seen: pl.DataFrame, today: float, says: Outlook, horizon: int) -> Foreseen:
    """Judge the change from the origin by the changes up to it: the window ends with the origin, none judges itself."""
    coming = pl.DataFrame({"date": [seen["date"].to_list()[-1] + dt.timedelta(days=1)], "value": [says.value]})
    usual = course(pl.concat([seen.select("date", "value"), coming]), rule).row(-1, named=True)
    sigma, limit = (math.nan if usual[name] is None else float(usual[name]) for name in ("sigma", "limit"))
    limit *= math.sqrt(horizon)
    up, down = says.above(today + limit), says.below(today - limit)
    rises = says.value >= today if math.isnan(up) or up == down else up > down
    return Foreseen(
        rule=rule, title=title, today=today, says=says, limit=limit, direction=1 if rises else -1, sigma=sigma,
        window_start=usual["window_start"], window_end=usual["window_end"], probability=up if rises else down,
    )  # fmt: skip


def _reason(told: Foreseen) -> str:
    known: tuple[tuple[Callable[[], bool], str], ...] = (
        (lambda: not math.isfinite(told.says.value), UNKNOWN),
        (lambda: math.isnan(told.today) and not told.rule.is_threshold, NOT_TODAY),
        (lambda: math.isnan(told.limit), NO_USUAL),
    )
    return next((words for holds, words in known if holds()), NO_INTERVAL)
