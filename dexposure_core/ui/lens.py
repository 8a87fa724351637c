"""The chains a page looks through: chosen in the sidebar, kept in the address, told on everything that leaves the page.

A page that follows the choice shows the network of those chains only, and says so in a badge, in the title of every
chart and in every file. One that cannot says that instead, and shows the whole system.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import streamlit as st

from dexposure_core.errors import UnknownChain
from dexposure_core.network.chains import ALL, BORROWED, DEFAULT, chain_aside, chain_choice, chain_words, is_borrowed
from dexposure_core.pipeline.chains.lens import Lens
from dexposure_core.ui import controls, resources, text
from dexposure_core.ui.view import lens_key

if TYPE_CHECKING:
    from dexposure_core.network.snapshot import Basis
    from dexposure_core.ui.navigation import Page
    from dexposure_core.ui.view import View

UNMEASURED: Final = "These chains have not been measured on every date yet."
REMEDY: Final = "“Measure all dates”, at the head of the page, does it once."
_MEASURED: Final = (
    "overview",
    "alerts",
    "events",
    "protocol",
    "contagion",
)  # pages that show what only a full measurement holds
_ALL_FLOWS: Final = (
    "overview",
    "alerts",
    "events",
    "concentration",
    "spillover",
)  # pages that cannot do without it on the flow basis
_WORDS: Final[Mapping[str, str]] = {ALL: "All, with borrowed balances", BORROWED: "Only borrowed balances"}
_KEY: Final = "w-chain"


def choose(state: Mapping[str, str], vintage: str, notes: list[str]) -> str:
    """Return the choice of chains that the address asks for, "default" where it cannot be met; notes what to tell."""
    asked = state.get("chain")
    if not asked:
        return DEFAULT
    try:
        return chain_choice([asked[:2000]], resources.chain_names(vintage))
    except UnknownChain as error:
        notes.append(f"{text.short(str(error), 160)}. Showing the whole system.")
        return DEFAULT


def data_key(page: Page, vintage: str, chains: str, basis: Basis | None = None) -> str:
    """Return the key under which a page reads its data (see `resources.store`)."""
    if chains == DEFAULT or "chains" not in page.controls:
        return vintage
    key = lens_key(vintage, chains)
    seen = resources.store(key)
    measured = basis is not None and isinstance(seen, Lens) and seen.measured(basis)
    return lens_key(vintage, chains, measured=measured)


def chooser(view: View) -> None:
    """Draw the choice of chains, where the vintage has any to choose from."""
    known = resources.chain_names(view.vintage)
    if len(known) < 2:
        return
    words = [word for word in _WORDS if any(is_borrowed(name) for name in known)]
    st.session_state[_KEY] = [] if view.chains == DEFAULT else view.chains.split(",")
    st.multiselect(
        "Chains", [*words, *known], key=_KEY, on_change=_take, args=(view.vintage,),
        placeholder="All, without borrowed",
        format_func=lambda name: _WORDS.get(name, text.short(name, 40)),
        help="Only balances on these chains make the network. Borrowed balances are left out unless chosen.",
    )  # fmt: skip


def badge(view: View) -> str:
    """Return the badge of the header strip (HTML); empty when the page shows the whole system and none is chosen."""
    if view.chains == DEFAULT:
        return ""
    words, aside = text.html(text.short(chain_words(view.chains), 60)), chain_aside(chain_words(view.chains))
    if view.shown_chains == DEFAULT:
        return f'<span class="lens off">This page shows all chains; it does not follow the choice of {words}</span>'
    return f'<span class="lens">{words[:1].upper()}{words[1:]} · {aside}</span>'


def lead(view: View) -> str:
    """Return how a page's answer begins (Markdown): the chains it is about; empty for the whole system."""
    if view.shown_chains == DEFAULT:
        return ""
    words = text.markdown(text.short(chain_words(view.shown_chains), 60))
    return f"{words[:1].upper()}{words[1:]}: "


def of_part(sentence: str) -> str:
    """Return a page's answer in words that fit a part of the system: its TVL is not the system's."""
    return sentence.replace("system TVL", "TVL")


def offer(view: View) -> bool:
    """Offer to measure every date of a lens where that is not done yet; return whether the page cannot do without."""
    history = view.page in _ALL_FLOWS and view.basis == "flow"
    if view.measured or not (history or view.page in _MEASURED):
        return False
    said = (
        "Flows of these chains are made date by date; this page needs all of them."
        if history
        else "Over time, these chains are measured without stress losses, importance and the alerts on them."
    )
    with st.container(horizontal=True, key="lens-offer", vertical_alignment="center", gap="small"):
        st.caption(said, width="content")
        wanted = st.button(f"Measure all {len(view.dates)} dates", key="lens-measure", icon=":material/calculate:")
    if wanted:
        _measure(view)
    return history


def _measure(view: View) -> None:
    bar = st.progress(0.0, "Measuring every date of these chains, once …")
    seen = resources.store(view.data)
    if isinstance(seen, Lens):
        seen.measure_all_dates(view.basis, lambda done, total, label: bar.progress(done / max(1, total), label))
    st.rerun()


def _take(vintage: str) -> None:
    choice = chain_choice(st.session_state[_KEY], resources.chain_names(vintage))
    controls.set_parameter("chain", None if choice == DEFAULT else choice)
