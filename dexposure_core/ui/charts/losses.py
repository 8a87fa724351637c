"""Pictures of many shocks: the distribution of drawn losses, and who mattered most over time."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from dexposure_core.stress.montecarlo import LossDistribution
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base, plain
from dexposure_core.ui.charts.contagion import INDUCED

BARS: Final = 40


def distribution(losses: LossDistribution) -> Any:
    """Return drawn losses as columns, with the mean, value at risk and expected shortfall as labelled lines."""
    drawn_usd = losses.total_usd.tolist()
    divisor, unit = base.scale(drawn_usd, "USD")
    drawn = base.figure("What drawn shocks cost", f"draws by total loss, {unit}")
    drawn.add_trace(
        plain.histogram(
            x=[usd / divisor for usd in drawn_usd], nbinsx=BARS, marker={"color": INDUCED}, showlegend=False,
            hovertemplate="%{x}: %{y} draws<extra></extra>",
        )
    )  # fmt: skip
    marks = (
        ("mean", losses.mean_usd, "solid"),
        (f"value at risk {100 * losses.confidence:g} %", losses.var_usd, "dash"),
        ("expected shortfall", losses.es_usd, "dot"),
    )
    for row, (name, usd, dash) in enumerate(marks):
        drawn.add_vline(x=usd / divisor, line={"dash": dash, "width": 1.6, "color": theme.GREYS[0]})
        drawn.add_annotation(
            x=usd / divisor, y=1 - 0.1 * row, yref="paper", xanchor="left", xshift=4, showarrow=False,
            text=f"{name} {text.usd(usd)}", font={"size": 12},
        )  # fmt: skip
    drawn.update_layout(bargap=0.05, margin={"t": 60})
    drawn.update_yaxes(nticks=5)
    base.room_left(drawn, 4)
    return drawn


def histogram_table(losses: LossDistribution) -> pl.DataFrame:
    """Return draw, total_usd, direct_usd: the data behind `distribution`."""
    return pl.DataFrame({
        "draw": range(1, len(losses.total_usd) + 1), "total_usd": losses.total_usd, "direct_usd": losses.direct_usd,
    })  # fmt: skip


def ranking(history: pl.DataFrame, *, limit: int = 8) -> Any:
    """Return what the failure of those that matter most at the end would have cost the others, over time.

    Args:
        history: date, protocol, name, rank, impact_share; see `failure_history`.
        limit: how many lines.
    """
    last = history.filter(pl.col("date") == history["date"].max(), pl.col("rank") <= limit).sort("rank")
    drawn = base.figure("What each failure would have cost the others", "% of system TVL", height=340)
    for i, (protocol, name) in enumerate(last.select("protocol", "name").iter_rows()):
        rows = history.filter(pl.col("protocol") == protocol).sort("date")
        shown = text.html(text.short(name, 24))
        drawn.add_trace(
            plain.scatter(
                x=rows["date"].to_list(), y=(rows["impact_share"].fill_nan(None) * 100).to_list(), name=shown,
                mode="lines+markers", line={"color": theme.SECTOR_COLOURS[i % len(theme.SECTOR_COLOURS)], "width": 2},
                marker={"size": 4}, hovertemplate=f"{shown}, %{{x|%Y-%m-%d}}<br>%{{y:.3g}} %<extra></extra>",
            )
        )  # fmt: skip
    base.date_axis(drawn)
    drawn.update_yaxes(rangemode="tozero", nticks=5)
    drawn.update_layout(margin={"t": 104}, legend={"y": 1.0})
    base.room_left(drawn, 4)
    return drawn
