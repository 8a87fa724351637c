"""Concentration over time, raw beside the constant panel, and its last change by protocol."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import bars, base, plain, series

RAW, PANEL = theme.SECTOR_COLOURS[0], theme.SECTOR_COLOURS[1]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One way to measure concentration: its measures of TVL, of exposures and of debtors."""

    label: str
    unit: str
    tvl: str
    exposures: str
    debtors: str | None


KINDS: Final[Mapping[str, Kind]] = {
    "hhi": Kind(label="HHI", unit="index", tvl="tvl_hhi", exposures="exposure_hhi", debtors="debtor_hhi"),
    "top10": Kind(
        label="Ten largest",
        unit="share",
        tvl="tvl_top10_share",
        exposures="exposure_top10_share",
        debtors="debtor_top10_share",
    ),
    "gini": Kind(label="Gini", unit="share", tvl="tvl_gini", exposures="exposure_gini", debtors=None),
}
NAMES: Final = tuple(m for k in KINDS.values() for m in (k.tvl, k.exposures, k.debtors) if m)


def tvl(panel: pl.DataFrame, kind: Kind, events: pl.DataFrame, date: dt.date) -> Any:
    """Return concentration of TVL: all protocols, and the constant panel; shaded: two-year 10th-90th."""
    lines = {
        kind.tvl: series.Line(label="all", colour=RAW),
        f"panel_{kind.tvl}": series.Line(label="constant", colour=PANEL, dash="dash"),
    }
    return _shaded(panel, lines, f"TVL: {kind.label}, all protocols and constant panel", kind, events, date)


def exposures(table: pl.DataFrame, kind: Kind, events: pl.DataFrame, date: dt.date) -> Any:
    """Return concentration of single exposures and of debtors."""
    lines = {kind.exposures: series.Line(label="exposures", colour=theme.SECTOR_COLOURS[2])}
    if kind.debtors:
        lines[kind.debtors] = series.Line(label="debtors", colour=theme.SECTOR_COLOURS[3])
    title = f"Exposures: {kind.label}, single exposures" + (" and debtors" if kind.debtors else "")
    return series.lines(table, lines, title=title, unit=kind.unit, events=events, mark=date)


def with_forecast(figures: tuple[Any, Any], band: pl.DataFrame, kind: Kind) -> tuple[Any, Any]:
    """Add the forecast of TVL concentration to the first figure, those of exposures and debtors to the second."""
    of_tvl, of_exposures = figures
    ahead(of_tvl, band, kind.tvl, kind.unit, RAW)
    ahead(of_exposures, band, kind.exposures, kind.unit, theme.SECTOR_COLOURS[2])
    if kind.debtors:
        ahead(of_exposures, band, kind.debtors, kind.unit, theme.SECTOR_COLOURS[3])
    return of_tvl, of_exposures


def ahead(drawn: Any, band: pl.DataFrame, measure: str, unit: str, colour: str) -> Any:
    """Add a forecast to a chart of lines: expected values as a dotted line, the 90 % interval as a band.

    Args:
        drawn: the figure.
        band: date, measure, forecast, low, high; the origin first (its interval is a point).
        measure: which one.
        unit: the chart's unit.
        colour: hexadecimal, of the line it continues.
    """
    rows = band.filter(pl.col("measure") == measure).filter(pl.col("forecast").is_not_nan()).sort("date")
    divisor, _ = base.scale([], unit)
    days = rows["date"].to_list()
    values, low, high = ([v / divisor for v in rows[c].to_list()] for c in ("forecast", "low", "high"))
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    drawn.add_trace(
        plain.scatter(
            x=days + days[::-1], y=high + low[::-1], fill="toself", mode="lines", hoverinfo="skip", showlegend=False,
            fillcolor=f"rgba({red},{green},{blue},.22)", line={"width": 0},
        )
    )  # fmt: skip
    words = [f"{text.amount(v, unit)}, 90 %: {text.amount(a, unit)} to {text.amount(b, unit)}" for v, a, b in
             zip(rows["forecast"], rows["low"], rows["high"], strict=True)]  # fmt: skip
    drawn.add_trace(
        plain.scatter(
            x=days, y=values, mode="lines+markers", line={"color": colour, "dash": "dot", "width": 2},
            marker={"size": 6}, showlegend=False, customdata=words,
            hovertemplate="expected %{x}: %{customdata}<extra></extra>",
        )
    )  # fmt: skip
    known = [v for v in (*low, *high) if math.isfinite(v)]
    if drawn.layout.yaxis.range and known:
        bottom, top = drawn.layout.yaxis.range
        drawn.update_yaxes(range=[min(bottom, *known), max(top, *known)])
    return drawn


def system(panel: pl.DataFrame, events: pl.DataFrame, date: dt.date) -> Any:
    """Return system TVL of all protocols and of the constant panel."""
    lines = {
        "system_tvl_usd": series.Line(label="all", colour=RAW),
        "panel_system_tvl_usd": series.Line(label="constant", colour=PANEL, dash="dash"),
    }
    title = "System TVL, all protocols and constant panel"
    return series.lines(panel, lines, title=title, unit="USD", events=events, mark=date, zero=True)


def contributions(changes: pl.DataFrame, period: str, limit: int = 8) -> Any:
    """Return the protocols that moved the TVL HHI most, signed."""
    top = largest(changes, limit)
    written = [text.number(v, sign=True) for v in top["hhi_contribution"].to_list()]
    return bars.ranked(
        top["name"].to_list(), top["hhi_contribution"].to_list(), title=f"Who moved the TVL HHI this {period}",
        unit="index", signed=True, written=written, height=theme.HEIGHT,
    )  # fmt: skip


def largest(changes: pl.DataFrame, limit: int) -> pl.DataFrame:
    """Return the rows with the largest contributions, by size."""
    return changes.sort(pl.col("hhi_contribution").abs(), "protocol", descending=[True, False]).head(limit)


def _shaded(
    panel: pl.DataFrame, lines: Mapping[str, series.Line], title: str, kind: Kind, events: pl.DataFrame, date: dt.date
) -> Any:
    drawn = series.lines(panel, lines, title=title, unit=kind.unit, events=events, mark=date)
    recent = panel.filter(pl.col("date").is_between(date - dt.timedelta(days=731), date))[kind.tvl].drop_nans()
    low, high = recent.quantile(0.1), recent.quantile(0.9)
    if low is not None and high is not None and high > low:
        divisor, _ = base.scale([], kind.unit)
        drawn.add_hrect(
            y0=low / divisor, y1=high / divisor, fillcolor="rgba(124,132,142,.13)", line={"width": 0}, layer="below"
        )
    return drawn
