"""How the input was used over time: stacked shares by mapping method, and by reason of dropping in greys."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base, plain

_METHODS: Final = ("given", "metadata", "curated", "composition", "similarity", "self", "family", "override")


def history(shares: pl.DataFrame) -> Any:
    """Return stacked areas of date, side, reason, share; mapped below in colour, dropped above in grey."""
    return _stacked(shares, "Where the USD that came in went")


def methods(shares: pl.DataFrame) -> Any:
    """Return stacked areas of the mapping methods alone, as shares of what was mapped; columns as of `history`."""
    mapped = shares.filter(pl.col("side") == "mapped")
    whole = pl.col("share").sum().over("date")
    return _stacked(mapped.with_columns(share=pl.col("share") / whole), "Mapped USD by method")


def _stacked(shares: pl.DataFrame, title: str) -> Any:
    drawn = base.figure(title, "%", height=theme.HEIGHT + 60)
    names = shares.group_by("side", "reason").agg(pl.sum("share")).sort("side", "share", descending=[True, True])
    dates = shares["date"].unique().sort()
    greys, named = 0, []
    for side, reason, _ in names.iter_rows():
        part = shares.filter((pl.col("side") == side) & (pl.col("reason") == reason))
        line = (
            pl.DataFrame({"date": dates}).join(part, on="date", how="left").with_columns(pl.col("share").fill_null(0.0))
        )
        colour = _colour(side, reason, greys)
        greys += side == "dropped"
        label = reason if side == "mapped" else f"dropped: {reason}"
        named.append((label, colour))
        drawn.add_trace(
            plain.scatter(
                x=line["date"].to_list(), y=(line["share"] * 100).to_list(), stackgroup="all", mode="lines",
                line={"width": 0.5, "color": colour}, fillcolor=colour, name=text.html(label),
                hovertemplate=f"%{{x|%Y-%m-%d}}<br>{text.html(label)} %{{y:.2f}} %<extra></extra>",
            )
        )  # fmt: skip
    drawn.update_yaxes(range=[0, 100])
    base.date_axis(drawn)
    base.name_colours(drawn, named, row=3)
    drawn.update_layout(margin={"t": 64 + 16 * ((len(named) - 1) // 3), "l": 46, "r": 12}, showlegend=False)
    return drawn


def _colour(side: str, reason: str, greys: int) -> str:
    if side == "dropped":
        return theme.GREYS[greys % len(theme.GREYS)]
    place = _METHODS.index(reason) if reason in _METHODS else len(_METHODS)
    return theme.SECTOR_COLOURS[place % len(theme.SECTOR_COLOURS)]
