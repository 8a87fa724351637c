"""Network: who is exposed to whom?"""

import streamlit as st

from dexposure_core.pipeline import views
from dexposure_core.ui import answers, controls, embed, explain, frame, graph, lookups, resources, theme
from dexposure_core.ui.charts import network, sankey
from dexposure_core.ui.output import export

view = frame.require("network")
origin = view.provenance()
snapshot = resources.snapshot(view.data, view.date, view.basis)
here = view.protocol if view.protocol in snapshot.protocols else None
frame.headline(answers.network(views.network_facts(snapshot), view.basis))
explain.draw(view)
if view.protocol and here is None:
    frame.empty(
        f"{view.protocol_name} is not in this snapshot",
        f"On {view.date} it holds nothing and nobody holds its tokens ({view.basis} basis).",
        "Choose another date, or another protocol in the sidebar.",
    )

left, right = st.columns([3, 2], vertical_alignment="bottom")
with left:
    size = int(controls.level("show", "Protocols shown", 20.0, 500.0, 140.0, step=10.0, format="%d"))
with right:
    ego = here is not None and controls.switch("ego", "Only the chosen protocol and its partners")
    if here is None:
        st.caption("Choose a protocol in the sidebar to see only its creditors and debtors.")

cut = lookups.cut(view.data, view.date, view.basis, size, here)
if ego and here is not None:
    near = graph.ego(snapshot, here)
    rows = views.partner_rows(snapshot, here)
    figure = sankey.ego(near, resources.sector_colours(view.data), basis=view.basis)
    export.chart(figure, views.exposure_table(snapshot, rows), "ego", origin.having(protocol=here))
else:
    rows = cut.exposures
    picture = lookups.network_picture(
        view.data, view.date, view.basis, size, here, theme.mode().name, view.link("protocol", protocol="")
    )
    embed.embed(picture.page, height=545, alt=f"Network of {cut.caption()}; the table below holds the same exposures.")
    st.caption(
        f"{cut.caption()}. Click a protocol to see its partners, twice on the background to see all; "
        "buttons, Ctrl + wheel or two fingers zoom. Places stay the same from week to week."
    )
    unit = "USD of tokens held" if view.basis == "holdings" else f"net USD flow in the {view.period}"
    title, unit = f"Who is exposed to whom, {view.date}", f"{cut.caption()}; width: {unit}"
    export.menu(
        lambda: network.still(picture, title=title, unit=unit),
        views.exposure_table(snapshot, rows), "network", origin.having(protocols_shown=size),
    )  # fmt: skip

st.subheader("The exposures shown", anchor=False)
shown = views.exposure_table(snapshot, rows).drop("creditor_sector", "debtor_sector")
export.table(
    shown, "exposures", origin, link=view.protocol_link, full=views.exposure_table(snapshot), most=shown.height,
    labels={"share": "Share of all exposure"},
)  # fmt: skip
st.caption("The CSV holds all exposures of the date, not only those shown.")
frame.footer(origin, method="data")
