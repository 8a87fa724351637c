"""What is expected, on pages that are about today: shown when the forecast was made before, else offered.

A page that only glances ahead must open at once and load no model: `lookups.expected` finds a forecast that is kept on
disk, and the reader's click makes one that is not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import polars as pl
import streamlit as st

from dexposure_core.errors import DexposureError
from dexposure_core.network.chains import DEFAULT
from dexposure_core.ui import frame, lookups, outlook, text
from dexposure_core.ui.output import export
from dexposure_core.ui.view import View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dexposure_core.pipeline.forecasting.result import ForecastResult
    from dexposure_core.ui.output.provenance import Provenance

FORECASTER: Final = "dexposure"
BRIEF: Final = 200
LABELS: Final = {"protocol": "Partner", "role": "It may", "probability": "Likely", "size_usd": "USD m"}
Span = tuple[float, float, float]  # expected, low, high


def indicators(view: View) -> Mapping[str, Span] | None:
    """Return measure or `loss:…` → what is expected with its interval, None when no forecast is kept."""
    found = lookups.expected(view.vintage, view.date, view.basis, view.horizon) if _whole(view) else None
    if found is None:
        return None
    return {name: (value, low, high) for name, value, low, high in found.select(
        "name", "forecast", "low", "high").iter_rows()}  # fmt: skip


def offer(view: View, what: str) -> None:
    """Draw the button that makes the forecast of this view, where one can be made."""
    if not _whole(view):
        return
    label = f"Forecast {what}, {text.plural(view.horizon, 'week')} ahead"
    if st.button(label, icon=":material/timeline:", key="offer-forecast", type="tertiary"):
        try:
            lookups.forecast(view.vintage, view.date, view.basis, view.horizon, FORECASTER)
        except DexposureError as error:
            frame.failure("There is no forecast to show.", error)
        else:
            st.rerun()


def of_protocol(view: View, protocol: str, origin: Provenance) -> None:
    """Draw what is expected of a protocol: its TVL, what its failure may cost, which exposures may begin and end."""
    st.subheader("What is expected of it", anchor=False)
    if not _whole(view):
        st.caption("Forecasts are made of the whole system only.")
        return
    if lookups.expected(view.vintage, view.date, view.basis, view.horizon) is None:
        st.caption("Its TVL, what its failure may cost, and which of its exposures may begin or end.")
        offer(view, "it")
        return
    result = lookups.forecast(view.vintage, view.date, view.basis, view.horizon, FORECASTER)
    st.markdown(expected_words(result, protocol))
    origin = origin.having(forecaster=FORECASTER, weeks_ahead=view.horizon)
    left, right = st.columns(2)
    for column, title, key, rows in (
        (left, "Exposures that may begin", "begin", partners(result, protocol, begin=True)),
        (right, "Exposures that may end", "end", partners(result, protocol, begin=False)),
    ):
        with column:
            st.markdown(f"**{title}**")
            if rows.is_empty():
                st.caption("None with a probability of 0.1 % or more.")
            else:
                shown = rows.head(BRIEF).select("protocol", "name", "probability", "size_usd", "role")
                export.table(shown, key, origin, link=view.protocol_link, full=rows, labels=LABELS, height=248)


def expected_words(result: ForecastResult, protocol: str) -> str:
    """Say what is expected of a protocol's TVL and of the losses if it fails, beside today. Markdown."""
    row = result.protocols.filter(pl.col("protocol") == protocol)
    if row.is_empty():
        return "It is not in the network that the forecast starts from."
    tvl = row.row(0, named=True)
    said = f"By {outlook.when(result)} ({text.plural(result.horizon_weeks, 'week')} ahead) its TVL is expected at "
    said += f"**{text.usd(tvl['forecast_usd'])}** ({_moved(tvl['today_usd'], tvl['forecast_usd'])}"
    said += f"{_span(text.usd(tvl['low_usd']), text.usd(tvl['high_usd']), tvl['low_usd'])}); "
    loss = result.drawn.importance.filter(pl.col("protocol") == protocol).row(0, named=True)
    said += f"its failure would cost direct creditors **{text.percent(loss['loss'])}** of system TVL"
    said += f" (today {text.percent(loss['loss_today'])}"
    said += f"{_span(text.percent(loss['loss_low']), text.percent(loss['loss_high']), loss['loss_low'])}). "
    return f"{said}Persistence expects no change. Intervals of single protocols have not been tested for coverage."


def partners(result: ForecastResult, protocol: str, *, begin: bool) -> pl.DataFrame:
    """Return role, protocol, name, probability, size_usd of a protocol's exposures that may begin, or end.

    The likeliest first; `size_usd` is the size if it comes, or today's.
    """
    roles = ("hold", "be held by") if begin else ("stop holding", "no longer be held by")
    ends = (("creditor", "debtor", roles[0]), ("debtor", "creditor", roles[1]))
    today = pl.col("today_usd") > 0
    chance = pl.col("probability") if begin else 1 - pl.col("probability")
    rows = result.exposures.filter(~today if begin else today)
    found = [
        rows.filter(pl.col(own) == protocol).select(
            pl.lit(role).alias("role"), protocol=other, name=f"{other}_name", probability=chance,
            size_usd="summed_usd" if begin else "today_usd",
        )
        for own, other, role in ends
    ]  # fmt: skip
    both = pl.concat(found).filter(pl.col("probability") >= 0.001)
    both = both.select("role", "protocol", "name", "probability", "size_usd")
    return both.sort("probability", "size_usd", "protocol", descending=[True, True, False])


def _moved(today: float, value: float) -> str:
    still = math.isclose(today, value, rel_tol=1e-6)
    return "no change" if still else f"{text.change(value, today, 'USD')} on today"


def _span(low: str, high: str, known: float) -> str:
    return f"; 90 %: {low} to {high}" if math.isfinite(known) else ""


def _whole(view: View) -> bool:
    return view.shown_chains == DEFAULT
