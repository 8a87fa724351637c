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
    days, weights = events["date"].to_list(), []
    for row, (day, kind, loss) in enumerate(events.select("date", "kind", "loss_usd").iter_rows()):
        if day is not None and start <= day <= end and kind not in (None, "marker"):
            systemic = any(word in kind.lower() for word in _SYSTEMIC)
            weights.append((-(loss or 0.0) - (3e9 if systemic else 0.0), day, row))
    kept: list[int] = []
    gap = (end - start).days * _SPACING
    for _, day, row in sorted(weights):
        if len(kept) < limit and all(abs((day - days[k]).days) >= gap for k in kept):
            kept.append(row)
    return events[sorted(kept, key=days.__getitem__)]
