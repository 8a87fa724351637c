"""Data: where do the numbers come from, and do they reconcile?"""

import streamlit as st

from dexposure_core.store import TABLES
from dexposure_core.ui import controls, frame, resources
from dexposure_core.ui.books import datasheet, mapping, revision_panel
from dexposure_core.ui.books import health as health_panel
from dexposure_core.ui.charts import coverage
from dexposure_core.ui.output import export

view = frame.require("data")
store = resources.store(view.vintage)
found = resources.findings(view.vintage)
reconciled = resources.reconciliation(view.vintage, view.date)
origin, whole = view.provenance(), view.provenance(date=False)


def books() -> None:
    left, right = st.columns([3, 2])
    with left:
        st.subheader(f"The books of {view.date}", anchor=False)
        labels = {"what": "What became of the input"}
        shown = datasheet.books_table(reconciled)
        export.table(shown, "coverage", origin, full=reconciled.rows, labels=labels)
    with right:
        history = resources.coverage_history(view.vintage)
        export.chart(coverage.history(history), history, "coverage-history", whole)


def health() -> None:
    health_panel.panel(view)


def tokens() -> None:
    mapping.panel(view)


def revised() -> None:
    revision_panel.panel(view)


def sources() -> None:
    st.subheader("Vintage and sources", anchor=False)
    export.table(datasheet.facts(store.manifest), "vintage", whole)
    known = datasheet.vintage_table(resources.manifests(), resources.default_vintage())
    st.subheader("Every vintage of this store", anchor=False)
    export.table(known, "vintages", whole)


def downloads() -> None:
    st.subheader("Every table, to download", anchor=False)
    name = controls.choice("table", "Table", list(TABLES), default="exposures")
    st.caption(datasheet.table_line(store.manifest, name))
    export.whole_table(name, lambda: store.table(name), store.parquet_paths(name), whole)
    export.table(datasheet.columns(name), f"columns-{name}", whole)
    left, right = st.columns(2)
    with left:
        st.subheader("The same numbers in Python", anchor=False)
        st.code(datasheet.python_snippet(store.path, view), language="python", wrap_lines=True)
    with right:
        st.subheader("The same numbers in SQL", anchor=False)
        st.code(datasheet.sql_snippet(store.path, view), language="sql", wrap_lines=True)


# One section at a time, its name in the address: /data?section=health
SECTIONS = {
    "books": datasheet.Section(title="Books", draw=books, method="data"),
    "health": datasheet.Section(title="Health", draw=health, method="health"),
    "mapping": datasheet.Section(title="Tokens and issuers", draw=tokens, method="tokens"),
    "revisions": datasheet.Section(title="Revisions", draw=revised, method="data"),
    "sources": datasheet.Section(title="Vintage and sources", draw=sources, method="data"),
    "downloads": datasheet.Section(title="Downloads", draw=downloads, method="data"),
}
frame.headline(datasheet.answer(store.manifest, reconciled, found, view.date))
section = controls.choice(
    "section", "Section", list(SECTIONS), format_func=lambda key: SECTIONS[key].title, style="segments"
)
SECTIONS[section].draw()
frame.footer(origin, method=SECTIONS[section].method)
