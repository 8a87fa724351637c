"""When the checks found something: one row a check, one mark a date, the shape says how bad and the size how much."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Final

import polars as pl

from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base, plain

MARKS: Final = {"error": ("x", "alarm"), "warning": ("triangle-up", "up")}
WORDS: Final = {"error": "error", "warning": "warning", "info": "note"}
_SIZES: Final = (6.0, 14.0)
_ROW: Final = 24


def strip(dates: pl.DataFrame, titles: dict[str, str], span: tuple[dt.date, dt.date]) -> Any:
    """Return the time strip of check, severity, date, findings, usd; `titles`: check → row label, top row first.

    `span` is the first and the last date of the axis. Notes are left out: they are known, or too small to matter.
    """
    serious = dates.filter(pl.col("severity").is_in(list(MARKS)))
    rows = [titles[name] for name in titles if name in set(serious["check"])]
    drawn = base.figure(
        "When something was found",
        "✕ error   ▲ warning; one mark a snapshot, larger for more",
        height=130 + _ROW * len(rows),
    )
    colours = theme.mode()
    for severity in reversed(MARKS):
        part = serious.filter(pl.col("severity") == severity)
        if part.is_empty():
            continue
        symbol, name = MARKS[severity]
        colour = getattr(colours, name)
        drawn.add_trace(
            plain.scatter(
                x=part["date"].to_list(), y=[titles[name] for name in part["check"]], mode="markers",
                marker={"symbol": symbol, "size": [_size(n) for n in part["findings"]], "color": colour,
                        "line": {"width": 1, "color": colour}},
                text=[_hover(*row) for row in part.select("date", "findings", "usd").iter_rows()],
                name=WORDS[severity],
                hovertemplate=f"%{{text}} {WORDS[severity]}<extra></extra>",
            )
        )  # fmt: skip
    drawn.update_xaxes(range=list(span))
    drawn.update_yaxes(categoryorder="array", categoryarray=rows[::-1], showgrid=True)
    drawn.update_layout(margin={"t": 64}, showlegend=False)
    base.date_axis(drawn)
    base.room_left(drawn, max((len(row) for row in rows), default=0))
    return drawn


def twice(course: pl.DataFrame) -> Any:
    """Return stacked areas of date, kind, share: what part of TVL is counted twice, by the kind of claim."""
    drawn = base.figure("Counted twice", "% of TVL", height=theme.HEIGHT_SMALL + 60)
    dates = course.select("date").unique().sort("date")
    kinds = (
        course.group_by("kind").agg(pl.sum("share")).sort("share", "kind", descending=[True, False])["kind"].to_list()
    )
    named = list(zip(kinds, theme.SECTOR_COLOURS, strict=False))
    for kind, colour in named:
        line = dates.join(course.filter(pl.col("kind") == kind), on="date", how="left").sort("date")
        drawn.add_trace(
            plain.scatter(
                x=line["date"].to_list(), y=(100 * line["share"].fill_null(0.0)).to_list(), stackgroup="all",
                mode="lines", line={"width": 0.5, "color": colour}, fillcolor=colour, name=text.html(kind),
                hovertemplate=f"%{{x|%Y-%m-%d}}<br>{text.html(kind)} %{{y:.3g}} %<extra></extra>",
            )
        )  # fmt: skip
    base.name_colours(drawn, named, row=3)
    drawn.update_layout(margin={"t": 56 + 16 * (len(named) // 3), "l": 46, "r": 12}, showlegend=False)
    return drawn


def _size(count: int) -> float:
    low, high = _SIZES
    return min(high, low + 2 * math.log2(max(count, 1)))


def _hover(date: object, count: int, usd: float | None) -> str:
    amount = f", {text.usd(usd)}" if usd is not None and math.isfinite(usd) and usd else ""
    return f"{date}: {count}{amount}"
