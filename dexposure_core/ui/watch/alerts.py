"""Alerts on screen: the list with its acknowledgements, which live in the browser's session and leave it as a file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl
import streamlit as st

from dexposure_core.errors import BadInput
from dexposure_core.network.chains import DEFAULT
from dexposure_core.pipeline.alerts import Alerts, feed
from dexposure_core.pipeline.alerts.acks import NAME, Ack, ack_now, acks_text, parse_acks
from dexposure_core.pipeline.alerts.ahead import HOW
from dexposure_core.pipeline.alerts.found import FORECAST, Alert, moved
from dexposure_core.pipeline.indicators import WORST
from dexposure_core.ui import frame, text
from dexposure_core.ui.output import export
from dexposure_core.ui.output.provenance import Provenance
from dexposure_core.ui.view import View

SHOWN: Final = 6
MOST: Final = 40
_ACKS: Final = "_acknowledged"
_REFUSED: Final = "_acknowledged_refused"
_UPLOADS: Final = "_acknowledged_uploads"
_BADGES: Final = {"alarm": ":red-badge[alarm]", "warning": ":orange-badge[warning]", "notice": ":gray-badge[notice]"}
_PAGES: Final = (  # start of a measure's name → the page that shows it
    ("spillover", "spillover"), ("cross_", "spillover"), (WORST, "contagion"), ("max_default", "contagion"),
    ("mean_default", "contagion"), ("tvl_", "concentration"), ("exposure_count", "network"),
    ("exposure_", "concentration"), ("debtor_", "concentration"), ("system_tvl", "concentration"),
)  # fmt: skip


def acks() -> Mapping[str, Ack]:
    """Return what this session has acknowledged."""
    held: dict[str, Ack] = st.session_state.setdefault(_ACKS, {})
    return held


def answer(found: Alerts) -> str:
    """Answer: what is out of the ordinary? Markdown; names are escaped here."""
    unseen, seen = found.unseen(acks()), len(found.alerts) - len(found.unseen(acks()))
    told = f", {text.plural(seen, 'alert')} acknowledged" if seen else ""
    if not unseen:
        return f"Nothing that nobody has seen is out of the ordinary on {found.date}{told}."
    counts = [(grade, sum(a.severity == grade for a in unseen)) for grade in _BADGES]
    words = " and ".join(f"**{text.plural(n, grade)}**" for grade, n in counts if n)
    return f"{words} on {found.date}{told}; the gravest: {text.markdown(unseen[0].words())}"


def draw(found: Alerts, view: View) -> None:
    """Draw the alerts nobody has acknowledged, gravest first, then the others."""
    _unseen(found.unseen(acks()), view)
    seen = [alert for alert in found.alerts if alert.id in acks()]
    if seen:
        with st.expander(f"Acknowledged: {len(seen)}", key="acknowledged"):
            for alert in seen:
                _acknowledged(alert, acks()[alert.id])


def brief(found: Alerts, origin: Provenance, limit: int = 4) -> None:
    """Draw the alerts nobody has acknowledged as a short list, for the overview."""
    rows = feed(found, acks()).filter(~pl.col("acknowledged"))
    if rows.is_empty():
        frame.empty("No alert", "No rule fires that nobody has acknowledged.", "Look again next week.")
        return
    for alert in found.unseen(acks())[:limit]:
        rate, usual = (text.percent(x) for x in (alert.record.false_alarm_rate, alert.record.at_random))
        told = f"Of its alarms {rate} were false; of any date's, {usual} would be."
        st.markdown(f"{_BADGES[alert.severity]} {text.markdown(alert.words())} :gray[{text.markdown(told)}]")
    if rows.height > limit:
        st.caption(f"{rows.height - limit} more on the Alerts page.")
    export.file_button("CSV", lambda: export.csv_bytes(rows, origin), "alerts", origin, "csv", mime="text/csv")


def where(alert: Alert, view: View) -> str:
    """Return the address at which what an alert is about can be seen."""
    rule = alert.rule
    if not rule.indicator:
        return view.protocol_link(rule.protocol or rule.creditor)
    if alert.kind == FORECAST:
        return view.link("forecast")
    return view.link(next((page for start, page in _PAGES if rule.indicator.startswith(start)), "network"))


def indicators(found: Alerts) -> Sequence[str]:
    """Return the indicators of the system that the alerts shown first are about."""
    return [a.rule.indicator for a in found.unseen(acks())[:SHOWN] if a.rule.indicator]


def meaning(found: Alerts) -> str:
    """Say what a false alarm is, and where probabilities come from."""
    told = (
        f"A false alarm: within {text.plural(found.after, 'snapshot')} no event that concerns it, and no further move "
        "of the same size in the same direction. “Any date” is the same share over all dates: a rule tells something "
        "when its own is lower. Only what was known at the date is used."
    )
    return f"{told} Probabilities are {HOW}." if found.ahead else told


def keep_or_load() -> None:
    """Draw the ways out of and into the session: the file of acknowledgements."""
    held = dict(acks())  # a download is made outside the session
    st.download_button(
        "Acknowledgements", data=lambda: acks_text(held).encode(), file_name=NAME, mime="application/json",
        key="get-acks", on_click="ignore", type="tertiary", icon=":material/download:", disabled=not held,
    )  # fmt: skip
    place = st.session_state.setdefault(_UPLOADS, 0)
    key = f"put-acks-{place}"  # a new widget after each file, so that one file can be read twice
    st.file_uploader("Read a file of acknowledgements", type="json", key=key, on_change=_read, args=(key,))
    if refused := st.session_state.pop(_REFUSED, None):
        frame.failure("The file was not read.", refused)


def _unseen(unseen: Sequence[Alert], view: View) -> None:
    if not unseen:
        frame.empty("No alert", "No rule fires that nobody has acknowledged.", "Look again next week.")
    for alert in unseen[:SHOWN]:
        _card(alert, view)
    if len(unseen) > SHOWN:
        with st.expander(f"{len(unseen) - SHOWN} more, milder ones", key="milder"):
            for alert in unseen[SHOWN:MOST]:
                _card(alert, view)
            if len(unseen) > MOST:
                st.caption(f"{len(unseen) - MOST} more in the table and in the feeds.")
    if len(unseen) > 1:
        st.text_input("Note for what you acknowledge", key="ack-note", max_chars=500, placeholder="optional")


def _card(alert: Alert, view: View) -> None:
    with st.container(border=True, key=f"alert-{alert.id}", gap="xsmall"):
        st.markdown(f"{_BADGES[alert.severity]} {text.markdown(alert.words())}")
        note = f" {text.markdown(alert.rule.note)}" if alert.rule.note else ""
        left, right = st.columns([7, 3], vertical_alignment="center")
        with left:
            st.caption(f"{text.markdown(alert.standing())}.{note} [See it]({where(alert, view)})")
        with right:
            st.button(
                "Acknowledge", key=f"ack-{alert.id}", on_click=_acknowledge, args=(alert.id, alert.words()),
                type="tertiary", icon=":material/check:",
            )  # fmt: skip


def _acknowledged(alert: Alert, ack: Ack) -> None:
    note = f": {text.markdown(ack.note)}" if ack.note else ""
    st.markdown(f"{text.markdown(alert.words())}  \n:gray[{text.markdown(ack.at)}{note}]")
    st.button("Take back", key=f"unack-{alert.id}", on_click=_forget, args=(alert.id,), type="tertiary")


def _acknowledge(alert: str, words: str) -> None:
    st.session_state.setdefault(_ACKS, {})[alert] = ack_now(st.session_state.get("ack-note") or "", words)


def _forget(alert: str) -> None:
    st.session_state.get(_ACKS, {}).pop(alert, None)


def _read(key: str) -> None:
    """Take over a file's acknowledgements; what is acknowledged in this session already stays as it is."""
    given = st.session_state.get(key)
    if given is None:
        return
    try:
        read = parse_acks(given.getvalue(), text.short(given.name))
    except BadInput as error:
        st.session_state[_REFUSED] = error
    else:
        st.session_state[_ACKS] = read | st.session_state.get(_ACKS, {})
    st.session_state[_UPLOADS] += 1


def ahead_said(found: Alerts, view: View) -> str:
    """Say which rules are judged on a forecast, which have none and why (Markdown)."""
    if view.shown_chains != DEFAULT:
        return "No rule is judged on a forecast: forecasts are made of the whole system only, not of some chains."
    if not found.ahead:
        return (
            f"No rule is judged on a forecast: none is kept for {found.date}, {text.plural(view.horizon, 'week')} "
            f"ahead, and this page makes none. [The Forecast page]({view.link('forecast')}) does."
        )
    known = sum(math.isfinite(f.probability) for f in found.foreseen)
    without = len(found.foreseen) - known
    told = f"; {without} have no probability, the table says why" if without else ""
    return (
        f"{known} of {text.plural(len(found.foreseen), 'rule')} are judged on the forecast kept for "
        f"{text.plural(found.ahead, 'snapshot')} ahead{told}. For an early warning the limit is the change that would "
        "be out of the ordinary over that time."
    )


def outlook_rows(found: Alerts) -> pl.DataFrame:
    """Return every rule on the forecast as read."""
    written = [
        (f.title, text.percent(f.probability),
         text.amount(f.limit, f.rule.unit) if f.rule.is_threshold else f"± {moved(f.limit, f.rule.unit)}",
         text.amount(f.today, f.rule.unit), text.amount(f.says.value, f.rule.unit), f.rule.line, f.how)
        for f in found.foreseen
    ]  # fmt: skip
    columns = ["title", "probability", "limit", "today", "expected", "rule", "how"]
    return pl.DataFrame(written, schema=dict.fromkeys(columns, pl.String), orient="row")


OUTLOOK_LABELS: Final[Mapping[str, str]] = {
    "title": "Watched", "rule": "Rule", "today": "Today", "expected": "Expected", "limit": "Limit",
    "probability": "Probability", "how": "From",
}  # fmt: skip


def record_rows(records: pl.DataFrame) -> pl.DataFrame:
    """Return the rules' records as read."""
    return records.select(
        "title", "fired", "judged", "last", "rule", false_alarms_share="false_alarm_rate", any_date_share="at_random",
        snapshots_beyond="beyond",
    ).select(
        "title", "false_alarms_share", "any_date_share", "fired", "judged", "last", "snapshots_beyond", "rule"
    )  # fmt: skip


RECORD_LABELS: Final[Mapping[str, str]] = {
    "title": "Watched", "rule": "Rule", "fired": "Fired", "last": "Last", "judged": "Judged",
    "false_alarms_share": "False alarms", "any_date_share": "Any date", "snapshots_beyond": "Beyond",
}  # fmt: skip


def failed(found: Alerts) -> Sequence[str]:
    """Return what could not be watched, in words (Markdown)."""
    return [text.markdown(f"{text.short(rule.line, 80)}: {text.short(why, 160)}") for rule, why in found.failed]
