"""Alerts: what is out of the ordinary, and how often was such an alarm for nothing?"""

import msgspec
import streamlit as st

from dexposure_core.pipeline.alerts import document, feed, outlooks, parse_line, records
from dexposure_core.ui import controls, explain, frame, resources, text
from dexposure_core.ui.charts import alerts as charts
from dexposure_core.ui.output import export
from dexposure_core.ui.watch import alerts, limits, watching

view = frame.require("alerts")
held, note = limits.given()
if note:
    st.info(text.markdown(note), icon=":material/link_off:")
found = watching.alerts(view.data, view.date, view.basis, view.horizon, held, limits.file_text())
frame.headline(alerts.answer(found))
explain.draw(view, alerts.indicators(found))
for words in alerts.failed(found):
    st.caption(f"Not watched: {words}")

origin = view.provenance(judged_after=f"{found.after} snapshots")
left, right = st.columns([3, 2])
with left:
    alerts.draw(found, view)
    st.caption(alerts.meaning(found))
    st.subheader("Keep and hand on", anchor=False)
    alerts.keep_or_load()
    told = document(view.vintage, found, alerts.acks()) | {"provenance": origin.line()}
    export.file_button("Alerts as JSON", lambda: msgspec.json.encode(told), "alerts-feed", origin, "json")
with right:
    st.subheader("Your thresholds", anchor=False)
    st.caption("Beside the rules below; they are part of this page's address.")
    limits.draw(view, held)
    st.subheader("Rules in use", anchor=False)
    limits.file_or_shipped()
    in_use = limits.as_file(held).text()  # a download is made outside the session
    export.file_button("Rules", in_use.encode, "alert-rules", origin, "toml")

st.subheader("What a rule watches, over time", anchor=False)
titles = {rule.line: title for rule, title, _ in found.rules}
first = found.alerts[0].rule.line if found.alerts else next(iter(titles), "")
if titles:
    line = controls.choice(
        "watch", "Rule", list(titles), default=first,
        format_func=lambda rule: f"{text.short(titles[rule], 60)} ({text.short(rule, 40)})",
    )  # fmt: skip
    seen = watching.course(view.data, view.basis, line)
    figure = charts.course(seen, parse_line(line), titles[line], resources.events(view.vintage), view.date)
    export.chart(figure, seen, "alert-course", view.provenance(date=False, rule=line))

st.subheader("Every alert", anchor=False)
every = feed(found, alerts.acks())
shown = every.select("title", "severity", "since", "acknowledged", "words", "id")
export.table(shown, "alerts-all", origin, labels={"words": "What", "title": "Watched"}, full=every)
st.subheader("Every rule on the forecast", anchor=False)
st.caption(alerts.ahead_said(found, view))
if found.foreseen:
    ahead = outlooks(found)
    export.table(alerts.outlook_rows(found), "alerts-on-forecast", origin, labels=alerts.OUTLOOK_LABELS, full=ahead)
st.subheader("What every rule was worth", anchor=False)
worth = records(found)
export.table(alerts.record_rows(worth), "alert-rules-record", origin, labels=alerts.RECORD_LABELS, full=worth)
frame.footer(origin, method="alerts")
