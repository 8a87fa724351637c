"""What a rule watches over time, its threshold, and where it fired."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from dexposure_core.pipeline.alerts import Rule
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base, plain, series

_FIRED = theme.SECTOR_COLOURS[5]


def course(seen: pl.DataFrame, rule: Rule, title: str, events: pl.DataFrame, date: dt.date) -> Any:
    """Return the chart of `alerts.judge.course`: the value, a dot at each firing, the threshold as a dashed line."""
    drawn = series.lines(
        seen, {"value": series.Line(label=title)}, title=text.short(title, 48), unit=rule.unit, events=events,
        mark=date,
    )  # fmt: skip
    divisor, _ = base.scale(seen["value"].to_list(), rule.unit)
    fired = seen.filter("fired")
    drawn.add_trace(
        plain.scatter(
            x=fired["date"].to_list(), y=(fired["value"] / divisor).to_list(), mode="markers", name="fired",
            marker={"color": _FIRED, "size": 7}, showlegend=False,
            customdata=[text.amount(v, rule.unit) for v in fired["value"].to_list()],
            hovertemplate="%{x|%Y-%m-%d}<br>fired at %{customdata}<extra></extra>",
        )
    )  # fmt: skip
    if rule.is_threshold:
        drawn.add_hline(y=rule.threshold / divisor, line={"color": _FIRED, "width": 1.2, "dash": "dash"})
    told = [("fired", _FIRED), *([("threshold, dashed", _FIRED)] if rule.is_threshold else [])]
    base.name_colours(drawn, told)
    return drawn
