"""The overview's pictures: changes ranked and split by cause, exposure by sector, the indicators as small multiples."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from dexposure_core.pipeline.indicators import Position
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import bars, base, plain


def changed_exposures(changes: pl.DataFrame, period: str) -> Any:
    """Return the exposures that changed most, split by cause."""
    names = [f"{a} → {b}" for a, b in _short_pairs(changes)]
    return bars.split(changes, names, title=f"Exposures that changed most this {period}")


def movers(changes: pl.DataFrame, period: str) -> Any:
    """Return the protocols whose TVL moved most, split by cause."""
    return bars.split(changes, changes["name"].to_list(), title=f"Protocols whose TVL moved most this {period}")


def sectors(cells: pl.DataFrame, colours: Mapping[str, str], limit: int = 8) -> Any:
    """Return total exposure by the sector it is owed by, largest first, the rest as `Other`."""
    total = by_debtor_sector(cells, limit)
    names = total["debtor_sector"].to_list()
    written = [
        f"{text.usd(v, unit=False)} ({text.percent(s)})" for v, s in total.select("exposure_usd", "share").iter_rows()
    ]
    return bars.ranked(
        names, total["exposure_usd"].to_list(), title="Sectors the system leans on", unit="USD", written=written,
        colours=[colours.get(n, theme.GREYS[1]) for n in names],
    )  # fmt: skip


def by_debtor_sector(cells: pl.DataFrame, limit: int = 8) -> pl.DataFrame:
    """Return debtor_sector, exposure_usd, share: the largest sectors and the rest as `Other`."""
    total = cells.group_by("debtor_sector").agg(pl.sum("exposure_usd")).sort(
        "exposure_usd", "debtor_sector", descending=[True, False]
    )  # fmt: skip
    rest = total[limit:].select(pl.lit("Other").alias("debtor_sector"), pl.sum("exposure_usd"))
    kept = pl.concat([total[:limit], rest]) if total.height > limit else total
    return kept.with_columns((pl.col("exposure_usd") / pl.col("exposure_usd").sum()).alias("share"))


def indicator_panel(positions: Sequence[Position], date: dt.date) -> Any:
    """Return the indicators over all dates as small multiples, one below the other: the cards' printable twin."""
    titles = [text.html(p.indicator.title) for p in positions]
    drawn = plain.subplots(titles, rows=len(positions), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for row, position in enumerate(positions, start=1):
        history = position.history
        divisor, unit = base.scale(history["value"].to_list(), position.indicator.unit)
        values = (history["value"].cast(pl.Float64) / divisor).to_list()
        trace = base.trace_type(history.height)
        line = {"color": theme.SECTOR_COLOURS[0], "width": 1.8}
        place = plain.axes(row)
        drawn.add_trace(
            trace(x=history["date"].to_list(), y=values, mode="lines", line=line, showlegend=False, **place)
        )
        drawn.layout[f"yaxis{row if row > 1 else ''}"].merge({"title": {"text": unit}, "nticks": 4})
    drawn.update_layout(
        height=170 * len(positions), title={"text": f"<b>Headline indicators to {date}</b>"}, margin={"t": 70}
    )
    drawn.update_annotations(font={"size": 12}, x=0, xanchor="left")
    return drawn


def indicator_table(positions: Sequence[Position]) -> pl.DataFrame:
    """Return date and one column per indicator, all dates."""
    table = positions[0].history.select("date")
    for position in positions:
        column = position.history.select("date", pl.col("value").alias(position.indicator.measure))
        table = table.join(column, on="date", how="left")
    return table


def _short_pairs(changes: pl.DataFrame) -> list[tuple[str, str]]:
    return [
        (text.short(a, 13), text.short(b, 13)) for a, b in changes.select("creditor_name", "debtor_name").iter_rows()
    ]
