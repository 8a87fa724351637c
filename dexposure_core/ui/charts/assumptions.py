"""How far a loss depends on what is assumed: one small chart an assumption, one line a rule."""

from __future__ import annotations

import math
from typing import Any, Final

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dexposure_core.pipeline.views import PANELS
from dexposure_core.stress import RULES
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base
from dexposure_core.ui.charts.contagion import RULE_COLOURS

TITLES: Final = {
    "capacity": "Share of TVL that absorbs losses",
    "pass_through": "Share of distress that tokens lose",
    "recovery": "Share that a failed debtor still pays",
    "threshold": "Loss from which on it is passed on",
}


def strips(frame: pl.DataFrame, rule: str, own: dict[str, float]) -> Any:
    """Return total loss (% of system TVL) against each assumption in turn, the chosen point of the chosen rule ringed.

    Args:
        frame: as `views.sensitivity` returns it.
        rule: the one shown on the page.
        own: panel → the value shown on the page.
    """
    drawn = make_subplots(
        rows=1, cols=len(PANELS), shared_yaxes=True, horizontal_spacing=0.03,
        subplot_titles=[f"<b>{text.html(TITLES[panel])}</b>" for panel in PANELS],
    )  # fmt: skip
    top = base.figure("If one assumed otherwise", "total loss, % of system TVL; one assumption varied at a time")
    drawn.update_layout(title=top.layout.title, height=370)
    for column, panel in enumerate(PANELS, start=1):
        for i, each in enumerate(RULES):
            rows = frame.filter(pl.col("panel") == panel, pl.col("rule") == each.name).sort("value")
            if rows.height:
                at = own.get(panel) if each.name == rule else None
                drawn.add_trace(_line(rows, each.title, i, at, first=column == 1), row=1, col=column)
    drawn.update_annotations(font_size=12)
    drawn.update_xaxes(tickformat=".0%", nticks=5, exponentformat="none")
    drawn.update_yaxes(rangemode="tozero", nticks=5)
    drawn.update_layout(margin={"t": 118, "l": 34}, legend={"orientation": "h", "y": 1.16, "yanchor": "bottom", "x": 0})
    return drawn


def _line(rows: pl.DataFrame, title: str, place: int, own: float | None, *, first: bool) -> Any:
    colour = RULE_COLOURS[place % len(RULE_COLOURS)]
    sizes = [12 if own is not None and math.isclose(value, own) else 4 for value in rows["value"].to_list()]
    return go.Scatter(
        x=rows["value"].to_list(), y=(rows["loss_fraction"].fill_nan(None) * 100).to_list(), mode="lines+markers",
        name=title, legendgroup=title, showlegend=first, line={"color": colour, "width": 2},
        marker={"size": sizes, "color": colour, "line": {"width": 1, "color": theme.GREYS[0]}},
        customdata=[text.percent(v) for v in rows["loss_fraction"].to_list()],
        hovertemplate=f"{title}, %{{x:.0%}}<br>%{{customdata}}<extra></extra>",
    )  # fmt: skip
