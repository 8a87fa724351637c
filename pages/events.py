"""Events: what did an event of the past do to the system?"""

import streamlit as st

from dexposure_core.ui import controls, explain, frame
from dexposure_core.ui.charts import event_study as charts
from dexposure_core.ui.output import export
from dexposure_core.ui.watch import events, watching

view = frame.require("events")
known = {event.key: event for event in watching.events(view.data, view.basis)}
if not known:
    frame.headline("This vintage holds no event to study between its first and its last snapshot.")
    frame.empty("No events", "Its source names none.", "The simulated world and imports of known protocols have them.")
    frame.footer(view.provenance(date=False), method="alerts")
    st.stop()

answer = st.container()
left, right = st.columns([3, 2])
with left:
    key = controls.choice(
        "study", "Event", list(reversed(known)), default=events.default(tuple(known.values()), view.date),
        format_func=lambda k: events.label(known[k]),
    )  # fmt: skip
with right:
    steps = controls.choice(
        "upto", "What moved, from the snapshot before to", list(events.UNTIL), default="4", style="segments",
        format_func=events.UNTIL.__getitem__,
    )  # fmt: skip
study = watching.study(view.data, view.basis, key)
until = study.until(int(steps))
tvl, exposures = watching.moved(view.data, study.before or study.event.date, until)
with answer:
    frame.headline(events.answer(study, until, tvl, exposures))
    st.caption(events.about(study))
    explain.draw(view)

window = f"{study.dates[0]} to {study.dates[-1]}"
origin = view.provenance(date=False, event=study.event.key, window=window)
figures = charts.pair(study)
left, right = st.columns(2)
with left:
    export.chart(figures[0], study.levels, "event-levels", origin)
with right:
    export.chart(figures[1], study.rebased(), "event-levels-panel", origin)
st.caption(events.NOTE)

st.subheader("What the indicators did", anchor=False)
export.table(events.outcome(study, until), "event-outcome", origin.having(until=until))

if study.before is not None:
    st.subheader(f"What moved most, {study.before} to {until}", anchor=False)
    moved = origin.having(compared=f"{study.before} with {until}")
    left, right = st.columns(2)
    with left:
        export.chart(charts.movers(tvl.head(10)), tvl, "event-movers", moved)
    with right:
        export.chart(charts.exposures(exposures.head(10)), exposures, "event-exposures", moved)
    st.caption("USD m, the largest changes first.")
    link = view.protocol_link
    ends = ("creditor", "creditor_name", "debtor", "debtor_name")
    export.table(
        exposures.select(*ends, *events.split(exposures)), "event-exposures-all", moved, link=link,
        full=exposures, most=200, labels=events.TABLE_LABELS,
    )  # fmt: skip
    export.table(
        tvl.select("protocol", "name", *events.split(tvl), "sector"), "event-movers-all", moved, link=link,
        full=tvl, most=200, labels=events.TABLE_LABELS,
    )  # fmt: skip
frame.footer(origin, method="alerts")
