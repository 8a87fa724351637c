"""Spillover: where does exposure cross from one sector to another?"""

import streamlit as st

from dexposure_core.errors import DexposureError
from dexposure_core.pipeline import views
from dexposure_core.ui import answers, cells, controls, explain, frame, lookups, resources
from dexposure_core.ui.charts import heatmap, sankey, series
from dexposure_core.ui.charts import spillover as charts
from dexposure_core.ui.output import export

view = frame.require("spillover")
origin = view.provenance()
levels = resources.sector_exposures(view.data, view.date, view.basis)
before = resources.sector_exposures(view.data, view.previous, view.basis) if view.previous else None
now, moved = views.change(levels, before) if before is not None else (views.matrix(levels), None)
frame.headline(answers.spillover(now, moved, view.period))
explain.draw(view)
if now.total == 0:
    frame.empty("No exposure", f"On {view.date} nobody holds another's tokens.", "Choose another date.")
    frame.footer(origin, method="measures")
    st.stop()

first = now.largest_crossing()
left, middle, right = st.columns(3)
with left:
    shows = controls.choice(
        "cells", "Show", cells.offered(view, changed=moved is not None), style="segments",
        format_func=cells.CELLS.__getitem__, help=cells.CELLS_HELP,
    )  # fmt: skip
with middle:
    creditor = controls.choice("from", "Creditor sector (row)", now.sectors, default=first[0])
with right:
    debtor = controls.choice("to", "Debtor sector (column)", now.sectors, default=first[1])

shown = moved if shows == "change" and moved else now
if shows == "expected":
    try:
        shown = views.change(lookups.expected_cells(view.data, view.date, view.basis, view.horizon), levels)[1]
    except DexposureError as error:
        frame.failure("There is no forecast to compare with; this is the level.", error)
        shows = "level"
title = cells.title(shows, view)
figure = heatmap.matrix(shown, title=title, signed=shows != "level", chosen=(creditor, debtor))
clicked = export.chart(figure, views.matrix_table(shown), "matrix", origin.having(shows=shows), on_select="rerun")
cells.follow_click(clicked, (creditor, debtor))

st.subheader(f"{answers.name(creditor)} → {answers.name(debtor)}", anchor=False)
st.caption(cells.cell_words(now, moved, creditor, debtor, view.period))
left, right = st.columns(2)
at = origin.having(creditor_sector=creditor, debtor_sector=debtor)
with left:
    pairs = lookups.cell(view.data, view.date, view.basis, creditor, debtor)
    if pairs.is_empty():
        frame.empty("An empty cell", "No exposure lies behind it on this date.", "Its history is beside.")
    else:
        export.table(cells.with_share(pairs, 200), "cell", at, link=view.protocol_link, full=cells.with_share(pairs))
with right:
    history = lookups.cell_history(view.data, view.basis, creditor, debtor)
    line = {"exposure_usd": series.Line(label=debtor)}
    drawn = series.lines(
        history, line, title="Its history", unit="USD", mark=view.date, zero=True,
        events=resources.events(view.data), height=420,
    )  # fmt: skip
    export.chart(drawn, history, "cell-history", at)

left, right = st.columns(2)
with left:
    names = ("spillover_index", "cross_sector_ratio")
    table = resources.measure_table(view.data, view.basis, names)
    which = controls.choice("index", "Over time", names, style="segments", format_func=charts.INDICES.__getitem__)
    if charts.defined(table, which):
        drawn = charts.over_time(table, which, resources.events(view.data), view.date)
        export.chart(drawn, table, "spillover-index", view.provenance(date=False))
    else:
        frame.empty("Not defined on any date", "No exposure crosses sectors.", "Import protocols with their sectors.")
with right:
    across = controls.switch("across", "Only between different sectors", default=True)
    bands = sankey.sectors(now, resources.sector_colours(view.data), across_only=across)
    export.chart(bands, levels, "sector-bands", origin)
frame.footer(origin, method="measures")
