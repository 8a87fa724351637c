"""By how much each date was revised: bars in % of what the vintage before said."""

from __future__ import annotations

from typing import Any

import polars as pl

from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base, plain


def by_date(revised: pl.DataFrame) -> Any:
    """Return one bar a revised date; columns date, before_usd, after_usd, change (share of before, null = unknown)."""
    drawn = base.figure("By how much system TVL was revised", "% of what the earlier vintage said")
    changes = revised["change"].to_list()
    said = [
        f"{text.usd(b)} → {text.usd(a)}<br>{text.percent(c, sign=True)}"
        for b, a, c in revised.select("before_usd", "after_usd", "change").iter_rows()
    ]
    drawn.add_trace(
        plain.bar(
            x=revised["date"].to_list(), y=[None if c is None else 100 * c for c in changes], customdata=said,
            marker={"color": [theme.LIGHT.down if (c or 0) < 0 else theme.SECTOR_COLOURS[1] for c in changes]},
            hovertemplate="%{x|%Y-%m-%d}<br>%{customdata}<extra></extra>", showlegend=False,
        )
    )  # fmt: skip
    drawn.update_yaxes(nticks=6, zeroline=True)
    base.date_axis(drawn)
    base.room_left(drawn, 5)
    drawn.update_layout(bargap=0.25, margin={"t": 64})
    return drawn
