"""Pictures of a shock: losses by round and sector, the range over rules and capacities, and how it spread in rings."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from dexposure_core.pipeline.palette import Mode
from dexposure_core.pipeline.views import Shocked
from dexposure_core.stress import MEASURED_RULES, MEASURED_SCENARIOS
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import bars, base, network, plain, series
from dexposure_core.ui.charts.network import Picture
from dexposure_core.ui.graph import draw
from dexposure_core.ui.graph.rings import rings

DIRECT: Final = "#8E1B20"
INDUCED: Final = "#E8743B"
ROUNDS: Final = ("#8E1B20", "#C8432A", "#E8743B", "#F2A976", "#B9A79B")  # round 0, 1, 2, 3, later
RULE_COLOURS: Final = ("#0B6E99", "#D9820B", "#7A5BB5", "#0B8F6F", "#B9487F")
_ROW: Final = 26


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How a shock spread, drawn; `explained` is the share of the loss by contagion that the arrows carry."""

    picture: Picture
    explained: float


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
        plain.bar(
            x=list(range(len(labels))), y=[v / divisor for v in values],
            marker={"color": [round_colour(i) for i in range(len(labels))]},
            text=[f"{text.usd(v, unit=False)}<br>{text.count(c)}" for v, c in zip(values, counts, strict=True)],
            textposition="outside", cliponaxis=False, textfont={"size": 12}, textangle=0, constraintext="none",
            hoverinfo="skip", showlegend=False,
        )
    )  # fmt: skip
    top = max((v / divisor for v in values), default=1.0) or 1.0
    across = [-0.6, max(len(labels), 4) - 0.4]  # one column alone would fill the chart
    drawn.update_xaxes(tickvals=list(range(len(labels))), ticktext=labels, tickangle=0, range=across)
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
    drawn = base.figure(title, unit, height=130 + _ROW * limit)  # as high with few rows: charts stand in pairs
    base.name_colours(drawn, [("at once", DIRECT), ("by contagion", INDUCED)])
    rows = list(range(frame.height))
    for column, colour, name in (("direct_usd", DIRECT, "at once"), ("induced_usd", INDUCED, "by contagion")):
        drawn.add_trace(
            plain.bar(
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
    shown = [text.html(text.short(name, 26)) for name in frame[names].to_list()]
    drawn.update_yaxes(tickvals=rows, ticktext=shown, autorange="reversed", showgrid=False)
    drawn.update_xaxes(nticks=5, showgrid=True)
    drawn.update_layout(barmode="stack", bargap=0.28, margin={"t": 60})
    base.room_left(drawn, max((min(26, len(name)) for name in frame[names].to_list()), default=0))
    losses = frame["loss_usd"].to_list()
    bars.room(drawn, [float(v) / divisor for v in losses], [text.usd(v, unit=False) for v in losses])
    return drawn


def over_rules(frame: pl.DataFrame, capacity: float) -> list[float]:
    """Return the loss fractions of all rules at one capacity, from `views.sensitivity`."""
    here = frame.filter(pl.col("panel") == "capacity", pl.col("value") == capacity)
    return here["loss_fraction"].to_list()


def measured(shock: Shocked) -> bool:
    """Return whether a shock's losses are measured in every snapshot."""
    return shock.kind == "scenario" and shock.name in {scenario.name for scenario in MEASURED_SCENARIOS}


def loss_names(scenario: str) -> tuple[str, ...]:
    """Return the names of a scenario's losses in the measures table, one a rule."""
    return tuple(f"loss:{scenario}:{rule.name}" for rule in MEASURED_RULES)


def weeks(history: pl.DataFrame, events: pl.DataFrame, day: dt.date) -> Any:
    """Return a standard scenario's loss over all snapshots, one line a rule (all of TVL absorbs, all is passed on)."""
    lines = {
        column: series.Line(label=rule.title.removeprefix("DeXposure "), colour=RULE_COLOURS[i % len(RULE_COLOURS)])
        for i, (column, rule) in enumerate(zip(history.columns[1:], MEASURED_RULES, strict=True))
    }
    title = "The same scenario in every snapshot, % of TVL lost"
    return series.lines(history, lines, title=title, unit="share", events=events, mark=day, zero=True)


def spread(losers: pl.DataFrame, channels: pl.DataFrame, rounds: pl.DataFrame, mode: Mode, link: str) -> Spread:
    """Return the picture of who lost in which round, and through whom; `rounds` as of `StressResult.rounds`."""
    shown = rings(losers, channels, mode.loss[1:], theme.GREYS[0])
    page = draw(
        shown.nodes,
        shown.edges,
        shown.legend,
        network.ink(mode),
        note="of what it can lose · area: TVL · arrow: the way the loss took",
        open_link=link,
        guides=shown.guides,
        steps=[_step(*row) for row in rounds.select("round", "total_usd", "protocols_hit").iter_rows()],
    )
    picture = Picture(page=page, nodes=shown.nodes, edges=shown.edges, legend=shown.legend)
    return Spread(picture=picture, explained=shown.explained)


def _step(number: int, total_usd: float, hit: int) -> str:
    when = "The shock" if number == 0 else f"Up to round {number}"
    return f"{when}: {text.usd(total_usd)} lost, {text.plural(hit, 'protocol')} hit"


def spread_words(spread: Spread, losers: pl.DataFrame, channels: pl.DataFrame) -> str:
    """Say how much of the spread the picture shows."""
    shown = losers.filter(pl.col("protocol").is_in([node.id for node in spread.picture.nodes]))
    total = float(losers["loss_usd"].sum()) or math.nan
    share = text.percent(float(shown["loss_usd"].sum()) / total)
    words = f"{text.count(shown.height)} of {text.plural(losers.height, 'protocol')} hit, {share} of the loss"
    if not spread.picture.edges:
        return f"{words}; nothing was lost by contagion."
    shown_edges = text.plural(len(spread.picture.edges), "largest transmission")
    return (
        f"{words}; the {shown_edges} of {text.count(channels.height)} "
        f"explain {text.percent(spread.explained)} of the loss by contagion."
    )


def loser_table(losers: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of the losers' table that a screen has room for."""
    return losers.select("protocol", "name", "loss_usd", "distress", "first_round")
