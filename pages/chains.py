"""Chains: which chains carry the system, and what ties them together?"""

import streamlit as st

from dexposure_core.ui import chains, explain, frame, resources
from dexposure_core.ui.charts import chains as charts
from dexposure_core.ui.output import export

view = frame.require("chains")
here, origin = (view.vintage, view.date), chains.origin(view)
if resources.chain_names(view.vintage) in ((), ("not stated",)):
    frame.headline("This vintage does not say on which chain a balance is.")
    frame.empty(
        "No chains", "Its source gives balances or exposures without their chain.",
        "Import holdings with a column chain, or DefiLlama's files.",
    )  # fmt: skip
    frame.footer(origin, method="data")
    st.stop()

history, (shares, columns) = chains.concentration(view.vintage), chains.shares(*here)
homes, sectors = chains.chain_matrix(*here), chains.sector_matrix(*here)
sizes = chains.table(*here)
by_issuer, by_chain, by_token = chains.ties(*here)
events = resources.events(view.vintage)
frame.headline(chains.answer(history, sizes, homes, by_issuer, view.date))
explain.draw(view)

left, right = st.columns(2)
with left:
    export.chart(charts.stack(shares, columns, view.date), shares, "chain-shares", chains.origin(view, date=False))
with right:
    figure = charts.concentration(history, events, view.date)
    export.chart(figure, history, "chain-hhi", chains.origin(view, date=False))

figure = charts.grid(
    homes, title="Exposure by chain and home of the issuer",
    unit=f"{view.date}; row: held on; column: at home on",
)  # fmt: skip
export.chart(figure, homes.table(), "matrix-homes", origin)
st.caption(f"{chains.HOMES} {chains.reconciles(homes, view.date)}")

figure = charts.grid(
    sectors, title="Exposure by chain and sector of the issuer",
    unit=f"{view.date}; row: held on; column: sector",
)  # fmt: skip
export.chart(figure, sectors.table(), "matrix-sectors", origin)

st.subheader("Bridges and wrapped tokens", anchor=False)
st.caption(chains.BRIDGES)
if by_issuer.is_empty():
    frame.empty("None", "No bridged or wrapped token is held by others on this date.", "Choose another date.")
else:
    shown = chains.linked(by_issuer)
    export.table(shown, "ties", origin, link=view.protocol_link, labels=chains.TIE_LABELS, full=by_issuer)
    left, right = st.columns(2)
    with left:
        export.chart(charts.ties(by_chain), by_chain, "ties-by-chain", origin)
    with right:
        tokens = by_token.select("chain", "token", "held_usd", "issuer_name")
        export.table(tokens, "ties-by-token", origin, labels=chains.TIE_LABELS, full=by_token, most=200)

st.subheader("Every chain", anchor=False)
st.caption(chains.FAILURE)
export.table(sizes.select(chains.SHOWN), "chains", origin, labels=chains.TABLE_LABELS, full=sizes, most=sizes.height)
frame.footer(origin, method="chains")
