"""Today, forecast and what happened side by side, each row on its own scale; and expected change by protocol."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base, plain

TODAY: Final = "#7C848E"
FORECAST: Final = "#D9820B"
ACTUAL: Final = "#0B6E99"
_ROW: Final = 40


def beside(
    frame: pl.DataFrame, titles: Sequence[str], units: Sequence[str], *, title: str, weeks: int,
    details: Sequence[str] | None = None,
) -> Any:  # fmt: skip
    """Return one row a number: its expected change in % of today with its interval, and what happened where known.

    Args:
        frame: today, forecast, low, high, actual (NaN = not defined or not known), rows in the order to draw.
        titles: names of the rows.
        units: unit of each row, for the amounts written.
        title: what is shown.
        weeks: horizon.
        details: what to write before the amounts under each name.
    """
    forecast = "◆ expected, 90 % interval" if frame["low"].is_finite().any() else "◆ expected"
    legend = f"{forecast}; ○ happened" if frame["actual"].is_finite().any() else forecast
    unit = f"% of today in {weeks} weeks; 0: persistence; {legend}"
    drawn = base.figure(title, unit, height=110 + _ROW * frame.height)
    rows = list(range(frame.height))
    today = frame["today"].to_list()
    drawn.add_shape(type="line", x0=0, x1=0, y0=-0.6, y1=frame.height - 0.4, line={"color": TODAY, "width": 2})
    for column, colour, name, symbol in (
        ("forecast", FORECAST, "forecast", "diamond"),
        ("actual", ACTUAL, "what happened", "circle-open"),
    ):
        values = frame[column].to_list()
        moves = [_relative(v, t) for v, t in zip(values, today, strict=True)]
        if all(m is None for m in moves):
            continue
        drawn.add_trace(
            plain.scatter(
                x=moves, y=rows, mode="markers", name=name,
                error_x=_whiskers(frame, moves) if column == "forecast" else None,
                marker={"color": colour, "size": 12, "symbol": symbol, "line": {"width": 2.5, "color": colour}},
                customdata=_hover(frame, column, units),
                hovertemplate=f"{name}: %{{customdata}}<extra></extra>",
            )
        )  # fmt: skip
    shown = _row_names(titles, units, details or [""] * frame.height, today, frame["forecast"].to_list())
    drawn.update_yaxes(tickvals=rows, ticktext=shown, autorange="reversed", showgrid=True)
    drawn.update_xaxes(ticksuffix=" %", nticks=5, tickangle=0, zeroline=False, showgrid=True)
    drawn.update_layout(margin={"t": 60}, showlegend=False)
    base.room_left(drawn, max((min(36, len(name)) for name in titles), default=0) - 4)
    return drawn


def _whiskers(frame: pl.DataFrame, moves: Sequence[float | None]) -> dict[str, Any]:
    """Return the interval's ends as distances from the marker, in % of today; none where it is not defined."""
    ends = [
        [_relative(v, t) for v, t in zip(frame[column].to_list(), frame["today"].to_list(), strict=True)]
        for column in ("low", "high")
    ]
    down, up = (
        [0.0 if e is None or m is None else abs(e - m) for e, m in zip(end, moves, strict=True)] for end in ends
    )
    return {
        "type": "data",
        "symmetric": False,
        "array": up,
        "arrayminus": down,
        "color": FORECAST,
        "thickness": 2,
        "width": 5,
    }


def _hover(frame: pl.DataFrame, column: str, units: Sequence[str]) -> list[str]:
    """Return what a marker says: the amounts, and for the forecast its interval and where the number comes from."""
    words = [_beside(t, v, u) for t, v, u in zip(frame["today"], frame[column], units, strict=True)]
    if column != "forecast":
        return words
    rows = zip(words, frame["low"], frame["high"], frame["source"], units, strict=True)
    return [f"{w}{_interval(low, high, u)}<br>served from: {text.html(source)}" for w, low, high, source, u in rows]


def _interval(low: float, high: float, unit: str) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return "<br>no interval"
    return f"<br>90 %: {text.amount(low, unit)} to {text.amount(high, unit)}"


def _row_names(
    titles: Sequence[str], units: Sequence[str], details: Sequence[str], today: list[float], forecast: list[float]
) -> list[str]:
    """Return each row's name and, small under it, what it is of and its amounts."""
    before = [f"{detail}: " if detail else "" for detail in details]
    return [
        f"{text.html(text.short(name, 36))}<br><span style='font-size:10px'>{text.html(more)}{_beside(t, f, u)}</span>"
        for name, more, t, f, u in zip(titles, before, today, forecast, units, strict=True)
    ]


def _relative(value: float | None, today: float | None) -> float | None:
    if value is None or today is None or not (math.isfinite(value) and math.isfinite(today)) or today == 0:
        return None
    return (value / today - 1) * 100


def _beside(today: float | None, forecast: float | None, unit: str) -> str:
    return f"{text.amount(today, unit)} → {text.amount(forecast, unit)}"


def moves(frame: pl.DataFrame, names: Sequence[str], *, title: str) -> Any:
    """Return expected TVL changes as signed bars (`change_usd`) with their intervals, rings at what happened."""
    known = frame.with_columns(happened=pl.col("actual_usd") - pl.col("today_usd"))
    divisor, unit = base.scale([*frame["change_usd"].to_list(), *known["happened"].to_list()], "USD")
    told = ["bar: expected"]
    told += ["whisker: 90 % of futures"] if frame["low_usd"].is_finite().any() else []
    told += ["ring: what happened"] if known["happened"].is_finite().any() else []
    drawn = base.figure(title, f"{unit} against today; {', '.join(told)}", height=120 + 26 * max(4, frame.height))
    rows = list(range(frame.height))
    values = frame["change_usd"].to_list()
    drawn.add_trace(
        plain.bar(
            x=[v / divisor for v in values], y=rows, orientation="h", name="expected", showlegend=False,
            marker={"color": [theme.SECTOR_COLOURS[0] if v < 0 else theme.SECTOR_COLOURS[1] for v in values]},
            error_x=_moved(frame, divisor), customdata=_moves_said(frame),
            hovertemplate="%{customdata}<extra></extra>",
        )
    )  # fmt: skip
    happened = known["happened"].fill_nan(None).to_list()
    if any(v is not None for v in happened):
        drawn.add_trace(
            plain.scatter(
                x=[None if v is None else v / divisor for v in happened], y=rows, mode="markers", showlegend=False,
                marker={"symbol": "circle-open", "size": 11, "color": ACTUAL, "line": {"width": 2.5}},
                customdata=[text.usd(v, sign=True) for v in happened],
                hovertemplate="happened %{customdata}<extra></extra>",
            )
        )  # fmt: skip
    shown = [text.html(text.short(name, 26)) for name in names]
    drawn.update_yaxes(tickvals=rows, ticktext=shown, autorange="reversed", showgrid=False)
    drawn.update_xaxes(zeroline=True, showgrid=True, nticks=5)
    drawn.update_layout(bargap=0.28, margin={"t": 60})
    base.room_left(drawn, max((min(26, len(name)) for name in names), default=0))
    return drawn


def _moved(frame: pl.DataFrame, divisor: float) -> dict[str, Any]:
    """Return the ends of the futures' interval as distances from the expected TVL."""
    up = ((frame["high_usd"] - frame["forecast_usd"]) / divisor).fill_nan(0.0).clip(lower_bound=0.0)
    down = ((frame["forecast_usd"] - frame["low_usd"]) / divisor).fill_nan(0.0).clip(lower_bound=0.0)
    return {"type": "data", "symmetric": False, "array": up.to_list(), "arrayminus": down.to_list(), "color": TODAY,
            "thickness": 1.5, "width": 4}  # fmt: skip


def _moves_said(frame: pl.DataFrame) -> list[str]:
    found = []
    for today, value, low, high, change in frame.select(
        "today_usd", "forecast_usd", "low_usd", "high_usd", "change_usd"
    ).iter_rows():
        span = f"<br>90 %: {text.usd(low)} to {text.usd(high)}" if math.isfinite(low) and math.isfinite(high) else ""
        found.append(f"today {text.usd(today)}, expected {text.usd(value)} ({text.usd(change, sign=True)}){span}")
    return found
