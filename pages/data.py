"""Data: where do the numbers come from, and do they reconcile?"""

import streamlit as st

from dexposure_core.store import TABLES
from dexposure_core.ui import controls, datasheet, export, frame, resources
from dexposure_core.ui.charts import coverage

view = frame.require("data")
store = resources.store(view.vintage)
findings = resources.findings(view.vintage)
books = resources.reconciliation(view.vintage, view.date)
frame.headline(datasheet.answer(store.manifest, books, findings, view.date))
origin = view.provenance()

left, right = st.columns([3, 2])
with left:
    st.subheader(f"The books of {view.date}", anchor=False)
    export.table(
        datasheet.books_table(books), "coverage", origin, full=books.rows, labels={"what": "What became of the input"}
    )
with right:
    history = resources.coverage_history(view.vintage)
    export.chart(coverage.history(history), history, "coverage-history", view.provenance(date=False))

st.subheader("Health findings", anchor=False)
if findings.is_empty():
    frame.empty("No findings", "Every check of the build passed without a remark.", "Nothing to do.")
else:
    shown = findings.rename({"usd": "amount_usd"})
    export.table(shown, "findings", view.provenance(date=False), full=findings)

st.subheader("Vintage and sources", anchor=False)
export.table(datasheet.facts(store.manifest), "vintage", view.provenance(date=False))

st.subheader("Every table, to download", anchor=False)
name = controls.choice("table", "Table", list(TABLES), default="exposures")
st.caption(datasheet.table_line(store.manifest, name))
export.whole_table(name, lambda: store.table(name), store.parquet_path(name), view.provenance(date=False))
export.table(datasheet.columns(name), f"columns-{name}", view.provenance(date=False))

left, right = st.columns(2)
with left:
    st.subheader("The same numbers in Python", anchor=False)
    st.code(datasheet.python_snippet(store.path, view), language="python", wrap_lines=True)
with right:
    st.subheader("The same numbers in SQL", anchor=False)
    st.code(datasheet.sql_snippet(store.path, view), language="sql", wrap_lines=True)
frame.footer(origin, method="data")
