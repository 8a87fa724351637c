"""One protocol over time: size, exposures, importance and rank."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import polars as pl

from dexposure_core.network import Snapshot
from dexposure_core.pipeline import views
from dexposure_core.ui import theme
from dexposure_core.ui.charts import series

_SIZES: Final = {
    "tvl_usd": series.Line(label="TVL", colour=theme.SECTOR_COLOURS[0]),
    "as_creditor_usd": series.Line(label="holds", colour=theme.SECTOR_COLOURS[1]),
    "as_debtor_usd": series.Line(label="is held", colour=theme.SECTOR_COLOURS[2]),
}


def partners(snapshot: Snapshot, protocol: str) -> pl.DataFrame:
    """Return the exposures of which a protocol is an end, as they go into the export."""
    return views.exposure_table(snapshot, views.partner_rows(snapshot, protocol))


def sizes(frame: pl.DataFrame, events: pl.DataFrame, day: dt.date) -> Any:
    """Return TVL and exposure in and out over time."""
    return series.lines(
        frame, _SIZES, title="TVL and exposures", unit="USD", events=events, mark=day, zero=True, height=360
    )


def _best_on_top(drawn: Any, ranks: list[float]) -> Any:
    """Turn the axis over, in place, room for the events' names above the first; returns the figure."""
    best, worst = min(ranks, default=1.0), max(ranks, default=1.0)
    span = (worst - best) or 1.0
    drawn.layout.title.subtitle.text = "1 = most important"
    return drawn.update_yaxes(range=[worst + 0.1 * span, best - 0.8 * span], rangemode="normal")


def scores(frame: pl.DataFrame, events: pl.DataFrame, day: dt.date, which: str) -> Any:
    """Return the systemic importance score and its parts over time, or the rank (1 on top)."""
    if which == "rank":
        drawn = series.lines(
            frame, {"rank": series.Line(label="rank")}, title="Rank by systemic importance", unit="count",
            events=events, mark=day, height=360,
        )  # fmt: skip
        return _best_on_top(drawn, [v for v in frame["rank"].to_list() if v is not None])
    parts = {
        "sis": series.Line(label="SIS", colour=theme.SECTOR_COLOURS[0], width=3),
        "pagerank": series.Line(label="PageRank", colour=theme.SECTOR_COLOURS[1], dash="dot"),
        "tail_exposure": series.Line(label="tail share", colour=theme.SECTOR_COLOURS[2], dash="dot"),
        "log_tvl": series.Line(label="log TVL", colour=theme.SECTOR_COLOURS[3], dash="dot"),
    }
    return series.lines(
        frame, parts, title="Systemic importance (SIS) and its three parts", unit="number", events=events, mark=day,
        zero=True, height=360,
    )  # fmt: skip
