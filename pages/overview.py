"""Overview: is the system more fragile than last week, where, and why?"""

import streamlit as st

from dexposure_core.pipeline import changes
from dexposure_core.ui import ahead, cards, frame, resources, sentences
from dexposure_core.ui.charts import overview
from dexposure_core.ui.output import export
from dexposure_core.ui.watch import alerts, brief, limits, watching

PAGES = {
    "tvl_hhi": "concentration",
    "debtor_hhi": "concentration",
    "cross_sector_ratio": "spillover",
    "worst_loss": "contagion",
}

view = frame.require("overview")
origin = view.provenance()

positions = resources.positions(view.data, view.date, view.basis)
moved = resources.changes(view.data, view.date)
warnings = resources.warnings(view.data, view.date, view.basis)
frame.headline(
    f"{sentences.overview(positions, moved, view.period, view.basis)} {sentences.flagged(positions, warnings)}."
)

expected = ahead.indicators(view)
cards.draw(positions, view, resources.events(view.data), PAGES, expected)
with st.container(horizontal=True, key="under-cards"):
    export.menu(
        lambda: overview.indicator_panel(positions, view.date),
        overview.indicator_table(positions),
        "indicators",
        view.provenance(date=False),
        label="Export the indicators",
    )
    brief.offer(view)
    if expected is None:
        ahead.offer(view, "the indicators")

if moved.is_empty():
    frame.empty(
        "Nothing to compare yet",
        f"{view.date} is the first snapshot of this vintage.",
        "Choose a later date in the sidebar.",
    )
else:
    st.subheader(f"What changed this {view.period}", anchor=False)
    st.caption(sentences.totals(changes.summary(moved), view.period))
    left, right = st.columns(2)
    with left:
        top = moved.head(10)
        export.chart(overview.changed_exposures(top, view.period), moved, "changed-exposures", origin)
    with right:
        movers = resources.tvl_changes(view.data, view.date)
        export.chart(overview.movers(movers.head(10), view.period), movers, "tvl-movers", origin)

left, right = st.columns([5, 6])
with left:
    cells = resources.sector_exposures(view.data, view.date, view.basis)
    colours = resources.sector_colours(view.data)
    export.chart(overview.sectors(cells, colours), overview.by_debtor_sector(cells, limit=1000), "sectors-owed", origin)
with right:
    st.markdown(f"**[Alerts]({view.link('alerts')})**")
    st.caption(sentences.alert_rule(view.date, view.frequency))
    held, _ = limits.given()
    alerts.brief(watching.alerts(view.data, view.date, view.basis, view.horizon, held, limits.file_text()), origin)

frame.footer(origin, method="measures")
