"""The Data page's section on revisions: a chosen earlier vintage beside the one shown, date by date, name by name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import polars as pl
import streamlit as st

from dexposure_core.measures import MEASURES
from dexposure_core.pipeline.revising.causes import CAUSES
from dexposure_core.ui import cards, controls, explain, frame, resources, revisions, text, vintages
from dexposure_core.ui.books import records
from dexposure_core.ui.charts import bars
from dexposure_core.ui.charts import revisions as charts
from dexposure_core.ui.output import export, tables

if TYPE_CHECKING:
    from dexposure_core.pipeline.revising.compare import Comparison
    from dexposure_core.pipeline.revising.revision import Revision
    from dexposure_core.ui.output.provenance import Provenance
    from dexposure_core.ui.view import View

LISTED: Final = 100
ORDER: Final = (
    "The causes of a row sum to its change. They are let in one after the other (mapping, price, quantity, entry, "
    "exit); shares and indices would have other parts in another order. Not on the flow basis, which two dates make."
)
_CENT: Final = 0.005
_WORDS: Final = {"mapping": "mapping", "price": "price", "quantity": "quantity", "entry": "entries", "exit": "exits",
                 "unsplit": "not split"}  # fmt: skip
_LABELS: Final[Mapping[str, str]] = {
    "before_usd": "Before, USD m", "after_usd": "After, USD m", "share_change": "Change", "tables": "Tables",
    "moved_usd": "Exposures moved, USD m", "held_usd": "Held over all dates, USD m",
}  # fmt: skip


def panel(view: View) -> None:
    """Draw the section: which vintage to compare with, what differs on which dates, one date in detail, the mapping."""
    others = {m.vintage: m for m in resources.manifests() if m.vintage != view.vintage}
    if not others:
        frame.empty(
            "Nothing to compare with",
            "This store holds one vintage only.",
            "The next import, update or fetch adds one; what it revises is then listed here.",
        )
        return
    usual = records.predecessor(view.vintage)
    before = controls.choice(
        "before", "Compared with", list(others), default=usual,
        format_func=lambda v: f"{vintages.label(others[v], resources.default_vintage())} · {vintages.built(others[v])}",
    )  # fmt: skip
    found = records.comparison(before, view.vintage)
    origin = view.provenance(date=False, compared_with=before)
    st.markdown(answer(found))
    if usual is None:
        st.caption("These two vintages do not describe the same thing; their difference is no revision.")
    _by_date(found, origin)
    _one_date(view, found, origin)
    _names(view, found, origin)


def answer(found: Comparison) -> str:
    """Say in one sentence what differs between two vintages (Markdown)."""
    counts = {status: len(found.of(status)) for status in ("revised", "added", "removed")}
    dates = ", ".join(f"{text.count(n)} {status}" for status, n in counts.items() if n) or "no date differs"
    moved = revisions.moved(found.dates, None)
    tvl = f"; TVL moved on {text.count(moved.moved)} of the revised" if counts["revised"] else ""
    tvl += f", {text.percent(moved.mean, sign=True)} on average" if moved.moved else ""
    return (
        f"Of the snapshots **{dates}**, {text.count(found.same)} the same{tvl}; "
        f"{text.plural(found.issuers.height, 'token')} with another issuer or method, "
        f"{text.plural(found.protocols.height, 'protocol')} that came, went or changed name."
    )


def date_table(found: Comparison) -> pl.DataFrame:
    """Return the dates that differ, the latest first: date, status, TVL before and after, relative change."""
    before = pl.when(pl.col("before_usd") > 0).then("before_usd")
    rows = found.dates.sort("date", descending=True)
    share = rows.select(share_change=pl.col("after_usd") / before - 1).to_series()
    return rows.select("date", "status", "before_usd", "after_usd", tables.written(share, _signed))


def measure_table(moved: pl.DataFrame) -> pl.DataFrame:
    """Return the measures that moved as read: basis, title, before, after, change, and what each cause added."""
    known = {m.name: (m.title, m.unit) for m in MEASURES}
    rows = []
    for basis, name, before, after, *parts in moved.select("basis", "measure", "before", "after", *CAUSES).iter_rows():
        loss = name.removeprefix("loss:")
        title, unit = known.get(name) or (f"Loss: {cards.loss_name(loss)}" if loss != name else name, "share")
        written = [text.amount(value, unit) for value in (before, after)]
        share = _signed(after / before - 1 if before and after is not None else None)
        rows.append((basis, title, *written, share, *(_added(part, before, after, unit) for part in parts)))
    columns = ["Basis", "Measure", "Before", "After", "Relative change", *(cause.capitalize() for cause in CAUSES)]
    table = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    return table.drop(c.capitalize() for c in ("unsplit", "other") if not _any(moved[c]))


def _any(parts: pl.Series) -> bool:
    """Return whether a cause added anything beyond rounding."""
    return bool((parts.abs() > revisions.SAME).any())


def _added(part: float | None, before: float | None, after: float | None, unit: str) -> str:
    """Write what a cause added to a measure: a dash for nothing, empty where it is not known."""
    if part is None:
        return ""
    if abs(part) <= revisions.SAME * max(abs(before or 0.0), abs(after or 0.0)):
        return "–"
    if unit == "share":
        return text.points(part)
    return text.usd(part, sign=True) if unit == "USD" else text.number(part, sign=True)


def _by_date(found: Comparison, origin: Provenance) -> None:
    if found.dates.is_empty():
        return
    left, right = st.columns(2)
    with left:
        st.subheader("Dates that differ", anchor=False)
        export.table(date_table(found), "revised-dates", origin, labels=_LABELS, full=found.dates)
    with right:
        moved = revisions.with_change(found.dates).filter(pl.col("change").abs() > revisions.SAME)
        if moved.is_empty():
            frame.empty("System TVL is the same", "What differs lies elsewhere.", "The dates are listed beside.")
        else:
            export.chart(charts.by_date(moved), moved, "revised-tvl", origin)


def _one_date(view: View, found: Comparison, origin: Provenance) -> None:
    revised = revisions.with_change(found.dates).sort(pl.col("change").abs(), descending=True, nulls_last=True)
    if revised.is_empty():
        return
    days = [str(d) for d in revised["date"].sort(descending=True)]
    moved = revised.filter((pl.col("date") == view.date) & (pl.col("change").abs() > revisions.SAME))
    here = str((revised if moved.is_empty() else moved)["date"][0])
    st.subheader("One date in detail", anchor=False)
    day = controls.choice("revised", "Revised date", days, default=here)
    one = records.revision(found.before, found.after, dt.date.fromisoformat(day))
    at = origin.having(revised_date=day)
    _why(one, view, at)
    left, right = st.columns(2)
    with left:
        st.markdown("**Protocols, largest revision first**")
        shown = one.protocols.head(LISTED).select("protocol", "name", "change_usd", "moved_usd")
        labels = {**_LABELS, "change_usd": "TVL, USD m"}
        export.table(shown, "revised-protocols", at, labels=labels, link=view.protocol_link, full=one.protocols)
    with right:
        st.markdown("**Tokens, largest revision first**")
        names = resources.names(view.vintage)
        first = one.tokens.head(LISTED)
        shown = first.select(
            "token", issuer=_named(first["issuer_after"], names), after_usd="after_usd", change_usd="change_usd"
        )
        export.table(shown, "revised-tokens", at, labels={"after_usd": "Now, USD m"}, full=one.tokens)
    st.markdown("**Rows of each table**")
    shown = one.tables.select("table", "added", "removed", "changed")
    export.table(shown, "revised-tables", at, full=one.tables)


def causes(one: Revision) -> str:
    """Say by which causes total exposure and TVL were revised (Markdown); the causes of each sum to its change."""
    told = []
    for name, parts in zip(("total exposure", "TVL"), one.causes().values(), strict=True):
        known = {cause: usd for cause, usd in parts.items() if abs(usd) >= _CENT}
        change = known.pop("change", 0.0)
        named = ", ".join(f"{_WORDS[cause]} {text.usd(usd, sign=True, unit=False)}" for cause, usd in known.items())
        moved = text.usd(change, sign=True) if change else "the same"
        told.append(f"{name} **{moved}**" + (f" ({named})" if named else ""))
    given = float(one.exposures["mapping_usd"].clip(lower_bound=0).sum())
    other = f". Tokens held for {text.usd(given)} count towards another issuer" if given >= _CENT else ""
    return f"Why: {'; '.join(told)}{other}."


def _why(one: Revision, view: View, at: Provenance) -> None:
    """Draw the revision of one date by cause: in words, the largest exposures and TVL, every measure."""
    st.markdown(causes(one))
    explain.draw(view, ("change_parts",))
    left, right = st.columns(2)
    with left:
        if not one.exposures.is_empty():
            top = one.exposures.head(10)
            ends = top.select("creditor_name", "debtor_name").iter_rows()
            pairs = [f"{text.short(a, 16)} → {text.short(b, 16)}" for a, b in ends]
            export.chart(bars.split(top, pairs, title="Exposures revised most"), one.exposures, "revised-exposures", at)
    with right:
        moved = one.protocols.filter(pl.col("change_usd").abs() >= _CENT)
        if not moved.is_empty():
            top = moved.sort(pl.col("change_usd").abs(), descending=True).head(10)
            drawn = bars.split(top, top["name"].to_list(), title="TVL revised most")
            export.chart(drawn, moved, "revised-tvl-causes", at)
    _measures(one, at)


def _measures(one: Revision, at: Provenance) -> None:
    """Draw the measures that moved: those of holdings with their causes, those of flows out of the way."""
    holdings, flows = (one.measures.filter(pl.col("basis") == basis) for basis in ("holdings", "flow"))
    if not holdings.is_empty():
        st.markdown("**Measures that moved, and what each cause added**")
        export.table(measure_table(holdings).drop("Basis"), "revised-measures", at, full=holdings)
        st.caption(ORDER)
    if not flows.is_empty():
        with st.expander(f"On the flow basis: {text.plural(flows.height, 'measure')} moved"):
            shown = measure_table(flows).select("Measure", "Before", "After", "Relative change")
            export.table(shown, "revised-measures-flow", at, full=flows)


def _names(view: View, found: Comparison, origin: Provenance) -> None:
    names = resources.names(view.vintage)
    if not found.issuers.is_empty():
        st.subheader("Tokens with another issuer or method", anchor=False)
        first = found.issuers.head(LISTED)
        shown = first.select(
            "token", issuer_before=_named(first["issuer_before"], names),
            issuer_after=_named(first["issuer_after"], names),
            method_before="method_before", method_after="method_after", held_usd="usd",
        )  # fmt: skip
        export.table(shown, "revised-issuers", origin, labels=_LABELS, full=found.issuers)
    left, right = st.columns(2)
    if not found.protocols.is_empty():
        with left:
            st.subheader("Protocols that came, went or changed name", anchor=False)
            export.table(found.protocols, "revised-names", origin, labels={"protocol": "Id"})
    if not found.choices.is_empty():
        with right:
            st.subheader("Choices of the build that differ", anchor=False)
            export.table(found.choices, "revised-choices", origin)


def _named(protocols: pl.Series, names: Mapping[str, str]) -> pl.Series:
    return tables.written(protocols, lambda p: names.get(p, p))


def _signed(change: float | None) -> str:
    return text.percent(change, sign=True)
