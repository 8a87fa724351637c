"""A cell of the spillover matrix: chosen by a click, told in words, listed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl
import streamlit as st

from dexposure_core.network.chains import DEFAULT
from dexposure_core.pipeline.views import Matrix
from dexposure_core.ui import controls, text
from dexposure_core.ui.view import View

CELLS: Final[Mapping[str, str]] = {"level": "Level", "change": "Change", "expected": "Expected change"}
CELLS_HELP: Final = (
    "Level: USD at the date. Change: since the snapshot before. Expected change: the forecaster dexposure's expected "
    "exposure minus today's, at the horizon chosen on the Forecast page (4 weeks unless chosen)."
)
_CLICKED: Final = "_cell_clicked"


def offered(view: View, *, changed: bool) -> list[str]:
    """Return what the matrix can show: a change if there is one before, what is expected of all chains only."""
    whole = view.shown_chains == DEFAULT
    return ["level", *(["change"] if changed else []), *(["expected"] if whole else [])]


def title(shows: str, view: View) -> str:
    """Return the matrix's title."""
    if shows == "change":
        return f"Change of exposure by sector, {view.previous} to {view.date}"
    if shows == "expected":
        return f"Change of exposure by sector expected {text.plural(view.horizon, 'week')} after {view.date}"
    return f"Exposure by sector, {view.date}"


def follow_click(clicked: Any, chosen: tuple[str, str]) -> None:
    """Make the clicked cell the chosen one and run again; a click that was followed before is not followed twice."""
    points = clicked.selection.points if clicked else []
    cell = next((tuple(p["customdata"]) for p in points if len(p.get("customdata") or ()) == 2), None)
    if cell is None or cell == st.session_state.get(_CLICKED):
        return
    st.session_state[_CLICKED] = cell
    if cell != chosen:
        controls.set_parameter("from", str(cell[0]))
        controls.set_parameter("to", str(cell[1]))
        st.rerun()


def cell_words(now: Matrix, moved: Matrix | None, creditor: str, debtor: str, period: str) -> str:
    """Say what a cell holds, what share that is of its row, its column and the total, and how it moved."""
    row, column = now.sectors.index(creditor), now.sectors.index(debtor)
    usd = float(now.cells[row, column])
    parts = [f"{text.usd(usd)}, {text.percent(usd / now.total)} of all exposure"]
    if usd > 0:
        parts.append(
            f"{text.percent(usd / float(now.by_creditor[row]))} of what the row's sector holds, "
            f"{text.percent(usd / float(now.by_debtor[column]))} of what is held of the column's sector"
        )
    if moved is not None:
        parts.append(f"{text.usd(float(moved.cells[row, column]), sign=True)} since last {period}")
    return "; ".join(parts) + "."


def with_share(pairs: pl.DataFrame, limit: int | None = None) -> pl.DataFrame:
    """Return the exposures of a cell with each one's share of it, the largest `limit` of them."""
    return pairs.with_columns(share=pl.col("exposure_usd") / pl.col("exposure_usd").sum()).head(limit or pairs.height)
