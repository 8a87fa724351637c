"""What a vintage revised of the one before, in words: the quiet line that every page shows."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl
import streamlit as st

from dexposure_core.ui import controls, resources, text
from dexposure_core.ui.books import records

if TYPE_CHECKING:
    from dexposure_core.ui.view import View

SECTION: Final = "revisions"
SAME: Final = 1e-9  # a smaller relative change of TVL is rounding


@dataclass(frozen=True, kw_only=True)
class Moved:
    """How TVL was revised over the revised dates.

    Args:
        dates: how many dates were revised in any table.
        moved: on how many of them system TVL is another.
        mean: mean relative change of TVL over those; NaN when there is none.
        here: relative change on the date a page shows, None when it was not revised.
    """

    dates: int
    moved: int
    mean: float
    here: float | None


def note(view: View) -> None:
    """Draw the line: how much of the past this vintage tells differently; nothing when it revises nothing."""
    before = records.predecessor(view.vintage)
    if before is None:
        return
    found = moved(records.comparison(before, view.vintage).dates, view.date)
    if not found.dates:
        return
    built = resources.manifest(view.vintage).created_at.astimezone(dt.UTC).date()
    with st.container(horizontal=True, key="notice-revision", vertical_alignment="center", gap="small"):
        st.caption(words(found, built, view.period), width="content")
        if (view.page, controls.page_parameter("section")) != ("data", SECTION):
            query = view.parameters() | {"section": SECTION}
            st.page_link("pages/data.py", label="See what changed", query_params=query)


def moved(dates: pl.DataFrame, shown: dt.date | None) -> Moved:
    """Return how TVL was revised; `dates` as of `Comparison.dates`."""
    rows = with_change(dates)
    here = rows.filter(pl.col("date") == shown)["change"].fill_null(0.0).to_list() if shown else []
    other = rows.filter(pl.col("change").abs() > SAME)
    mean = other["change"].mean()
    return Moved(
        dates=rows.height,
        moved=other.height,
        mean=float(mean) if isinstance(mean, float) else math.nan,
        here=here[0] if here else None,
    )


def with_change(dates: pl.DataFrame) -> pl.DataFrame:
    """Return the revised dates with `change`: TVL after over before, minus 1; null where before is 0 or unknown."""
    before = pl.when(pl.col("before_usd") > 0).then("before_usd")
    revised = dates.filter(pl.col("status") == "revised")
    return revised.with_columns(change=pl.col("after_usd") / before - 1)


def words(found: Moved, built: dt.date, period: str) -> str:
    """Write the line (Markdown): `12 weeks were revised on 2025-08-20: TVL −0.40 % on average`."""
    verb = "was" if found.dates == 1 else "were"
    lead = f"{text.plural(found.dates, period)} {verb} revised on {built}"
    if not found.moved:
        said = "TVL is the same, other numbers moved"
    elif found.moved == found.dates:
        said = f"TVL {text.percent(found.mean, sign=True)}" + (" on average" if found.dates > 1 else "")
    else:
        said = f"TVL moved in {text.count(found.moved)} of them, {text.percent(found.mean, sign=True)} on average"
    here = ""
    if found.here is not None and found.dates > 1:
        size = f" ({text.percent(found.here, sign=True)})" if abs(found.here) > SAME else ""
        here = f"; this {period} is among them{size}"
    return f"{lead}: {said}{here}."
