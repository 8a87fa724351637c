"""Pictures of a shock: losses by round and sector, the range over rules and capacities, and how it spread in rings."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Final

import plotly.graph_objects as go
import polars as pl

from dexposure_core.pipeline.views import Shocked
from dexposure_core.stress import MEASURED_RULES, MEASURED_SCENARIOS, RULES
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base, series
from dexposure_core.ui.charts.network import Picture
from dexposure_core.ui.graph import Ink, draw
from dexposure_core.ui.graph.rings import rings

DIRECT: Final = "#8E1B20"
INDUCED: Final = "#E8743B"
ROUNDS: Final = ("#8E1B20", "#C8432A", "#E8743B", "#F2A976", "#B9A79B")  # round 0, 1, 2, 3, later
_RULES: Final = ("#0B6E99", "#D9820B", "#7A5BB5", "#0B8F6F", "#B9487F")
_ROW: Final = 26


def round_colour(number: int) -> str:
    """Return the colour of a round: dark for the shock, paler for what comes later."""
    return ROUNDS[min(number, len(ROUNDS) - 1)]


def by_round(frame: pl.DataFrame, *, limit: int = 7) -> Any:
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
    drawn = base.figure("Losses by round", f"{unit} lost in each round; below it, protocols hit", height=theme.HEIGHT)
    drawn.add_trace(
        go.Bar(
            x=list(range(len(labels))), y=[v / divisor for v in values],
            marker={"color": [round_colour(i) for i in range(len(labels))]},
            text=[f"{text.usd(v, unit=False)}<br>{text.count(c)}" for v, c in zip(values, counts, strict=True)],
            textposition="outside", cliponaxis=False, textfont={"size": 12}, textangle=0, constraintext="none",
            hoverinfo="skip", showlegend=False,
        )
    )  # fmt: skip
    top = max((v / divisor for v in values), default=1.0) or 1.0
    drawn.update_xaxes(tickvals=list(range(len(labels))), ticktext=labels, tickangle=0)
    drawn.update_yaxes(range=[0, top * 1.22], nticks=5)
    drawn.update_layout(margin={"t": 60}, bargap=0.3)
    base.room_left(drawn, 4)
    return drawn


def by_group(frame: pl.DataFrame, names: str, *, title: str, limit: int = 10) -> Any:
    """Return direct and induced losses stacked, one row a sector or protocol that lost, the total written beside.

    Args:
        frame: direct_usd, induced_usd, loss_usd, in the order to draw.
        names: the column of the rows' labels, untrusted.
        title: what is shown.
        limit: how many rows.
    """
    frame = frame.filter(pl.col("loss_usd") > 0).head(limit)
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
    shown = [text.html(text.short(name, 26)) for name in frame[names].to_list()]
    drawn.update_yaxes(tickvals=rows, ticktext=shown, autorange="reversed", showgrid=False)
    drawn.update_xaxes(range=[0, top * 1.22], nticks=5, showgrid=True)
    drawn.update_layout(barmode="stack", bargap=0.28, margin={"t": 60})
    base.room_left(drawn, max((min(26, len(name)) for name in frame[names].to_list()), default=0))
    return drawn


def strip(frame: pl.DataFrame, rule: str, capacity: float) -> Any:
    """Return total loss against the share of TVL that absorbs losses, one line a rule, the chosen point ringed.

    Args:
        frame: rule, capacity (share of TVL), loss_fraction (share of system TVL).
        rule: the one shown on the page.
        capacity: the one shown on the page.
    """
    drawn = base.figure(
        "If protocols can absorb less, or more", "total loss, % of system TVL; across: share of TVL that absorbs losses"
    )
    for i, each in enumerate(RULES):
        rows = frame.filter(pl.col("rule") == each.name)
        colour = _RULES[i % len(_RULES)]
        here = [13 if c == capacity and each.name == rule else 6 for c in rows["capacity"].to_list()]
        drawn.add_trace(
            go.Scatter(
                x=rows["capacity"].to_list(), y=(rows["loss_fraction"].fill_nan(None) * 100).to_list(),
                mode="lines+markers", name=each.title, line={"color": colour, "width": 2.2},
                marker={"size": here, "color": colour},
                customdata=[text.percent(v) for v in rows["loss_fraction"].to_list()],
                hovertemplate=f"{each.title}, %{{x:.0%}} of TVL<br>%{{customdata}}<extra></extra>",
            )
        )  # fmt: skip
    drawn.update_xaxes(tickformat=".0%")
    drawn.update_yaxes(rangemode="tozero", nticks=5)
    legend = 20 * math.ceil(len(RULES) / 2)  # px: two names side by side
    drawn.update_layout(margin={"t": 64 + legend}, legend={"y": 1.0}, height=330 + legend)
    base.room_left(drawn, 4)
    return drawn


def over_rules(frame: pl.DataFrame, capacity: float) -> list[float]:
    """Return the loss fractions of all rules at one capacity."""
    return frame.filter(pl.col("capacity") == capacity)["loss_fraction"].to_list()


def measured(shock: Shocked) -> bool:
    """Return whether a shock's losses are measured in every snapshot."""
    return shock.kind == "scenario" and shock.name in {scenario.name for scenario in MEASURED_SCENARIOS}


def loss_names(scenario: str) -> tuple[str, ...]:
    """Return the names of a scenario's losses in the measures table, one a rule."""
    return tuple(f"loss:{scenario}:{rule.name}" for rule in MEASURED_RULES)


def weeks(history: pl.DataFrame, events: pl.DataFrame, day: dt.date) -> Any:
    """Return a standard scenario's loss over all snapshots, one line a rule (all of TVL absorbs, all is passed on)."""
    lines = {
        column: series.Line(label=rule.title.split(" (", maxsplit=1)[0], colour=_RULES[i % len(_RULES)])
        for i, (column, rule) in enumerate(zip(history.columns[1:], MEASURED_RULES, strict=True))
    }
    title = "The same scenario in every snapshot, % of TVL lost"
    return series.lines(history, lines, title=title, unit="share", events=events, mark=day, zero=True)


def spread(losers: pl.DataFrame, channels: pl.DataFrame, ink: Ink, link: str) -> Picture:
    """Return the picture of who lost in which round, and through whom."""
    nodes, edges, legend = rings(losers, channels, round_colour)
    page = draw(
        nodes,
        edges,
        legend,
        ink,
        note="area: USD lost (those struck: capped) · arrow: the way the loss took",
        open_link=link,
    )
    return Picture(page=page, nodes=nodes, edges=edges, legend=legend)


def spread_words(picture: Picture, losers: pl.DataFrame, channels: pl.DataFrame) -> str:
    """Say how much of the spread the picture shows."""
    shown = losers.filter(pl.col("protocol").is_in([node.id for node in picture.nodes]))
    total = float(losers["loss_usd"].sum()) or math.nan
    share = text.percent(float(shown["loss_usd"].sum()) / total)
    return (
        f"{text.count(len(picture.nodes))} of {text.plural(losers.height, 'protocol')} hit, {share} of the loss; "
        f"{text.count(len(picture.edges))} of {text.plural(channels.height, 'exposure')} that carried it."
    )


def loser_table(losers: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of the losers' table that a screen has room for."""
    return losers.select("protocol", "name", "first_round", "loss_usd", "distress").head(500)
