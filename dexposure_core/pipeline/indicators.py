"""The headline indicators: where each stands, how it moved, how unusual that is in its own history.

Position = share of the trailing two years' values that are at or below today's. Whether a change is unusual is decided
by `warnings.flags` with the window and threshold of the settings.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from dexposure_core import settings
from dexposure_core.measures import MEASURES
from dexposure_core.pipeline.warnings import flags
from dexposure_core.store import Store

LOSS: Final = "loss:"
WORST: Final = "worst_loss"
WINDOW_DAYS: Final = 731


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """One indicator on the overview: its measure, titles, and which way more fragile lies (0: neither).

    Args:
        measure: name of the measure, or `WORST`.
        title: heading of its card.
        unit: as of a measure.
        meaning: definition in a few words.
        phrase: how it is called within a sentence.
        fragile: 1 when a rise means more fragile, -1 when a fall does, 0 when neither.
    """

    measure: str
    title: str
    unit: str
    meaning: str
    phrase: str = ""
    fragile: int = 1


INDICATORS: Final[tuple[Indicator, ...]] = (
    Indicator(
        measure="system_tvl_usd",
        title="System TVL",
        unit="USD",
        meaning="USD locked in all protocols, gross",
        fragile=0,
    ),
    Indicator(
        measure="tvl_hhi",
        title="TVL concentration",
        unit="index",
        meaning="HHI of TVL shares: 1 when one protocol holds all",
        phrase="concentration of TVL",
    ),
    Indicator(
        measure="debtor_hhi",
        title="Who the system leans on",
        unit="index",
        meaning="HHI of exposure over debtors: 1 when all is owed by one issuer",
        phrase="reliance on few issuers",
    ),
    Indicator(
        measure="cross_sector_ratio",
        title="Cross-sector spillover",
        unit="share",
        meaning="share of exposure whose creditor and debtor are in different sectors",
        phrase="the share of exposure across sectors",
    ),
    Indicator(
        measure=WORST,
        title="Worst standard stress loss",
        unit="share",
        meaning="largest loss over the standard scenarios and rules, share of system TVL",
        phrase="the worst standard stress loss",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where an indicator stands on a date; NaN where not defined.

    Args:
        indicator: what it is.
        level: value on the date.
        previous: value at the snapshot before.
        percentile: share of the window's values at or below `level`, 0..1.
        low: smallest value of the window.
        high: largest value of the window.
        since: first date of that window.
        sigma: standard deviation of the changes in the warning window before the date.
        flag: whether the last change exceeds the warning threshold.
        detail: which scenario and rule, for the worst loss; empty otherwise.
        history: date, value over all dates.
    """

    indicator: Indicator
    level: float
    previous: float
    percentile: float
    low: float
    high: float
    since: dt.date
    sigma: float
    flag: bool
    detail: str
    history: pl.DataFrame

    @property
    def change(self) -> float:
        """Change since the previous snapshot."""
        return self.level - self.previous


def positions(
    store: Store, date: dt.date, basis: str, indicators: Sequence[Indicator] = INDICATORS
) -> tuple[Position, ...]:
    """Return where each indicator stands on a date.

    Raises:
        UnknownMeasure: when the vintage lacks one of them.
    """
    return tuple(position(store, date, basis, indicator) for indicator in indicators)


def position(store: Store, date: dt.date, basis: str, indicator: Indicator) -> Position:
    """Return where one indicator stands on a date."""
    history, detail = _history(store, date, basis, indicator.measure)
    rule = settings.load()
    known = flags(history.filter(pl.col("date") <= date), window=rule.warning_weeks, sigmas=rule.warning_sigma)
    window = known.filter(pl.col("date") > date - dt.timedelta(days=WINDOW_DAYS))
    recent = window["value"].drop_nulls().to_list()
    last = known.tail(1).fill_null(math.nan).row(0, named=True)
    level = float(last["value"])
    return Position(
        indicator=indicator,
        level=level,
        previous=level - float(last["change"]),
        percentile=percentile(recent, level),
        low=min(recent, default=math.nan),
        high=max(recent, default=math.nan),
        since=window["date"].to_list()[0],
        sigma=float(last["sigma"]),
        flag=bool(last["flag"]),
        detail=detail,
        history=history,
    )


def percentile(values: Sequence[float], level: float) -> float:
    """Return the share of values at or below the level; NaN without values or level."""
    if not values or not math.isfinite(level):
        return math.nan
    return sum(v <= level for v in values) / len(values)


def warnings(store: Store, basis: str) -> pl.DataFrame:
    """Return all flags ever raised: date, measure, title, unit, level, change, sigmas; largest first."""
    rule, found = settings.load(), []
    table = store.measure_table(basis, [m.name for m in MEASURES])
    for measure in MEASURES:
        history = table.select("date", pl.col(measure.name).alias("value"))
        raised = flags(history, window=rule.warning_weeks, sigmas=rule.warning_sigma).filter("flag")
        labels = {"measure": pl.lit(measure.name), "title": pl.lit(measure.title), "unit": pl.lit(measure.unit)}
        times = pl.col("change").abs() / pl.col("sigma")
        found.append(raised.select("date", **labels, level="value", change="change", sigmas=times))
    return pl.concat(found).sort("sigmas", "measure", descending=[True, False])


def _history(store: Store, date: dt.date, basis: str, measure: str) -> tuple[pl.DataFrame, str]:
    if measure != WORST:
        return store.history(measure, basis), ""
    names = [n for n in store.measures(date, basis)["measure"].to_list() if n.startswith(LOSS)]
    if not names:
        return pl.DataFrame({"date": store.dates(basis)}).with_columns(value=pl.lit(None, pl.Float64)), ""
    table = store.measure_table(basis, names)
    today = table.filter(pl.col("date") == date).select(names).row(0, named=True)
    worst = max(names, key=lambda n: today[n] if today[n] is not None else -math.inf)
    return table.select("date", value=pl.max_horizontal(names)), worst.removeprefix(LOSS)
