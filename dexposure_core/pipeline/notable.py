"""Which events are worth a label on a chart: systemic ones and large losses first, none too close to another."""

from __future__ import annotations

import datetime as dt
from typing import Final

import polars as pl

LABELLED_EVENTS: Final = 8
_SYSTEMIC: Final = ("collapse", "cex", "fiat-stable", "crash", "bank run", "unwind")
_SPACING: Final = 0.055  # least distance of two labelled events, share of the axis; two names fit on a phone


def major_events(events: pl.DataFrame, start: dt.date, end: dt.date, limit: int = LABELLED_EVENTS) -> pl.DataFrame:
    """Return the events worth a label between two dates: systemic kinds and large losses first, none too close."""
    inside = events.filter(pl.col("date").is_between(start, end), pl.col("kind") != "marker")
    systemic = pl.col("kind").str.to_lowercase().str.contains_any(list(_SYSTEMIC))
    ranked = inside.with_columns(
        (pl.col("loss_usd").fill_null(0) + pl.when(systemic).then(3e9).otherwise(0)).alias("weight")
    ).sort(["weight", "date"], descending=[True, False])
    kept: list[int] = []
    days = ranked["date"].to_list()
    gap = (end - start).days * _SPACING
    for row, day in enumerate(days):
        if len(kept) < limit and all(abs((day - days[k]).days) >= gap for k in kept):
            kept.append(row)
    return ranked[kept].drop("weight").sort("date")
