"""Forecast: what is expected to change in the coming weeks?"""

import streamlit as st

from dexposure_core.errors import DexposureError, NoModel
from dexposure_core.forecast import FORECASTERS
from dexposure_core.ui import answers, controls, export, frame, lookups, outlook
from dexposure_core.ui.charts import forecast as charts
from dexposure_core.ui.charts import heatmap

view = frame.require("forecast")
slot = st.container()
names = [f.name for f in FORECASTERS]
chosen = controls.choice("forecaster", "Forecaster", names, default="dexposure", style="segments")
origin = view.provenance().having(forecaster=chosen, weeks_ahead=view.horizon)
try:
    result = lookups.forecast(view.vintage, view.date, view.basis, view.horizon, chosen)
except DexposureError as error:
    with slot:
        frame.headline(outlook.NO_MODEL if isinstance(error, NoModel) else "This forecast cannot be made.")
    frame.empty("No forecast", str(error).replace("`", ""), outlook.REMEDY)
    frame.footer(origin, method="forecasting")
    st.stop()
with slot:
    frame.headline(answers.forecast(result.measures, view.horizon, chosen, outlook.when(result)))
for note in outlook.notes(result):
    st.caption(note)

left, right = st.columns([3, 2])
with left:
    rows, titles, units = outlook.chosen_measures(result.measures)
    figure = charts.beside(rows, titles, units, title="The network, expected beside today", weeks=view.horizon)
    export.chart(figure, result.measures, "measures", origin)
with right, st.container(border=True, key="skill"):
    st.markdown("**How good is this forecast?**")
    st.markdown(outlook.skill_words(lookups.scores(), view.basis, view.horizon, chosen))
    measured = outlook.skill_table(lookups.scores(), view.basis, view.horizon, chosen)
    if not measured.is_empty():
        export.table(measured, "skill", origin, labels=outlook.SKILL_LABELS)

left, right = st.columns(2)
with left:
    rows, titles, rules = outlook.losses(result.stress)
    units = ["share"] * rows.height
    figure = charts.beside(rows, titles, units, title="Stress losses", weeks=view.horizon, details=rules)
    export.chart(figure, result.stress, "stress", origin)
with right:
    movers = result.protocols
    if outlook.still(movers):
        frame.empty("No TVL is expected to move", f"{chosen} says nothing about TVL.", "Choose another forecaster.")
    else:
        figure = charts.moves(movers.head(12), movers["name"].to_list()[:12], title="TVL expected to move most")
        export.chart(figure, movers, "protocols", origin)

left, right = st.columns([3, 2])
with left:
    title = f"Expected change of exposure between sectors in {view.horizon} weeks"
    figure = heatmap.matrix(outlook.cells_change(result.drawn.cells), title=title, signed=True)
    export.chart(figure, result.drawn.cells, "sector-change", origin)
    st.caption(outlook.clear_cells(result.drawn.cells))
with right:
    st.subheader("Watchlist: whose failure may cost more", anchor=False)
    st.caption(
        "What direct creditors lose if its tokens go to zero, share of system TVL; with 5 % and 95 % of futures."
    )
    rising = result.watchlist(500)
    if rising.is_empty():
        frame.empty("Nobody", f"{chosen} expects no protocol to gain importance.", "Choose another forecaster.")
    else:
        export.table(
            outlook.brief_watchlist(rising),
            "watchlist",
            origin,
            link=view.protocol_link,
            full=rising,
            labels=outlook.WATCH_LABELS,
        )

st.subheader("Likeliest new exposures", anchor=False)
st.caption("Pairs without an exposure today, among those the past suggests; size if it comes to exist.")
new = result.new(500)
export.table(outlook.brief(new), "new", origin, link=view.protocol_link, full=new, labels=outlook.NEW_LABELS)

st.subheader("Exposures that may vanish", anchor=False)
st.caption("Exposures of today that are least likely to be there still, the larger first where equal.")
gone = result.vanishing(500)
if gone.is_empty():
    frame.empty("None", "There is no exposure today.", "Choose another date.")
else:
    export.table(outlook.brief(gone), "gone", origin, link=view.protocol_link, full=gone, labels=outlook.GONE_LABELS)
frame.footer(origin, method="forecasting")
