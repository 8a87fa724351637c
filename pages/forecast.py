"""Forecast: what is expected to change in the coming weeks?"""

import streamlit as st

from dexposure_core.errors import DexposureError, NoModel
from dexposure_core.forecast import FORECASTERS
from dexposure_core.ui import answers, controls, explain, frame, lookups, outlook, text
from dexposure_core.ui.charts import forecast as charts
from dexposure_core.ui.charts import heatmap
from dexposure_core.ui.output import export
from dexposure_core.ui.skill import box

view = frame.require("forecast")
answer, slot = st.container(), st.container()
names = [f.name for f in FORECASTERS]
with slot, st.container(key="forecaster", width=260):
    chosen = controls.choice("forecaster", "Forecaster", names, default="dexposure")
origin = view.provenance().having(forecaster=chosen, weeks_ahead=view.horizon)
try:
    result = lookups.forecast(view.vintage, view.date, view.basis, view.horizon, chosen)
except DexposureError as error:
    with answer:
        frame.headline(outlook.NO_MODEL if isinstance(error, NoModel) else "This forecast cannot be made.")
    frame.empty("No forecast", text.reason(error), outlook.REMEDY)
    frame.footer(origin, method="forecasting")
    st.stop()
with answer:
    frame.headline(
        answers.forecast(result.measures, view.horizon, chosen, outlook.when(result), outlook.turnover(result))
    )
    explain.draw(view)
for note in outlook.notes(result):
    st.caption(note)

held = box.covered(lookups.evaluation_if_any(), view.basis, view.horizon) if chosen == "dexposure" else {}
left, right = st.columns([3, 2])
with left:
    rows, titles, units = outlook.chosen_measures(result.measures)
    figure = charts.beside(rows, titles, units, title="The network, expected beside today", weeks=view.horizon)
    export.chart(figure, result.measures, "measures", origin)
with right, st.container(border=True, key="skill"):
    box.draw(view, chosen)

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

with st.expander("Every measure and stress loss: today, expected, interval, how often such intervals held, source"):
    full = outlook.full_numbers(result)
    export.table(outlook.numbers(result, held), "numbers", origin, labels=outlook.NUMBER_LABELS, full=full)
    st.caption(f"{outlook.NUMBERS} {outlook.served_from(result)}")

st.subheader("Watchlist: whose failure may cost more", anchor=False)
st.caption(
    "What direct creditors lose if its tokens go to zero, share of system TVL; 5 % and 95 % of drawn futures. "
    "Expected is their mean: a few large rises can outweigh many small falls."
)
rising = result.watchlist(500)
if rising.is_empty():
    frame.empty("Nobody", f"{chosen} expects no protocol to gain importance.", "Choose another forecaster.")
else:
    brief = outlook.brief_watchlist(rising)
    export.table(
        brief, "watchlist", origin, link=view.protocol_link, full=rising, labels=outlook.WATCH_LABELS, height=318,
        most=100,
    )  # fmt: skip

st.subheader("New and vanishing exposures", anchor=False)
ranked = controls.choice(
    "rank", "Ranked by", list(outlook.RANKS), format_func=outlook.RANKS.__getitem__, style="segments"
)
st.markdown(
    "**May begin.** None exists today: persistence gives each 0 %. Candidates are pairs that the past suggests."
)
new, link = result.new(500, by_usd=ranked == "usd"), view.protocol_link
brief = outlook.brief_new(new)
export.table(brief, "new", origin, link=link, full=new, labels=outlook.NEW_LABELS, height=318, most=100)

st.markdown("**May vanish.** All exist today: persistence gives each 100 %.")
gone = result.vanishing(500, by_usd=ranked == "usd")
if gone.is_empty():
    frame.empty("None", "There is no exposure today.", "Choose another date.")
else:
    brief = outlook.brief_gone(gone)
    export.table(brief, "gone", origin, link=link, full=gone, labels=outlook.GONE_LABELS, height=318, most=100)

title = f"Expected change of exposure between sectors in {view.horizon} weeks"
cells = result.drawn.cells
moved = outlook.cells_change(cells)
if moved.cells.any():
    figure = heatmap.matrix(moved, title=title, signed=True, said=outlook.cell_intervals(cells))
    export.chart(figure, cells, "matrix-sectors", origin)
else:
    said = f"None: {chosen} expects every pair of sectors to stay as today, on average."
    frame.empty(title, said, "Below: whether any cell is sure to move. Try another horizon or basis.")
st.caption(outlook.clear_cells(cells))
frame.footer(origin, method="forecasting")
