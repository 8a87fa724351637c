"""The sidebar, and widgets inside pages whose choice lives in the address.

One direction only: the address (when it was changed from outside) and the callbacks write the session's view;
the widgets and the address are then written from it. So a link reproduces a view, a change of page keeps it,
and a widget never fights its own parameter.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import polars as pl
import streamlit as st

from dexposure_core.network.snapshot import BASES
from dexposure_core.ui import resources, text
from dexposure_core.ui.navigation import Page
from dexposure_core.ui.view import HORIZONS, KEYS, View, pick_basis, pick_date, pick_horizon, pick_protocol

T = TypeVar("T")
_STATE: Final = "_view"  # name → text: what the address says or should say, for all pages
_WRITTEN: Final = "_written"  # what we last wrote into the address
_BASIS_LABELS: Final[Mapping[str, str]] = {"holdings": "Holdings", "flow": "Flow"}


def sidebar(page: Page) -> View:
    """Read the address, draw the sidebar, write the address; returns the view.

    Raises:
        NoVintage: when the store holds none.
    """
    state, notes = _read_address(), list[str]()
    vintage = _vintage(state, notes)
    store = resources.store(vintage)
    basis, note = pick_basis(state.get("basis"), [b for b in BASES if b in store.bases()])
    notes.append(note)
    dates = resources.dates(vintage, basis)
    date, note = pick_date(state.get("date"), dates)
    notes.append(note)
    names = resources.names(vintage)
    protocol, note = pick_protocol(state.get("protocol"), names)
    notes.append(note)
    horizon, note = pick_horizon(state.get("horizon"))
    notes.append(note)
    manifest = store.manifest
    view = View(
        page=page.key, vintage=vintage, basis=basis, date=date, dates=dates, protocol=protocol,
        protocol_name=names.get(protocol, "") if protocol else "", horizon=horizon, simulated=manifest.simulated,
        sources=tuple(resources.source_names(vintage)), frequency=manifest.frequency, notes=tuple(filter(None, notes)),
    )  # fmt: skip
    _write(view.parameters(), drop=KEYS)
    with st.sidebar:
        _draw(page, view)
    return view


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
        "on_change": _take,
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
    _write({name: value})
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
) -> float:
    """Draw a slider inside a page whose value lives in the address as `name`, brought into range."""
    try:
        value = min(high, max(low, float(page_parameter(name) or default)))
    except ValueError:
        value = default
    value = value if value == value else default
    key = f"w-{name}"
    st.session_state[key] = type(step)(value)
    st.slider(label, low, high, step=step, format=format, key=key, on_change=_take, args=(name, key), help=help)
    _write({name: f"{value:g}"})
    return value


def switch(name: str, label: str, *, default: bool = False, help: str | None = None) -> bool:  # noqa: A002
    """Draw an on/off switch inside a page whose value lives in the address as `name` (1 or 0)."""
    value = {"1": True, "0": False}.get(page_parameter(name) or "", default)
    key = f"w-{name}"
    st.session_state[key] = value
    st.toggle(label, key=key, on_change=_take, args=(name, key), help=help)
    _write({name: "1" if value else "0"})
    return value


def page_parameter(name: str) -> str | None:
    """Return a page's own parameter as the address or the session has it; untrusted text."""
    value = st.session_state.get(_STATE, {}).get(name)
    return None if value is None else str(value)


def set_parameter(name: str, value: str | None) -> None:
    """Set a parameter from a callback or a selection (a clicked cell, a chosen protocol); None removes it."""
    state = st.session_state.setdefault(_STATE, {})
    state.pop(name, None)
    if value is not None:
        state[name] = value
    if name not in KEYS:
        _write({name: value} if value is not None else {}, drop=(name,))


def _read_address() -> dict[str, str]:
    """Take over what was changed from outside since we last wrote: a link, the browser's back button."""
    state: dict[str, str] = st.session_state.setdefault(_STATE, {})
    written: dict[str, str] = st.session_state.setdefault(_WRITTEN, {})
    now = st.query_params.to_dict()
    state |= {name: value for name, value in now.items() if written.get(name) != value}
    st.session_state[_WRITTEN] = dict(now)
    return state


def _write(values: Mapping[str, str], *, drop: Sequence[str] = ()) -> None:
    now = st.query_params.to_dict()
    wanted = {name: value for name, value in now.items() if name not in drop} | dict(values)
    if wanted != now:
        st.query_params.from_dict(wanted)
    st.session_state[_WRITTEN] = wanted
    st.session_state.setdefault(_STATE, {}).update(values)


def _take(name: str, key: str) -> None:
    value = st.session_state[key]
    written = (
        {True: "1", False: "0"}.get(value)
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
    set_parameter(name, written)


def _vintage(state: Mapping[str, str], notes: list[str]) -> str:
    default = os.environ.get("DEXPOSURE_VINTAGE") or resources.latest()
    asked = state.get("vintage")
    if asked is None or asked == default:
        return default
    if asked in resources.vintages():
        return asked
    notes.append(
        f"This store has no vintage “{text.short(asked)}”; showing {default}. Numbers may differ from the link's."
    )
    return default


def _draw(page: Page, view: View) -> None:
    if "basis" in page.controls:
        _basis(view)
    if "date" in page.controls:
        _date(view)
    if "protocol" in page.controls:
        _protocol(view)
    if "horizon" in page.controls:
        _pick("horizon", "Horizon, weeks", [str(h) for h in HORIZONS], str(view.horizon), segments=True)
    known = resources.vintages()
    if len(known) > 1:
        _pick("vintage", "Vintage", known, view.vintage)
    with st.popover("Copy link", icon=":material/link:", width="stretch"):
        st.caption("This address shows exactly this view.")
        st.code(_origin() + view.link(), language=None, wrap_lines=True)


def _basis(view: View) -> None:
    offered = [b for b in BASES if b in resources.store(view.vintage).bases()]
    _pick("basis", "Basis", list(offered), view.basis, segments=True, labels=_BASIS_LABELS, help=(
        "Holdings: USD of the debtor's tokens a creditor holds at the date. "
        "Flow: net USD change of such holdings over the period."
    ))  # fmt: skip


def _date(view: View) -> None:
    days = [str(d) for d in reversed(view.dates)]
    _pick("date", "Snapshot date", days, str(view.date))
    with st.container(horizontal=True, key="date-steps"):
        _step("Earlier", ":material/chevron_left:", view.previous)
        _step("Later", ":material/chevron_right:", view.following)
    _events(view)


def _step(label: str, icon: str, to: dt.date | None) -> None:
    st.button(
        label,
        icon=icon,
        key=f"step-{label}",
        disabled=to is None,
        on_click=set_parameter,
        args=("date", str(to)),
        width="stretch",
    )


def _events(view: View) -> None:
    rows = resources.events(view.vintage).filter(pl.col("date").is_in(view.dates))
    if rows.is_empty():
        return
    labels = {
        f"{d}|{i}": f"{d} {text.short(n, 60)}" for i, (d, n) in enumerate(rows.select("date", "name").iter_rows())
    }
    st.session_state["w-event"] = None
    st.selectbox(
        "Jump to an event", list(labels), index=None, key="w-event", format_func=lambda e: labels.get(e, ""),
        placeholder="Jump to an event …", label_visibility="collapsed", on_change=_jump,
    )  # fmt: skip


def _jump() -> None:
    if chosen := st.session_state.get("w-event"):
        set_parameter("date", str(chosen).partition("|")[0])


def _protocol(view: View) -> None:
    options = resources.protocol_options(view.vintage)
    st.session_state["w-protocol"] = view.protocol
    st.selectbox(
        "Protocol", list(options), index=None, key="w-protocol", format_func=lambda p: options.get(p, p),
        placeholder="Name, id or symbol", on_change=_take_protocol,
    )  # fmt: skip


def _take_protocol() -> None:
    set_parameter("protocol", st.session_state["w-protocol"])


def _pick(
    name: str, label: str, options: Sequence[str], value: str, *, segments: bool = False,
    labels: Mapping[str, str] | None = None, help: str | None = None,  # noqa: A002
) -> None:  # fmt: skip
    key = f"w-{name}"
    st.session_state[key] = value
    shown = (lambda v: labels[v]) if labels else str
    if segments:
        st.segmented_control(
            label,
            options,
            key=key,
            format_func=shown,
            on_change=_take,
            args=(name, key),
            help=help,
            required=True,
            width="stretch",
        )
    else:
        st.selectbox(label, options, key=key, format_func=shown, on_change=_take, args=(name, key), help=help)


def _origin() -> str:
    from urllib.parse import urlsplit

    at = urlsplit(st.context.url or "")
    return f"{at.scheme}://{at.netloc}" if at.netloc else ""
