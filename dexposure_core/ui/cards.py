"""Indicator cards: level, change, place in its own two years, sparkline with events; plain HTML and SVG, no script."""

from __future__ import annotations

import base64
import datetime as dt
import math
from collections.abc import Mapping, Sequence

import polars as pl
import streamlit as st

from dexposure_core.pipeline import phrases
from dexposure_core.pipeline.definitions import define
from dexposure_core.pipeline.indicators import Position
from dexposure_core.pipeline.palette import Mode
from dexposure_core.ui import explain, text, theme
from dexposure_core.ui.charts import base
from dexposure_core.ui.view import View

_WIDTH, _HEIGHT = 200, 44


def draw(
    positions: Sequence[Position], view: View, events: pl.DataFrame, pages: dict[str, str],
    ahead: Mapping[str, tuple[float, float, float]] | None = None,
) -> None:  # fmt: skip
    """Draw the cards in a row that wraps.

    Args:
        positions: the indicators.
        view: what the page shows.
        events: for the ticks in the sparklines.
        pages: measure → key of the page that tells more.
        ahead: measure or `loss:<scenario>:<rule>` → what is expected, low, high; None when no forecast is known.
    """
    cards = "".join(
        _card(p, view, events, pages.get(p.indicator.measure, "overview"), expected(p, view.horizon, ahead or {}))
        for p in positions
    )
    st.html(f'<div class="cards">{cards}</div>')


def sparkline(history: pl.DataFrame, date: dt.date, since: dt.date, events: Sequence[dt.date], mode: Mode) -> str:
    """Return a picture: the window's values, ticks at events, a dot at the date; empty with fewer than two values."""
    window = history.filter(pl.col("date").is_between(since, date))
    values = [math.nan if v is None else float(v) for v in window["value"].to_list()]
    known = [v for v in values if math.isfinite(v)]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    days = [(d - since).days for d in window["date"].to_list()]
    across = (_WIDTH - 8) / max(1, days[-1])
    rise = (_HEIGHT - 10) / (high - low or 1.0)
    points = [(4 + d * across, _HEIGHT - 5 - (v - low) * rise) for d, v in zip(days, values, strict=True) if v == v]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    ticks = "".join(
        f'<path d="M{4 + (e - since).days * across:.1f} 0V{_HEIGHT}" stroke="{theme.GREYS[1]}" stroke-dasharray="2 2"/>'
        for e in events
        if since <= e <= date
    )
    x, y = points[-1]
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none">{ticks}'
        f'<polyline points="{path}" fill="none" stroke="{mode.accent}" stroke-width="1.8" '
        f'vector-effect="non-scaling-stroke"/><circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{mode.accent}"/></svg>'
    )
    source = f"data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode()}"
    return f'<img class="spark" src="{source}" alt="Course since {since}">'


def expected(position: Position, horizon: int, ahead: Mapping[str, tuple[float, float, float]]) -> str:
    """Return the card's line on the forecast: expected level and 90 % interval; empty when there is none."""
    unit = position.indicator.unit
    name = f"loss:{position.detail}" if position.detail else position.indicator.measure
    value, low, high = ahead.get(name, (math.nan, math.nan, math.nan))
    if not math.isfinite(value):
        return ""
    known = math.isfinite(low) and math.isfinite(high)
    span = f"<br>90 %: {_plain(low, unit)} to {_plain(high, unit)}" if known else ""
    return f'<div class="ahead">◆ in {text.plural(horizon, "week")} <b>{text.amount(value, unit)}</b>{span}</div>'


def _plain(value: float, unit: str) -> str:
    return text.usd(value, unit=False) if unit == "USD" else text.amount(value, unit)


def _card(position: Position, view: View, events: pl.DataFrame, page: str, ahead: str) -> str:
    indicator, mode = position.indicator, theme.mode()
    detail = f" ({text.html(loss_name(position.detail))})" if position.detail else ""
    arrow = "▲" if position.change > 0 else "▼" if position.change < 0 else ""
    rarity = text.html(phrases.rarity(position, view.date, view.period)) if position.flag else ""
    flag = f'<span class="flag" style="color:{mode.alarm}">⚑ {rarity}</span>' if rarity else ""
    ticks = base.major_events(events, position.since, view.date, limit=4)["date"].to_list()
    spark = sparkline(position.history, view.date, position.since, ticks, mode)
    standing = text.html(phrases.standing(position, view.date))
    return (
        f'<div class="card"><div class="head"><a class="name" href="{text.html(view.link(page))}" target="_self">'
        f"{text.html(indicator.title)}</a>{explain.box(define(indicator.measure), view)}</div>"
        f'<div class="level">{text.html(text.amount(position.level, indicator.unit))}</div>'
        f'<div class="change">{arrow} {text.html(phrases.moved(position))} this {view.period} {flag}</div>'
        f"{spark}{ahead}"
        f'<div class="track"><i style="left:{_percent(position)}%"></i></div>'
        f'<div class="note">{standing}</div><div class="note">{text.html(indicator.meaning)}{detail}</div></div>'
    )


def loss_name(detail: str) -> str:
    """Write `top-5:linear-debtrank` as `top-5, linear DebtRank`."""
    scenario, _, rule = detail.partition(":")
    named = {"linear-debtrank": "linear DebtRank", "dexposure-loss-sharing": "DeXposure loss sharing"}
    return f"{scenario}, {named.get(rule, rule)}" if rule else scenario


def _percent(position: Position) -> int:
    return round(100 * position.percentile) if math.isfinite(position.percentile) else 0
