"""One protocol over time and under stress: its lines, its tables, the words beside them."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import polars as pl

from dexposure_core.network import Snapshot
from dexposure_core.pipeline import views
from dexposure_core.pipeline.stress_result import StressResult
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import series

_SIZES: Final = {
    "tvl_usd": series.Line(label="TVL", colour=theme.SECTOR_COLOURS[0]),
    "as_creditor_usd": series.Line(label="holds", colour=theme.SECTOR_COLOURS[1]),
    "as_debtor_usd": series.Line(label="is held", colour=theme.SECTOR_COLOURS[2]),
}


def presence(sizes: pl.DataFrame) -> str:
    """Say on which dates a protocol is in the network."""
    if sizes.is_empty():
        return "It is on no date of this basis."
    first, last = sizes["date"][0], sizes["date"][-1]
    return f"It is in {text.plural(sizes.height, 'snapshot')}, the first on {first}, the last on {last}."


def identity_line(of: views.Identity) -> str:
    """Return id, sector, category and issued tokens on one line of Markdown."""
    issued = ", ".join(text.markdown(text.short(token, 20)) for token in of.issues[:12])
    more = f" and {len(of.issues) - 12} more" if len(of.issues) > 12 else ""
    parts = [f"id {text.markdown(text.short(of.protocol, 40))}", f"sector {text.markdown(text.short(of.sector))}"]
    parts += [f"category {text.markdown(text.short(of.category))}"] if of.category != of.sector else []
    return " · ".join([*parts, f"issues {issued}{more}" if issued else "issues no token that is known"])


def partners(snapshot: Snapshot, protocol: str) -> pl.DataFrame:
    """Return the exposures of which a protocol is an end, as they go into the export."""
    return views.exposure_table(snapshot, views.partner_rows(snapshot, protocol))


def sizes(frame: pl.DataFrame, events: pl.DataFrame, day: dt.date) -> Any:
    """Return TVL and exposure in and out over time."""
    return series.lines(
        frame, _SIZES, title="TVL and exposures", unit="USD", events=events, mark=day, zero=True, height=360
    )


def scores(frame: pl.DataFrame, events: pl.DataFrame, day: dt.date, which: str) -> Any:
    """Return the systemic importance score and its parts over time, or the rank (1 on top)."""
    if which == "rank":
        drawn = series.lines(
            frame, {"rank": series.Line(label="rank")}, title="Rank by systemic importance", unit="count",
            events=events, mark=day, height=360,
        )  # fmt: skip
        drawn.update_yaxes(autorange="reversed", rangemode="normal", title={"text": "1 = most important"})
        return drawn
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


def hit(result: StressResult, protocol: str) -> pl.DataFrame:
    """Return who loses by a protocol's failure, itself left out: who, in which round, how much."""
    rows = result.protocols().filter(pl.col("protocol") != protocol, pl.col("loss_usd") > 0)
    return rows.select("protocol", "name", pl.col("first_round").alias("round"), "loss_usd", "distress")


def failure_words(result: StressResult, protocol: str) -> str:
    """Say first-round and total losses of the others when a protocol fails whole."""
    c = result.contagion
    own = result.snapshot.row(protocol)
    lost = c.loss_by_round_usd.sum(axis=1)
    first = float(lost[1]) if len(lost) > 1 else 0.0
    others = c.total_loss_usd - float(c.total_usd[own])
    rows = hit(result, protocol)
    if rows.is_empty():
        return "It loses everything; nobody else loses by it."
    hard = rows.filter(pl.col("distress") >= 0.01).height
    return (
        f"It loses everything. Others lose {text.usd(first)} in the first round and {text.usd(others)} in all; "
        f"{text.count(hard) if hard else 'none'} of them 1 % or more of TVL (linear DebtRank)."
    )
