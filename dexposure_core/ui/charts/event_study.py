"""The indicators around an event: one picture of the raw course, one of the constant panel.

Each has its own scale: where a system enters the data the raw course leaves no room for the other.
"""

from __future__ import annotations

import math
from typing import Any, Final

import polars as pl

from dexposure_core.pipeline.event_study import BASE, NAMES, PANEL, Study
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import bars, base, series

LABELS: Final = {
    "system_tvl_usd": "TVL", "tvl_hhi": "TVL HHI", "debtor_hhi": "Debtor HHI", "cross_sector_ratio": "Cross-sector",
    "worst_loss": "Stress loss",
}  # fmt: skip
_UNIT: Final = "100 = last snapshot before the event; own scale"


def pair(study: Study) -> tuple[Any, Any]:
    """Return the raw course and that of the constant panel."""
    table = study.rebased()
    figures = []
    for prefix, title in (("", "All protocols"), (PANEL, "Constant panel")):
        chosen = {
            f"{prefix}{name}": series.Line(label=LABELS[name], colour=theme.SECTOR_COLOURS[place])
            for place, name in enumerate(NAMES)
        }
        drawn = series.lines(table, chosen, title=title, unit=_UNIT)
        known = [float(v) for name in chosen for v in table[name].to_list() if v is not None and math.isfinite(v)]
        low, high = min([*known, BASE]), max([*known, BASE])
        span = (high - low) or 1.0
        drawn.update_yaxes(range=[low - 0.06 * span, high + 0.3 * span], tickvals=base.nice_ticks(low, high))
        drawn.update_xaxes(nticks=4)  # half a page wide, or a phone
        base.mark_events(drawn, _marker(study))
        figures.append(drawn)
    return figures[0], figures[1]


def movers(tvl: pl.DataFrame) -> Any:
    """Return the protocols whose TVL moved most, split by cause."""
    return bars.split(tvl, tvl["name"].to_list(), title="TVL by protocol")


def exposures(changes: pl.DataFrame) -> Any:
    """Return the exposures that changed most, split by cause."""
    ends = changes.select("creditor_name", "debtor_name").iter_rows()
    return bars.split(
        changes, [f"{text.short(a, 13)} → {text.short(b, 13)}" for a, b in ends], title="Exposures by pair"
    )


def _marker(study: Study) -> pl.DataFrame:
    return pl.DataFrame({"date": [study.event.date], "name": [text.short(study.event.name, 22) or "event"]})
