"""The health panel of the Data page: every check with what it found, worst first, and how it looks for it.

A severity is written as a word with an icon, never by colour alone. Names and texts come from the data and are escaped.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl
import streamlit as st

from dexposure_core.pipeline.checks.catalogue import CHECKS, Check
from dexposure_core.pipeline.checks.report import NOT_POSSIBLE, PASSED, Report
from dexposure_core.ui import frame, resources, text
from dexposure_core.ui.charts import health as charts
from dexposure_core.ui.output import export
from dexposure_core.ui.view import View

ICONS: Final = {
    "error": ":material/error:", "warning": ":material/warning:", "info": ":material/info:",
    PASSED: ":material/check_circle:", NOT_POSSIBLE: ":material/block:",
}  # fmt: skip
_WORST: Final = ("error", "warning", "info")
_LISTED: Final = 5
_FEW: Final = 3
TWICE: Final = "double-counting"


def panel(view: View) -> None:
    """Draw the panel: the answer, the time strip, one expander per check with findings, and the checks that passed."""
    st.subheader("Health of this vintage", anchor=False)
    report = resources.health(view.vintage)
    rows = report.summary().to_dicts()
    st.markdown(f"{answer(rows)} [How every check works](/method?topic=health).")
    names = resources.names(view.vintage)
    checks = {check.name: check for check in CHECKS}
    ordered = [row for severity in _WORST for row in _largest_first(rows) if row["state"] == severity]
    if len(view.dates) > _FEW and any(row["errors"] or row["warnings"] for row in rows):
        titles = {row["check"]: row["title"] for row in ordered}
        export.chart(
            charts.strip(report.dates, titles, (view.dates[0], view.dates[-1])),
            report.dates,
            "health-strip",
            view.provenance(date=False),
        )
    for place, row in enumerate(ordered):
        with st.expander(label(row), icon=ICONS[row["state"]], expanded=place == 0):
            _details(checks[row["check"]], report, names, view)
    _fine([row for row in rows if row["state"] not in _WORST], checks)
    everything = named(report.findings, names)
    if everything.is_empty():
        frame.empty("No findings", "Every check passed without a remark.", "Nothing to do.")
    else:
        origin = view.provenance(date=False)
        st.markdown("**Every finding, worst first**")
        labels = {"change_usd": "USD m", "what": "What was found", "dates": "Snapshots"}
        export.table(shown(everything), "findings", origin, link=view.protocol_link, full=everything, labels=labels)


def _largest_first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: -(row["usd"] or 0.0))


def answer(rows: list[dict[str, Any]]) -> str:
    """Say in one sentence how many checks there were, how they ended, and what the largest finding is."""
    count = {state: sum(row["state"] == state for row in rows) for state in (*_WORST, PASSED, NOT_POSSIBLE)}
    parts = [
        f"**{count['error']} with errors**" if count["error"] else "none with errors",
        f"{count['warning']} with warnings", f"{count['info']} with notes", f"{count[PASSED]} passed",
    ]  # fmt: skip
    if count[NOT_POSSIBLE]:
        parts.append(f"{count[NOT_POSSIBLE]} not possible with these data")
    largest = max((row for row in rows if row["usd"] is not None), key=lambda row: row["usd"], default=None)
    tail = f" The largest amount concerned: {text.usd(largest['usd'])} ({largest['title'].lower()})." if largest else ""
    return f"{text.plural(len(rows), 'check')}: {', '.join(parts)}.{tail}"


def label(row: dict[str, Any]) -> str:
    """Return the line of one check: title, how many findings of which severity, the largest amount, the last date."""
    counts = [
        text.plural(row[key], word)
        for key, word in (("errors", "error"), ("warnings", "warning"), ("notes", "note"))
        if row[key]
    ]
    amount = [f"up to {text.usd(row['usd'])}"] if row["usd"] is not None else []
    last = [f"last on {row['last']}"] if row["last"] else []
    return f"**{text.markdown(row['title'])}**: {', '.join([*counts, *amount, *last])}"


def line(row: dict[str, Any], view: View) -> str:
    """Return one finding as a line of Markdown, its date and protocol linked to their pages."""
    word = charts.WORDS[row["severity"]]
    parts = [f"{ICONS[row['severity']]} {word}: **{text.markdown(row['finding'])}**"]
    if row["date"]:
        parts.append(f"[{row['date']}]({view.link('overview', date=str(row['date']))})")
    if row["protocol"]:
        parts.append(f"[{text.markdown(text.short(row['name']))}]({view.protocol_link(row['protocol'])})")
    parts += [text.markdown(text.short(row[key])) for key in ("token", "chain") if row[key]]
    parts += [text.usd(row["usd"])] if row["usd"] is not None else []
    return f"{' · '.join(parts)}: {text.markdown(text.short(row['text'], 200))}"


def named(findings: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    """Add the names of the protocols, beside their ids."""
    protocol = pl.col("protocol")
    name = protocol.replace_strict(names, default=protocol, return_dtype=pl.String).alias("name")
    place = findings.get_column_index("protocol") + 1
    return findings.select(*findings.columns[:place], name, *findings.columns[place:])


def shown(findings: pl.DataFrame) -> pl.DataFrame:
    """Return the columns a reader needs, amounts last."""
    return findings.select(
        pl.col("severity").replace(charts.WORDS), "finding", "date", "protocol", "name", "token", "chain",
        change_usd="usd", what="text", dates="dates", check="check",
    )  # fmt: skip


def _details(check: Check, report: Report, names: dict[str, str], view: View) -> None:
    mine = named(report.findings.filter(pl.col("check") == check.name), names)
    for row in mine.head(_LISTED).to_dicts():
        st.markdown(line(row, view))
    if mine.height > _LISTED:
        st.caption(f"and {mine.height - _LISTED} more in the table below")
    if check.name == TWICE and report.twice["date"].n_unique() > _FEW:
        drawn = charts.twice(report.twice)
        export.chart(drawn, report.twice, "counted-twice", view.provenance(date=False))
    _explain(check)


def _explain(check: Check) -> None:
    parts = [
        ("Looks for", check.looks_for), ("How", check.formula), ("A finding", check.threshold),
        ("Severity", check.severity), ("What to do", check.remedy),
    ]  # fmt: skip
    st.caption("  \n".join(f"**{name}:** {text.markdown(words)}" for name, words in parts))


def _fine(rows: list[dict[str, Any]], checks: dict[str, Check]) -> None:
    if not rows:
        return
    with st.expander(f"**{text.plural(len(rows), 'check')} without findings**", icon=ICONS[PASSED]):
        for row in rows:
            word = "passed" if row["state"] == PASSED else "not possible: the source gives no quantities"
            st.markdown(f"{ICONS[row['state']]} **{text.markdown(row['title'])}**: {word}")
            _explain(checks[row["check"]])
