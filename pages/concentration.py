"""Concentration: how concentrated is the system, and how did that move?"""

import streamlit as st

from dexposure_core.errors import DexposureError
from dexposure_core.ui import controls, explain, frame, lookups, outlook, resources, sentences
from dexposure_core.ui.charts import concentration as charts
from dexposure_core.ui.output import export

WINDOWS = {"1y": "1 year", "2y": "2 years", "5y": "5 years", "all": "All"}

view = frame.require("concentration")
standings = resources.standings(view.data, view.date, view.basis, charts.NAMES)
changes = resources.tvl_changes(view.data, view.date)
tvl_hhi = next(p for p in standings if p.indicator.measure == "tvl_hhi")
frame.headline(sentences.concentration(tvl_hhi, changes if view.basis == "holdings" else changes.clear(), view.date))

left, middle, right = st.columns([2, 2, 1])
with left:
    kind = charts.KINDS[
        controls.choice(
            "kind", "Measure", list(charts.KINDS), format_func=lambda k: charts.KINDS[k].label, style="segments"
        )
    ]
with middle:
    window = controls.choice(
        "window", "Window", list(WINDOWS), default="2y", format_func=WINDOWS.__getitem__, style="segments"
    )
with right:
    asked = controls.switch("ahead", "Forecast, 12 weeks", default=False)
explain.draw(view, (kind.tvl, kind.exposures, *([kind.debtors] if kind.debtors else [])))
days = view.window(sentences.WINDOW_DAYS[window])
panel = resources.panel(view.data, view.basis, days[0], days[-1])
table = sentences.between(resources.measure_table(view.data, view.basis, charts.NAMES), days[0], days[-1])
events = resources.events(view.data)
origin = view.provenance(date=False, window=f"{days[0]} to {days[-1]}")

figures = charts.tvl(panel, kind, events, view.date), charts.exposures(table, kind, events, view.date)
if asked:
    try:
        band = lookups.fan(view.vintage, view.date, view.basis, charts.NAMES)
        figures = charts.with_forecast(figures, band, kind)
        st.caption(f"{outlook.BAND} {outlook.band_held(lookups.evaluation_if_any(), view.basis, kind)}")
    except DexposureError as error:
        frame.failure("There is no forecast to show.", error)
left, right = st.columns(2)
with left:
    export.chart(figures[0], panel, "tvl-concentration", origin)
with right:
    export.chart(figures[1], table, "exposure-concentration", origin)
st.caption(sentences.panel_note(panel, days[0], days[-1]))

left, right = st.columns(2)
with left:
    export.chart(charts.system(panel, events, view.date), panel, "system-tvl", origin)
with right:
    if changes.is_empty():
        frame.empty(
            "No change to explain", f"{view.date} is the first snapshot.", "Choose a later date in the sidebar."
        )
    else:
        export.chart(charts.contributions(changes, view.period), changes, "hhi-contributions", view.provenance())

st.subheader("Every concentration measure at this date", anchor=False)
measured = sentences.standing_table(standings, view.date)
export.table(measured.drop("Definition"), "concentration-measures", view.provenance(), full=measured)
st.caption(f"[How each is defined]({view.link('method', topic='measures')}); the CSV holds the definitions too.")
if not changes.is_empty():
    st.subheader("What each protocol added to the change of the TVL HHI", anchor=False)
    shown = charts.largest(changes, 200).select(
        "protocol", "name", "hhi_contribution", "share_before", "share", "change_usd", "price_usd", "quantity_usd",
        "entry_usd", "exit_usd",
    )  # fmt: skip
    st.caption("Changes of TVL in USD m, with what made them.")
    labels = {
        "share_before": "Share before", "share": "Share", "hhi_contribution": "Added to HHI", "change_usd": "Change",
        "price_usd": "By price", "quantity_usd": "By quantity", "entry_usd": "Entries", "exit_usd": "Exits",
    }  # fmt: skip
    export.table(shown, "hhi-by-protocol", view.provenance(), labels=labels, link=view.protocol_link, full=changes)
frame.footer(origin, method="measures")
