"""The sidebar: basis, date, protocol, horizon, vintage, all kept in the address; and the link that gives this view."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from dexposure_core.network.snapshot import BASES
from dexposure_core.ui import controls, lens, resources, vintages
from dexposure_core.ui.navigation import Page
from dexposure_core.ui.running import signin
from dexposure_core.ui.view import HORIZONS, KEYS, View, pick_basis, pick_date, pick_horizon, pick_protocol

_CHOSEN: Final = "_protocol_chosen"
_BASIS_LABELS: Final[Mapping[str, str]] = {"holdings": "Holdings", "flow": "Flow"}


def draw(page: Page) -> View:
    """Read the address, draw the sidebar, write the address; returns the view.

    Raises:
        NoVintage: when the store holds none.
    """
    state, notes = controls.read_address(page.key), list[str]()
    vintage = vintages.choose(state, notes)
    chains = lens.choose(state, vintage, notes)
    store = resources.store(lens.data_key(page, vintage, chains))
    basis, note = pick_basis(state.get("basis"), [b for b in BASES if b in store.bases()])
    notes.append(note)
    data = lens.data_key(page, vintage, chains, basis)
    dates = resources.dates(data, basis)
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
        content_hash=manifest.content_hash, chains=chains, data=data,
        measured=data == vintage or data.endswith("measured"),
    )  # fmt: skip
    vintages.remember(view)
    controls.settle(view.parameters(), KEYS)
    with st.sidebar:
        _draw(page, view)
        signin.sign_out()
    return view


def link() -> None:
    """Write the address and draw the control that gives it; after the page, when all its parameters are known."""
    shown = controls.flush()
    with st.sidebar, st.popover("Copy link", icon=":material/link:", width="stretch", key="copy-link"):
        st.caption("This address shows exactly this view.")
        st.code(_address(shown), language=None, wrap_lines=True)


def _draw(page: Page, view: View) -> None:
    vintages.chooser(view)
    if "basis" in page.controls:
        _basis(view)
    if "chains" in page.controls:
        lens.chooser(view)
    if "date" in page.controls:
        _date(view)
    if "date" in page.controls:
        _protocol(view, opens="protocol" not in page.controls)
    if "horizon" in page.controls:
        _pick("horizon", "Horizon, weeks", [str(h) for h in HORIZONS], str(view.horizon), segments=True)


def _basis(view: View) -> None:
    offered = [b for b in BASES if b in resources.store(view.data).bases()]
    _pick("basis", "Basis", list(offered), view.basis, segments=True, labels=_BASIS_LABELS, help=(
        "Holdings: USD of the debtor's tokens a creditor holds at the date. "
        "Flow: net USD change of such holdings over the period; TVL is then that at its start."
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
        on_click=controls.set_parameter,
        args=("date", str(to)),
        width="stretch",
    )


def _events(view: View) -> None:
    labels, studied = resources.event_labels(view.vintage, view.data, view.basis)
    if not labels:
        return
    st.session_state["w-event"] = None
    st.selectbox(
        "Jump to an event", list(labels), index=None, key="w-event", format_func=lambda e: labels.get(e, ""),
        placeholder="Jump to an event …", label_visibility="collapsed", on_change=_jump,
    )  # fmt: skip
    if view.date in studied:
        st.caption(f"[Study the event of this date]({view.link('events', study=str(view.date))})")


def _jump() -> None:
    if chosen := st.session_state.get("w-event"):
        controls.set_parameter("date", str(chosen).partition("|")[0])


def _protocol(view: View, *, opens: bool) -> None:
    """Draw the search; on a page that shows no single protocol a choice opens the protocol's own page."""
    options = resources.protocol_options(view.vintage)
    if opens and st.session_state.pop(_CHOSEN, False):
        st.switch_page("pages/protocol.py", query_params=view.parameters())
    st.session_state[_CHOSEN] = False
    st.session_state["w-protocol"] = view.protocol
    st.selectbox(
        "Open a protocol" if opens else "Protocol", list(options), index=None, key="w-protocol",
        format_func=lambda p: options.get(p, p), placeholder="Name, id or symbol", on_change=_choose_protocol,
    )  # fmt: skip


def _choose_protocol() -> None:
    chosen = st.session_state["w-protocol"]
    st.session_state[_CHOSEN] = chosen is not None
    controls.set_parameter("protocol", chosen)


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
            on_change=controls.take,
            args=(name, key),
            help=help,
            required=True,
            width="stretch",
        )
    else:
        st.selectbox(label, options, key=key, format_func=shown, on_change=controls.take, args=(name, key), help=help)


def _address(parameters: Mapping[str, str]) -> str:
    at = urlsplit(st.context.url or "")
    return urlunsplit((at.scheme, at.netloc, at.path, urlencode(parameters), ""))
