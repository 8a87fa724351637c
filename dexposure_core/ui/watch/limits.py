"""The reader's own rules: thresholds made by hand, in the address (`limits`), and a file, kept in the session only.

A file takes the place of the shipped rules, as on the command line; the thresholds of the address stand beside either.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

from dexposure_core.errors import BadInput
from dexposure_core.pipeline.alerts import RuleFile, as_lines, parse_line, parse_lines, parse_rules, rules_of, shipped
from dexposure_core.pipeline.alerts.rules import QUANTITIES, Rule, indicator_names
from dexposure_core.ui import controls, frame, resources, text
from dexposure_core.ui.view import View

NAME: Final = "limits"
_REFUSED: Final = "_limits_refused"
_FILE: Final = "_rule_file"
_FILE_NAME: Final = "_rule_file_name"
_FILE_REFUSED: Final = "_rule_file_refused"
_UPLOADS: Final = "_rule_file_uploads"
_KINDS: Final = {"indicator": "The system", "protocol": "A protocol", "exposure": "An exposure"}


def given() -> tuple[str, str]:
    """Return the thresholds of the address as text, and a note when they could not be read; writes the address."""
    asked = controls.page_parameter(NAME)
    if not asked:
        return "", ""
    try:
        read = as_lines(parse_lines(asked, "limits"))
    except BadInput as error:
        controls.set_parameter(NAME, None)
        return "", f"The thresholds in the address could not be read. {text.short(str(error), 240)}"
    controls.write({NAME: read})
    return read, ""


def draw(view: View, held: str) -> None:
    """Draw the thresholds with a way to take each out, and the choices that make another."""
    names = resources.names(view.vintage)
    for rule in parse_lines(held):
        with st.container(horizontal=True, vertical_alignment="center", key=f"limit-{abs(hash(rule.line))}"):
            st.markdown(text.markdown(_said(rule, names)), width="content")
            st.button(
                "Remove", key=f"drop-{rule.line}", type="tertiary", icon=":material/close:", on_click=_drop,
                args=(held, rule.line),
            )  # fmt: skip
    with st.container(border=True, key="new-limit"):
        kind = st.segmented_control("Watch", list(_KINDS), default="indicator", format_func=_KINDS.__getitem__,
                                    key="limit-kind", required=True)  # fmt: skip
        subject = _subject(kind or "indicator", view, names)
        left, right = st.columns(2)
        with left:
            sign = st.segmented_control("Raise it", [">", "<"], default=">", key="limit-sign", required=True,
                                        format_func={">": "above", "<": "below"}.__getitem__)  # fmt: skip
        with right:
            st.text_input("Threshold", key="limit-value", placeholder="0.18 or 5e9", max_chars=30,
                          help="USD as plain USD (5e9), shares as 0 to 1 (0.3 for 30 %).")  # fmt: skip
        st.button("Add", icon=":material/add:", on_click=_add, args=(held, subject, sign or ">"), key="limit-add",
                  disabled=not subject)  # fmt: skip
        if refused := st.session_state.pop(_REFUSED, None):
            frame.failure("No threshold was added.", refused)


def as_file(held: str) -> RuleFile:
    """Return the rules in force as a file."""
    return rules_in_use(file_text(), held)


def rules_in_use(file: str, held: str) -> RuleFile:
    """Return the rules of a file's text, the shipped ones where it is empty, with the thresholds of the address."""
    return (parse_rules(file) if file else shipped()).having(parse_lines(held))


def file_text() -> str:
    """Return the text of this session's file of rules, written anew from what was understood; empty without one."""
    return str(st.session_state.get(_FILE, ""))


def file_or_shipped() -> None:
    """Draw which rules hold, and the way to read a file of rules or to leave it."""
    if file_text():
        name = text.markdown(text.short(str(st.session_state.get(_FILE_NAME, "")), 60))
        st.markdown(f"Rules of **{name}** in place of the shipped ones, in this session only.")
        st.button("Back to the shipped rules", key="rules-leave", type="tertiary", on_click=_leave)
    place = st.session_state.setdefault(_UPLOADS, 0)
    key = f"put-rules-{place}"  # a new widget after each file, so that one file can be read twice
    st.file_uploader("Read a file of rules (TOML)", type="toml", key=key, on_change=_read, args=(key,),
                     max_upload_size=1)  # fmt: skip
    if refused := st.session_state.pop(_FILE_REFUSED, None):
        frame.failure("The file of rules was not read; the rules in use are as before.", refused)


def _read(key: str) -> None:
    given_file = st.session_state.get(key)
    if given_file is None:
        return
    try:
        read = rules_of(given_file.getvalue(), text.short(given_file.name))
    except BadInput as error:
        st.session_state[_FILE_REFUSED] = error
    else:
        st.session_state[_FILE], st.session_state[_FILE_NAME] = read.text(), given_file.name
    st.session_state[_UPLOADS] += 1


def _leave() -> None:
    st.session_state.pop(_FILE, None)


def _subject(kind: str, view: View, names: dict[str, str]) -> str:
    """Draw the choice of what is watched; return it as in a rule's line, empty while it is not chosen."""
    if kind == "indicator":
        titles = {name: Rule(indicator=name).title({}) for name in indicator_names()}
        return str(st.selectbox("Indicator", list(titles), format_func=titles.__getitem__, key="limit-indicator"))
    if kind == "protocol":
        if view.protocol is None:
            st.caption("Choose the protocol in the sidebar.")
            return ""
        of = st.selectbox(
            f"Number of {text.markdown(text.short(view.protocol_name))}", [q.name for q in QUANTITIES],
            format_func={q.name: q.title for q in QUANTITIES}.__getitem__, key="limit-of",
        )  # fmt: skip
        return Rule(protocol=view.protocol, of=str(of)).subject
    options = resources.protocol_options(view.vintage)
    ends = [
        st.selectbox(label, list(options), index=None, key=f"limit-{label}", placeholder="Name, id or symbol",
                     format_func=lambda p: options.get(p, names.get(p, p)))
        for label in ("Creditor", "Debtor")
    ]  # fmt: skip
    return Rule(creditor=ends[0], debtor=ends[1]).subject if ends[0] and ends[1] else ""


def _said(rule: Rule, names: dict[str, str]) -> str:
    side = "above" if rule.above is not None else "below"
    if not rule.is_threshold:
        return f"{rule.title(names)}: early warning"
    return f"{rule.title(names)} {side} {text.amount(rule.threshold, rule.unit)}"


def _add(held: str, subject: str, sign: str) -> None:
    try:
        rule = parse_line(f"{subject}{sign}{str(st.session_state.get('limit-value') or '').strip()}", "threshold")
        lines = as_lines(parse_lines(f"{held};{rule.line}"))
        parse_lines(lines)
    except BadInput as error:
        st.session_state[_REFUSED] = error
    else:
        controls.set_parameter(NAME, lines)


def _drop(held: str, line: str) -> None:
    left = [rule for rule in parse_lines(held) if rule.line != line]
    controls.set_parameter(NAME, as_lines(left) or None)
