"""Lines over time: levels with labelled events, the snapshot shown marked, names at the lines' ends, no legend."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base, plain

_MARGINS: Final = 120  # pixels of a chart's height that are not its plot
_BESIDE: Final = 0.05  # of the plot's width: how far an event's name reaches to the left of its line
_LEAST_ROOM: Final = 0.06
_MOST_ROOM: Final = 0.8


@dataclass(frozen=True, kw_only=True)
class Line:
    """How one column is drawn: its name at the line's end, its colour, its dash (`solid`, `dash`, `dot`)."""

    label: str
    colour: str = theme.SECTOR_COLOURS[0]
    dash: str = "solid"
    width: float = 2.2


def lines(
    frame: pl.DataFrame,
    series: Mapping[str, Line],
    *,
    title: str,
    unit: str,
    events: pl.DataFrame | None = None,
    mark: dt.date | None = None,
    height: int = theme.HEIGHT,
    zero: bool = False,
) -> Any:
    """Return a line chart.

    Args:
        frame: column `date` and one column per line (null = not defined: a gap).
        series: column → how it is drawn.
        title: what is shown.
        unit: `USD`, `share`, `index`, `count` or `number`.
        events: rows of the events table to draw as labelled lines; the choice of the most telling is made here.
        mark: the snapshot that the page shows.
        height: pixels.
        zero: whether the axis starts at 0.
    """
    every = [v for name in series for v in frame[name].to_list()]
    divisor, unit_name = base.scale(every, unit)
    drawn = base.figure(title, unit_name, height=height)
    days = frame["date"].to_list()
    for name, line in series.items():
        _draw(drawn, days, frame[name], line, divisor, unit)
    room = 0.34
    if events is not None and days:
        major = base.major_events(events, days[0], days[-1])
        base.mark_events(drawn, major)
        room = _room(frame, list(series), major, height, zero=zero)
        _headroom(drawn, every, divisor, zero=zero, room=room)
    _end_labels(drawn, frame, series, divisor, height, zero=zero, room=room)
    if mark and days and mark != days[-1]:
        base.mark_date(drawn, mark)
    drawn.update_yaxes(rangemode="tozero" if zero else "normal")
    right = 12 if len(series) < 2 else 14 + 6.7 * max(len(line.label) for line in series.values())
    drawn.update_layout(hovermode="closest", margin={"l": 46, "r": right, "t": 56})
    base.date_axis(drawn)
    drawn.update_yaxes(automargin=False)
    return drawn


def _draw(drawn: Any, days: list[dt.date], values: pl.Series, line: Line, divisor: float, unit: str) -> None:
    told = values.to_list()
    drawn.add_trace(
        base.trace_type(len(days))(
            x=days, y=[None if v is None or v != v else v / divisor for v in told], mode="lines",
            name=text.html(line.label),
            line={"color": line.colour, "width": line.width, "dash": line.dash}, showlegend=False, connectgaps=False,
            customdata=[text.amount(v, unit) for v in told],
            hovertemplate=f"%{{x|%Y-%m-%d}}<br>{text.html(line.label)} %{{customdata}}<extra></extra>",
        )
    )  # fmt: skip


def _room(frame: pl.DataFrame, names: list[str], events: pl.DataFrame, height: int, *, zero: bool) -> float:
    """Return the room above the lines, as a share of their span, that keeps the events' names off them."""
    rows = [
        (day, [v for v in values if v is not None and v == v]) for day, *values in frame.select("date", *names).rows()
    ]
    tops = [(day, max(known), min(known)) for day, known in rows if known]
    if not tops:
        return _LEAST_ROOM
    high: float = max(top for _, top, _ in tops)
    low = 0.0 if zero else min(low for *_, low in tops)
    beside, needed = (tops[-1][0] - tops[0][0]) * _BESIDE, high
    for day, name in events.select("date", "name").iter_rows():
        near = [top for at, top, _ in tops if day - beside <= at <= day + beside / 4]
        share = min(0.6, base.event_label_px(name) / max(60, height - _MARGINS))
        needed = max([needed, *((value - share * low) / (1 - share) for value in near)])
    span = (high - low) or abs(high) or 1.0
    return min(_MOST_ROOM, max(_LEAST_ROOM, (needed - high) / span + _LEAST_ROOM / 2))


def _headroom(drawn: Any, values: list[float | None], divisor: float, *, zero: bool, room: float) -> None:
    """Leave that much room above the lines, a little below."""
    known = [v / divisor for v in values if v is not None and math.isfinite(v)]
    if not known:
        return
    low, high = (0.0 if zero else min(known)), max(known)
    span = (high - low) or abs(high) or 1.0
    ticks = base.nice_ticks(low, high)
    drawn.update_yaxes(range=[low if zero else low - 0.05 * span, high + room * span], tickvals=ticks)


def band(drawn: Any, frame: pl.DataFrame, low: str, high: str, *, label: str, divisor: float) -> None:
    """Add a shaded band between two columns under the lines (an interval, a range of percentiles)."""
    days = frame["date"].to_list()
    upper, lower = ((frame[c] / divisor).to_list() for c in (high, low))
    drawn.add_trace(plain.scatter(x=days, y=upper, mode="lines", line={"width": 0}, showlegend=False, hoverinfo="skip"))
    drawn.add_trace(
        plain.scatter(
            x=days, y=lower, mode="lines", line={"width": 0}, fill="tonexty", fillcolor="rgba(124,132,142,.18)",
            showlegend=False, name=text.html(label), hoverinfo="skip",
        )
    )  # fmt: skip


def _end_labels(
    drawn: Any, frame: pl.DataFrame, series: Mapping[str, Line], divisor: float, height: int, *,
    zero: bool, room: float,
) -> None:  # fmt: skip
    if len(series) < 2 or frame.is_empty():
        return
    ends = {name: frame[name].drop_nans().drop_nulls() for name in series}
    ends = {name: values for name, values in ends.items() if len(values)}
    every = [float(v) / divisor for values in ends.values() for v in values]
    if not every:
        return
    span = (1 + room) * (max(every) - (0.0 if zero else min(every)) or 1.0)
    least = span * 15 / max(60, height - _MARGINS)
    heights = base.place_labels([float(values[-1]) / divisor for values in ends.values()], least)
    beside = {"x": 1, "xref": "paper", "xanchor": "left", "xshift": 6, "yanchor": "middle", "align": "left"}
    labels = [
        beside | {"y": y, "text": text.html(series[n].label), "font": {"color": series[n].colour, "size": 12}}
        for n, y in zip(ends, heights, strict=True)
    ]
    base.annotate(drawn, labels)
