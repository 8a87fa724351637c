"""Widgets inside pages whose choice lives in the address, and the address itself.

One direction only: the address (when it was changed from outside) and the callbacks write the session's view;
the widgets and the address are then written from it. So a link reproduces a view, a change of page keeps it,
and a widget never fights its own parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from dexposure_core.ui import text
from dexposure_core.ui.view import KEYS

_STATE: Final = "_view"  # name → text: what the address says or should say, for all pages
_WRITTEN: Final = "_written"  # what the address said when we last read or wrote it
_PENDING: Final = "_pending"  # what this run wants it to say
_PAGE: Final = "_page"  # the page of the last run
_QUIET: Final = "_quiet"  # whether the address is to be left alone
PINNED: Final = "_vintage_pinned"  # whether a link or the reader named the vintage; else the latest is followed
_BASIS_LABELS: Final[Mapping[str, str]] = {"holdings": "Holdings", "flow": "Flow"}


def choice(
    name: str, label: str, options: Sequence[str], *, default: str | None = None,
    format_func: Callable[[str], str] = str, style: str = "select", help: str | None = None,  # noqa: A002
) -> str:  # fmt: skip
    """Draw a choice inside a page whose value lives in the address as `name`.

    Args:
        name: parameter in the address; unique over all pages.
        label: what the reader sees.
        options: allowed values; a value in the address that is none of them falls back to the default.
        default: value without a parameter (the first option when not given).
        format_func: value → text shown.
        style: `select` (box), `segments` (buttons in a row) or `radio`.
        help: tooltip.
    """
    fallback = default if default is not None and default in options else options[0]
    asked = page_parameter(name)
    value = asked if asked is not None and asked in options else fallback
    if asked is not None and asked not in options:
        st.info(
            text.markdown(f"{label}: “{text.short(asked)}” is not offered; showing {format_func(value)}."),
            icon=":material/link_off:",
        )
    key = f"w-{name}"
    st.session_state[key] = value
    shared: dict[str, Any] = {
        "key": key,
        "on_change": take,
        "args": (name, key),
        "format_func": format_func,
        "help": help,
    }
    if style == "segments":
        st.segmented_control(label, options, required=True, **shared)
    elif style == "radio":
        st.radio(label, options, horizontal=True, **shared)
    else:
        st.selectbox(label, options, **shared)
    write({name: value})
    return value


def level(
    name: str,
    label: str,
    low: float,
    high: float,
    default: float,
    *,
    step: float,
    format: str = "%g",  # noqa: A002
    help: str | None = None,  # noqa: A002
    brief: bool = False,
) -> float:
    """Draw a slider inside a page whose value lives in the address as `name`, brought into range.

    A `brief` one is in the address only where it differs from its default.
    """
    try:
        value = min(high, max(low, float(page_parameter(name) or default)))
    except ValueError:
        value = default
    value = value if value == value else default
    key = f"w-{name}"
    st.session_state[key] = type(step)(value)
    st.slider(label, low, high, step=step, format=format, key=key, on_change=take, args=(name, key), help=help)
    if not brief or value != default:
        write({name: f"{value:g}"})
    return value


def switch(name: str, label: str, *, default: bool = False, help: str | None = None) -> bool:  # noqa: A002
    """Draw an on/off switch inside a page whose value lives in the address as `name` (1 or 0)."""
    value = {"1": True, "0": False}.get(page_parameter(name) or "", default)
    key = f"w-{name}"
    st.session_state[key] = value
    st.toggle(label, key=key, on_change=take, args=(name, key), help=help)
    write({name: "1" if value else "0"})
    return value


def page_parameter(name: str) -> str | None:
    """Return a page's own parameter as the address or the session has it; untrusted text."""
    value = st.session_state.get(_STATE, {}).get(name)
    return None if value is None else str(value)


def parameters() -> dict[str, str]:
    """Return all that the address says or should say, for all pages; untrusted text."""
    return {name: str(value) for name, value in st.session_state.get(_STATE, {}).items()}


def set_parameter(name: str, value: str | None) -> None:
    """Set a parameter from a callback or a selection (a clicked cell, a chosen protocol); None removes it."""
    state = st.session_state.setdefault(_STATE, {})
    state.pop(name, None)
    if value is not None:
        state[name] = value


def read_address(page: str) -> dict[str, str]:
    """Take over what was changed from outside since we last wrote: a link, or the browser's back button.

    An address with a vintage is a whole view: what it does not say is not chosen. Where something that we had written
    on this page is gone, the reader went back; the address is then left alone, or there would be no way further back.
    """
    session = st.session_state
    state: dict[str, str] = session.setdefault(_STATE, {})
    written: dict[str, str] = session.get(_WRITTEN, {})
    now = st.query_params.to_dict()
    if now.get("vintage") not in (None, state.get("vintage")):
        session[PINNED] = True
    if now != written and "vintage" in now:
        for name in KEYS:
            state.pop(name, None)
        state |= now
    state |= {name: value for name, value in now.items() if written.get(name) != value}
    session[_QUIET] = session.get(_PAGE) == page and not set(written) <= set(now)
    session[_PAGE], session[_WRITTEN] = page, now
    return state


def settle(values: Mapping[str, str], names: Sequence[str]) -> None:
    """Make the session say exactly `values` for the parameters in `names`; the address follows with `flush`."""
    state = st.session_state.setdefault(_STATE, {})
    for name in names:
        state.pop(name, None)
    st.session_state[_PENDING] = {}
    write(values)


def write(values: Mapping[str, str]) -> None:
    """Note parameters of this view; the address follows with `flush`."""
    st.session_state.setdefault(_PENDING, {}).update(values)
    st.session_state.setdefault(_STATE, {}).update(values)


def flush() -> dict[str, str]:
    """Write all that this run noted into the address, at once (one step of the browser's history); return it."""
    session = st.session_state
    pending: dict[str, str] = dict(session.get(_PENDING, {}))
    if pending != st.query_params.to_dict() and not session.get(_QUIET):
        st.query_params.from_dict(pending)
        session[_WRITTEN] = pending
    return pending


def take(name: str, key: str) -> None:
    """Take over a widget's value as a parameter (the widgets' callback)."""
    value = st.session_state[key]
    if isinstance(value, bool):
        value = "1" if value else "0"
    set_parameter(name, f"{value:g}" if isinstance(value, float) else str(value))
