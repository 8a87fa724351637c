"""The chains' pictures: shares and concentration over time, exposure by chain and home or sector, ties by chain."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from dexposure_core.pipeline.chains.system import NO_HOME, OTHERS, Grid
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import bars, base, plain, series

_ROW: Final = 34
_DARK_FROM: Final = 0.62  # share of the scale from which text on a cell is white
_SCALE: Final = [[0, "rgba(11,110,153,0.03)"], [0.5, "rgba(11,110,153,0.40)"], [1, "rgba(7,70,104,1)"]]


def stack(shares: pl.DataFrame, columns: Sequence[str], date: dt.date) -> Any:
    """Return TVL shares of the largest chains, stacked; the rest in grey on top."""
    drawn = base.figure("TVL by chain", "%")
    days, colours = shares["date"].to_list(), _colours(columns)
    for name in columns:
        values = shares[name]
        drawn.add_trace(
            plain.scatter(
                x=days, y=(100 * values).to_list(), name=text.html(name), stackgroup="one", mode="lines",
                line={"width": 0.5, "color": colours[name]}, fillcolor=colours[name], showlegend=False,
                customdata=[text.percent(v) for v in values.to_list()],
                hovertemplate=f"%{{x|%Y-%m-%d}}<br>{text.html(name)} %{{customdata}}<extra></extra>",
            )
        )  # fmt: skip
    base.name_colours(drawn, [(text.short(name, 16), colours[name]) for name in columns], row=6)
    drawn.update_yaxes(range=[0, 100], tickvals=[0, 25, 50, 75, 100], automargin=False)
    drawn.update_layout(margin={"l": 46, "r": 12, "t": 60}, hovermode="closest")
    if days and date != days[-1]:
        base.mark_date(drawn, date)
    return drawn


def concentration(history: pl.DataFrame, events: pl.DataFrame, date: dt.date) -> Any:
    """Return the HHI of TVL over chains."""
    lines = {"hhi": series.Line(label="HHI")}
    title = "Concentration over chains (HHI)"
    return series.lines(history, lines, title=title, unit="index", events=events, mark=date, zero=True)


def grid(of: Grid, *, title: str, unit: str) -> Any:
    """Return exposure by chain (row) and column as a heatmap with totals; `unit` says what rows and columns are."""
    divisor, usd = base.scale([*of.cells.ravel(), of.total], "USD")
    down, across = len(of.rows), len(of.columns)
    drawn = base.figure(title, f"{unit}; {usd}", height=200 + _ROW * (down + 1))
    shade = np.sqrt(of.cells)
    top = float(shade.max(initial=0.0)) or 1.0
    drawn.add_trace(
        plain.heatmap(
            z=shade, x=list(range(across)), y=list(range(down)), showscale=False, xgap=2, ygap=2, colorscale=_SCALE,
            zmin=0.0, zmax=top, hovertemplate="%{customdata}<extra></extra>", customdata=_hover(of),
        )
    )  # fmt: skip
    _numbers(drawn, of, shade / top, divisor)
    _totals(drawn, of, divisor)
    _axes(drawn, of)
    return drawn


def ties(by_chain: pl.DataFrame, limit: int = 12) -> Any:
    """Return bridged and wrapped tokens by the chain they are held on, each with its share of the chain's TVL."""
    rows = by_chain.head(limit)
    written = [
        f"{text.usd(u, unit=False)} ({text.percent(s)})" for u, s in rows.select("tied_usd", "tied_share").rows()
    ]
    return bars.ranked(
        rows["chain"].to_list(), rows["tied_usd"].to_list(), title="Bridged and wrapped tokens, by chain", unit="USD",
        written=written,
    )  # fmt: skip


def _colours(names: Sequence[str]) -> dict[str, str]:
    colours = dict(zip(names, theme.SECTOR_COLOURS, strict=False))
    return colours | {OTHERS: theme.GREYS[1]}


def _hover(of: Grid) -> list[list[str]]:
    return [
        [f"{text.html(r)} → {text.html(c)}<br>{text.usd(float(of.cells[i, j]))}" for j, c in enumerate(of.columns)]
        for i, r in enumerate(of.rows)
    ]


def _numbers(drawn: Any, of: Grid, depth: np.ndarray[Any, Any], divisor: float) -> None:
    """Write the amounts: in the theme's ink on pale cells, in white on deep ones."""
    rows, columns = np.nonzero(of.cells)
    deep = depth[rows, columns] >= _DARK_FROM
    for where, colour in ((~deep, None), (deep, "#FFFFFF")):
        amounts = of.cells[rows[where], columns[where]]
        drawn.add_trace(
            plain.scatter(
                x=columns[where], y=rows[where], mode="text", hoverinfo="skip", showlegend=False,
                text=[_written(usd, divisor) for usd in amounts],
                textfont={"size": 12} | ({"color": colour} if colour else {}),
            )
        )  # fmt: skip


def _totals(drawn: Any, of: Grid, divisor: float) -> None:
    down, across = len(of.rows), len(of.columns)
    places = [(across, row, value) for row, value in enumerate(of.cells.sum(axis=1))]
    places += [(column, down, value) for column, value in enumerate(of.cells.sum(axis=0))]
    x, y, values = zip(*[*places, (across, down, of.total)], strict=True)
    drawn.add_trace(
        plain.scatter(
            x=x, y=y, mode="text", hoverinfo="skip", showlegend=False, textfont={"size": 12, "weight": "bold"},
            text=[_written(v, divisor) or "0" for v in values],
        )
    )  # fmt: skip
    line = {"type": "line", "line": {"width": 1, "color": "#7C848E"}}
    drawn.add_shape(x0=-0.5, x1=across + 0.5, y0=down - 0.5, y1=down - 0.5, **line)
    drawn.add_shape(x0=across - 0.5, x1=across - 0.5, y0=-0.5, y1=down + 0.5, **line)


def _axes(drawn: Any, of: Grid) -> None:
    down, across = len(of.rows), len(of.columns)
    fixed = {"showgrid": False, "zeroline": False, "showline": False, "fixedrange": True}
    heads = [_folded(name) for name in of.columns]
    names = [text.html(text.short(name, 18)) for name in of.rows]
    drawn.update_xaxes(
        tickvals=list(range(across + 1)), ticktext=[*heads, "<b>Total</b>"], side="top", range=[-0.5, across + 0.5],
        tickangle=0, tickfont={"size": 11}, **fixed,
    )  # fmt: skip
    drawn.update_yaxes(
        tickvals=list(range(down + 1)), ticktext=[*names, "<b>Total</b>"], range=[down + 0.5, -0.5], **fixed
    )
    drawn.update_layout(margin={"t": 128, "b": 58}, dragmode=False)
    base.room_left(drawn, max(map(len, names)))


def _folded(name: str) -> str:
    """Break a heading into at most three lines of about eleven letters."""
    if name == NO_HOME:
        return "No assets<br>of its own"
    lines: list[str] = []
    for word in text.short(name, 44).split():
        if lines and len(lines[-1]) + len(word) < 11:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "<br>".join(text.html(text.short(line, 14)) for line in lines[:3])


def _written(value: float, divisor: float) -> str:
    scaled = value / divisor
    if scaled < 0.005:
        return ""
    return f"{scaled:.0f}" if scaled >= 99.5 else f"{scaled:.1f}" if scaled >= 9.95 else f"{scaled:.2f}"
