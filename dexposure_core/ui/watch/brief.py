"""The briefing on a page: made when it is asked for, then handed out as HTML or, where a browser is there, as PDF."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import streamlit as st

from dexposure_core.errors import DexposureError
from dexposure_core.network.chains import DEFAULT
from dexposure_core.pipeline import chrome
from dexposure_core.ui import frame, lookups, text

if TYPE_CHECKING:
    from dexposure_core.ui.view import View

MADE: Final = "briefing-made"


def offer(view: View) -> None:
    """Draw the menu that makes the briefing of this view and hands it out."""
    with st.popover("Briefing", icon=":material/description:", type="tertiary", key="briefing"):
        st.caption(
            "One file to print, send and cite: indicators, what changed and why, network, spillover, concentration, "
            "stress, data health, and the command that makes it again."
        )
        ahead = view.shown_chains == DEFAULT and st.checkbox(
            f"With the forecast, {text.plural(view.horizon, 'week')} ahead", key="briefing-ahead"
        )
        horizon = view.horizon if ahead else None
        asked = (view.data, view.date, view.basis, horizon)
        st.button("Make the briefing", key="make-briefing", on_click=_ask, args=asked)
        if st.session_state.get(MADE) == asked:
            _hand_out(view, horizon)


def _ask(*asked: object) -> None:
    st.session_state[MADE] = asked


def _hand_out(view: View, horizon: int | None) -> None:
    try:
        page, made = _made(view, horizon)
    except DexposureError as error:
        frame.failure("The briefing could not be made.", error)
        return
    with st.container(horizontal=True, vertical_alignment="center", key="briefing-files"):
        _buttons(page, made, view.provenance().file_parts("briefing"))


def _buttons(page: str, made: dt.datetime, parts: tuple[str, ...]) -> None:
    """Draw the buttons; `made` is the page's own moment, so that it is the same PDF however often it is printed."""
    st.download_button(
        "HTML", page.encode(), text.file_name(parts, "html"), "text/html", key="get-briefing-html", on_click="ignore",
        icon=":material/download:",
    )  # fmt: skip
    if chrome.find() is None:
        st.caption("PDF: this server has no Chrome; open the HTML file and print it.")
        return
    st.download_button(
        "PDF", lambda: chrome.pdf(page, made=made), text.file_name(parts, "pdf"), "application/pdf",
        key="get-briefing-pdf", on_click="ignore", icon=":material/download:",
    )  # fmt: skip


def _made(view: View, horizon: int | None) -> tuple[str, dt.datetime]:
    """Return the page and when it was made; a line with a spinner names what is being computed meanwhile."""
    slot = st.empty()
    with slot, st.status("Making the briefing …") as told:

        def tell(done: int, total: int, label: str) -> None:
            told.update(label=f"Computing {label} … ({done} of {total})")

        found = lookups.briefing(view.data, view.date, view.basis, horizon, tell)
    slot.empty()
    return found
