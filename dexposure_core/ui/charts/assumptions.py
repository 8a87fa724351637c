"""How far a loss depends on what is assumed: one small chart an assumption, one line a rule."""

from __future__ import annotations

import math
import textwrap
from typing import Any, Final

import polars as pl

from dexposure_core.pipeline.views import PANELS
from dexposure_core.stress import RULES
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base, plain
from dexposure_core.ui.charts.contagion import RULE_COLOURS

TITLES: Final = {
    "capacity": "Share of TVL that absorbs losses",
    "pass_through": "Share of distress that tokens lose",
    "recovery": "Share that a failed debtor still pays",
    "threshold": "Loss from which on it is passed on",
}
_ACROSS: Final = 2  # charts beside each other: what a phone shows readably
_BREAK: Final = "<br>"


def strips(frame: pl.DataFrame, rule: str, own: dict[str, float]) -> Any:
    """Return total loss (% of system TVL) against each assumption in turn, the chosen point of the chosen rule ringed.

    Args:
        frame: as `views.sensitivity` returns it.
        rule: the one shown on the page.
        own: panel → the value shown on the page.
    """
    drawn = plain.subplots(
        [f"<b>{_BREAK.join(textwrap.wrap(TITLES[panel], 20))}</b>" for panel in PANELS],
        rows=len(PANELS) // _ACROSS, cols=_ACROSS, shared_yaxes="all", horizontal_spacing=0.06, vertical_spacing=0.22,
    )  # fmt: skip
    top = base.figure("If one assumed otherwise", "% of system TVL lost")
    drawn.update_layout(title=top.layout.title, height=600, showlegend=False, margin={"t": 146, "l": 34})
    for number, panel in enumerate(PANELS):
        for i, each in enumerate(RULES):
            rows = frame.filter(pl.col("panel") == panel, pl.col("rule") == each.name).sort("value")
            if rows.height:
                at = own.get(panel) if each.name == rule else None
                drawn.add_trace(_line(rows, each.title, i, at) | plain.axes(number + 1))
    drawn.update_annotations(font={"size": 12})
    drawn.update_xaxes(tickformat=".0%", nticks=5, exponentformat="none", tickangle=0)
    drawn.update_yaxes(rangemode="tozero", nticks=5)
    base.name_colours(drawn, [(each.title, _colour(i)) for i, each in enumerate(RULES)], row=2)
    return drawn


def _colour(place: int) -> str:
    return RULE_COLOURS[place % len(RULE_COLOURS)]


def _line(rows: pl.DataFrame, title: str, place: int, own: float | None) -> Any:
    colour = _colour(place)
    sizes = [12 if own is not None and math.isclose(value, own) else 4 for value in rows["value"].to_list()]
    return plain.scatter(
        x=rows["value"].to_list(), y=(rows["loss_fraction"].fill_nan(None) * 100).to_list(), mode="lines+markers",
        name=title, line={"color": colour, "width": 2},
        marker={"size": sizes, "color": colour, "line": {"width": 1, "color": theme.GREYS[0]}},
        customdata=[text.percent(v) for v in rows["loss_fraction"].to_list()],
        hovertemplate=f"{title}, %{{x:.0%}}<br>%{{customdata}}<extra></extra>",
    )  # fmt: skip
