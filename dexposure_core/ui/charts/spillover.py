"""The spillover index and the cross-sector share over time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from dexposure_core.measures import find_measure
from dexposure_core.ui.charts import series

INDICES: Final[Mapping[str, str]] = {
    "spillover_index": "Concentration (HHI)",
    "cross_sector_ratio": "Cross-sector share",
}


def defined(table: pl.DataFrame, which: str) -> bool:
    """Return whether an index is defined on any date."""
    return bool(table[which].drop_nulls().is_not_nan().any())


def over_time(table: pl.DataFrame, which: str, events: pl.DataFrame, day: dt.date) -> Any:
    """Return an index over time with events."""
    measure = find_measure(which)
    return series.lines(
        table, {which: series.Line(label=measure.title)}, title=measure.title, unit=measure.unit, events=events,
        mark=day, zero=True, height=420,
    )  # fmt: skip
