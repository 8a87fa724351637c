"""Protocol: what does it hold, who depends on it, and what if it fails?"""

import streamlit as st

from dexposure_core.pipeline import views
from dexposure_core.pipeline.stress.terms import Terms
from dexposure_core.ui import ahead, answers, controls, explain, frame, graph, lens, lookups, resources
from dexposure_core.ui.charts import protocol as charts
from dexposure_core.ui.charts import sankey
from dexposure_core.ui.output import export

view = frame.require("protocol")
origin = view.provenance()
RULE = "linear-debtrank"

if view.protocol is None:
    frame.headline("Choose a protocol in the sidebar, or one of the most important of this date below.")
    explain.draw(view)
    scores = resources.importance(view.data, view.date, view.basis)
    export.table(
        scores.drop("sector").head(25), "importance", origin, link=view.protocol_link, full=scores, height=560,
        labels=answers.SCORES,
    )  # fmt: skip
    st.caption(answers.SCORES_MEAN)
    frame.footer(origin, method="measures")
    st.stop()

here = view.protocol or ""
origin = origin.having(protocol=here)
snapshot = resources.snapshot(view.data, view.date, view.basis)
if here not in snapshot:
    frame.headline(f"**{answers.name(view.protocol_name)}** is not in the snapshot of {view.date}.")
    sizes, _ = lookups.protocol_history(view.data, view.basis, here)
    frame.empty("Not in this snapshot", answers.presence(sizes), "Choose another date in the sidebar.")
    frame.footer(origin)
    st.stop()

who = lookups.identity(view.data, view.date, view.basis, here)
failure = lookups.stress(
    view.data, view.date, view.basis, views.Shocked(kind="protocol", name=here, fraction=1.0), Terms(rule=RULE)
)
frame.headline(answers.protocol(who, failure))
st.caption(answers.identity_line(who))
explain.draw(view)

near = graph.ego(snapshot, here)
if near.creditors or near.debtors:
    figure = sankey.ego(near, resources.sector_colours(view.data), basis=view.basis)
    export.chart(figure, charts.partners(snapshot, here), "ego", origin)

assets, holders = lookups.balance_sheet(view.data, view.date, here)
left, right = st.columns(2)
with left:
    st.subheader("What it holds", anchor=False)
    export.table(
        answers.amounts_first(assets), "assets", origin, link=view.protocol_link, full=assets,
        labels={"debtor": "Issuer", "value_usd": "USD m"},
    )  # fmt: skip
with right:
    st.subheader("Who holds its tokens", anchor=False)
    export.table(
        answers.amounts_first(holders), "holders", origin, link=view.protocol_link, full=holders,
        labels={"creditor": "Holder", "value_usd": "USD m"},
    )  # fmt: skip

sizes, scores = lookups.protocol_history(view.data, view.basis, here)
happened = lookups.events_of(view.data, here)
which = controls.choice(
    "score", "Over time, importance as", ["score", "rank"], style="segments", format_func=str.capitalize
)
left, right = st.columns(2)
with left:
    export.chart(charts.sizes(sizes, happened, view.date), sizes, "sizes", origin)
with right:
    if scores.is_empty():
        frame.empty("No importance over time", lens.UNMEASURED, lens.REMEDY)
    else:
        export.chart(charts.scores(scores, happened, view.date, which), scores, "importance", origin)

left, right = st.columns(2)
with left:
    st.subheader("If it fails", anchor=False)
    st.caption(answers.failure_words(failure, here))
    hurt = views.hit_by(failure, here)
    export.table(hurt, "if-it-fails", origin.having(rule=RULE), link=view.protocol_link, most=200)
with right:
    st.subheader("Who can hurt it", anchor=False)
    st.caption("Each of its largest debtors fails whole, alone: what it loses at first, and in all (linear DebtRank).")
    debtors = lookups.threats(view.data, view.date, view.basis, here, RULE)
    export.table(
        debtors.select("protocol", "name", "total_usd", "loss_fraction", "first_usd"), "threats",
        origin.having(rule=RULE), link=view.protocol_link, full=debtors,
        labels={"first_usd": "First, USD m", "total_usd": "All, USD m", "loss_fraction": "Of its TVL"},
    )  # fmt: skip

ahead.of_protocol(view, here, origin)

st.subheader("Its events", anchor=False)
if happened.is_empty():
    st.caption("No event in this vintage names it or a token it issues.")
else:
    export.table(happened, "events", origin)
frame.footer(origin, method="measures")
