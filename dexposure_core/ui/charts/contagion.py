"""Pictures of a shock: losses by round and sector, the range over rules and capacities, and how it spread in rings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import plotly.graph_objects as go
import polars as pl

from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base

DIRECT: Final = "#5E0D16"
INDUCED: Final = "#DE6238"
ROUNDS: Final = ("#5E0D16", "#A8281E", "#DE6238", "#F0A070", "#B9A79B")  # round 0, 1, 2, 3, later
_RULES: Final = ("#0B6E99", "#D9820B", "#7A5BB5", "#0B8F6F", "#B9487F")
_ROW: Final = 26


def round_colour(number: int) -> str:
    """Return the colour of a round: dark for the shock, paler for what comes later."""
    return ROUNDS[min(number, len(ROUNDS) - 1)]


def by_round(frame: pl.DataFrame, *, limit: int = 12) -> Any:
    """Return losses in each round as columns (`round, loss_usd, protocols_hit`); rounds after `limit` are summed."""
    shown = frame.head(limit)
    rest = frame.slice(limit)
    labels = ["shock", *(str(r) for r in shown["round"].to_list()[1:])]
    values, counts = shown["loss_usd"].to_list(), shown["protocols_hit"].to_list()
    if rest.height:
        labels.append("later")
        values.append(float(rest["loss_usd"].sum()))
        counts.append(int(rest["protocols_hit"].to_list()[-1]))
    divisor, unit = base.scale(values, "USD")
    drawn = base.figure("Losses by round", f"{unit} newly lost; below it, protocols hit so far", height=theme.HEIGHT)
    drawn.add_trace(
        go.Bar(
            x=list(range(len(labels))), y=[v / divisor for v in values],
            marker={"color": [round_colour(i) for i in range(len(labels))]},
            text=[f"{text.usd(v, unit=False)}<br>{text.count(c)}" for v, c in zip(values, counts, strict=True)],
            textposition="outside", cliponaxis=False, textfont={"size": 11}, hoverinfo="skip", showlegend=False,
        )
    )  # fmt: skip
    top = max((v / divisor for v in values), default=1.0) or 1.0
    drawn.update_xaxes(tickvals=list(range(len(labels))), ticktext=labels, title={"text": "round"})
    drawn.update_yaxes(range=[0, top * 1.22], nticks=5)
    drawn.update_layout(margin={"t": 60, "b": 76}, bargap=0.3)
    return drawn


def by_group(frame: pl.DataFrame, names: Sequence[str], *, title: str) -> Any:
    """Return direct and induced losses stacked, one row a sector or protocol, the total written beside.

    Args:
        frame: direct_usd, induced_usd, loss_usd, in the order to draw.
        names: labels of the rows, untrusted.
        title: what is shown.
    """
    divisor, unit = base.scale(frame["loss_usd"].to_list(), "USD")
    drawn = base.figure(title, f"{unit}; dark: at once, light: by contagion", height=130 + _ROW * max(4, frame.height))
    rows = list(range(frame.height))
    for column, colour, name in (("direct_usd", DIRECT, "at once"), ("induced_usd", INDUCED, "by contagion")):
        drawn.add_trace(
            go.Bar(
                x=(frame[column] / divisor).to_list(), y=rows, orientation="h", marker={"color": colour},
                showlegend=False,
                customdata=[text.usd(v) for v in frame[column].to_list()],
                hovertemplate=f"{name} %{{customdata}}<extra></extra>",
            )
        )  # fmt: skip
    for row, value in enumerate(frame["loss_usd"].to_list()):
        drawn.add_annotation(
            x=value / divisor, y=row, text=text.usd(value, unit=False), xanchor="left", xshift=4, font={"size": 12}
        )
    top = max((float(v) / divisor for v in frame["loss_usd"].to_list()), default=1.0) or 1.0
    shown = [text.html(text.short(name, 26)) for name in names]
    drawn.update_yaxes(tickvals=rows, ticktext=shown, autorange="reversed", showgrid=False)
    drawn.update_xaxes(range=[0, top * 1.22], nticks=5, showgrid=True)
    drawn.update_layout(barmode="stack", bargap=0.28, margin={"t": 60})
    return drawn


def strip(frame: pl.DataFrame, titles: Mapping[str, str], *, chosen: tuple[str, float]) -> Any:
    """Return total loss against the share of TVL that absorbs losses, one line a rule, the chosen point ringed.

    Args:
        frame: rule, capacity (multiple of TVL), loss_fraction (share of system TVL).
        titles: rule → its title.
        chosen: (rule, capacity) shown on the page.
    """
    drawn = base.figure(
        "If protocols can absorb less, or more", "total loss, % of system TVL, by share of TVL that absorbs losses"
    )
    for i, (rule, title) in enumerate(titles.items()):
        rows = frame.filter(pl.col("rule") == rule)
        colour = _RULES[i % len(_RULES)]
        here = [6 if c != chosen[1] or rule != chosen[0] else 13 for c in rows["capacity"].to_list()]
        drawn.add_trace(
            go.Scatter(
                x=rows["capacity"].to_list(), y=(rows["loss_fraction"].fill_nan(None) * 100).to_list(),
                mode="lines+markers", name=title,
                line={"color": colour, "width": 2.2}, marker={"size": here, "color": colour},
                customdata=[text.percent(v) for v in rows["loss_fraction"].to_list()],
                hovertemplate=f"{text.html(title)}, %{{x:.0%}} of TVL<br>%{{customdata}}<extra></extra>",
            )
        )  # fmt: skip
    drawn.update_xaxes(tickformat=".0%", title={"text": "loss-absorbing share of TVL"})
    drawn.update_yaxes(rangemode="tozero", nticks=5)
    drawn.update_layout(margin={"t": 84, "b": 76}, legend={"y": 1.0})
    return drawn
