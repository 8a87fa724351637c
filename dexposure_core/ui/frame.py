"""The frame around every page: menu, header strip, notes, answer, footer. A page's first call is `require`.

A server that has just started runs a deep-linked page without app.py (a folder `pages/` makes it do so).
`require` sees that nobody framed this run, registers the pages and runs again, this time through app.py.
"""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import functools
from collections.abc import Callable
from typing import Final

import streamlit as st

from dexposure_core.errors import DexposureError, NoVintage
from dexposure_core.network.chains import chain_aside
from dexposure_core.ui import lens, navigation, revisions, sidebar, style, text, theme, vintages
from dexposure_core.ui.output.provenance import SIMULATED, Provenance
from dexposure_core.ui.running import journal, signin, turns, upkeep
from dexposure_core.ui.view import View

_FRAMED: Final = "_framed"
_RETRIED: Final = "_retried"
_LENS: Final = "_lens_lead"  # what the page's answer begins with when it is not about the whole system
# A picture of our own: a Material icon as page icon would be fetched from Google's servers.
_ICON: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' "
    "rx='6' fill='%230B6E99'/%3E%3Cpath d='M9 22L16 9l8 9' stroke='white' stroke-width='2.4' fill='none'/%3E%3Ccircle "
    "cx='9' cy='22' r='3.6' fill='white'/%3E%3Ccircle cx='16' cy='9' r='3.6' fill='white'/%3E%3Ccircle cx='24' cy='18' "
    "r='3.6' fill='white'/%3E%3C/svg%3E"
)


def run() -> None:
    """Draw the page that the address asks for (all that app.py does)."""
    upkeep.load_once()
    upkeep.begin()
    passes = signin.standing() in ("open", "in")
    chosen = _navigation(hidden=not passes)
    computes = passes and chosen.url_path  # signing in, and the way from / to the overview, take no time
    st.session_state[_FRAMED] = True
    try:
        with (
            journal.page_run(chosen.url_path or "home" if passes else "sign-in"),
            turns.turn() if computes else contextlib.nullcontext(0.0) as waited,
        ):
            journal.waits(waited)
            signin.gate(chosen.url_path)
            _ended(chosen.run)
            upkeep.forget_left()
    finally:
        st.session_state[_FRAMED] = False
        upkeep.set_aside()


def require(page_key: str) -> View:
    """Frame the page and return what it shows; the page's first call, once, never in a fragment.

    Draws the sidebar, the header strip and any note about the address. Does not return when there are no data:
    the page then shows what is missing and what to do.
    """
    _through_app()
    signin.gate(page_key)
    page = navigation.page(page_key)
    style.apply()
    try:
        view = sidebar.draw(page)
    except NoVintage as error:
        _no_data(page, error)
    except DexposureError as error:
        _no_data(page, error)
    journal.shows(view.vintage, view.basis)
    _header(page, view)
    st.session_state[_LENS] = lens.lead(view)
    vintages.notices(view)
    revisions.note(view)
    if lens.offer(view):
        headline("not every date has been measured on this basis yet.")
        footer(view.provenance())
        st.stop()
    for note in view.notes:
        st.info(text.markdown(note), icon=":material/link_off:")
    return view


def headline(sentence: str) -> None:
    """Write the page's answer, one sentence with numbers under the title. Markdown: escape names (`text.markdown`)."""
    with st.container(key="headline"):
        lead = st.session_state.get(_LENS, "")
        st.markdown(f"{lead}{lens.of_part(sentence) if lead else sentence}")


def footer(provenance: Provenance, *, method: str = "measures") -> None:
    """Write the page's last line: source, vintage, and the way to the definitions (`method`: topic on that page)."""
    parts = [SIMULATED] if provenance.simulated else []
    parts += [f"{text.markdown(provenance.chains)}, {chain_aside(provenance.chains)}"] if provenance.chains else []
    parts += [
        f"Source: {text.markdown(provenance.source())}",
        f"vintage {provenance.vintage}",
    ]
    parts += [f"[How this is defined](/method?topic={method})"] if method else []
    with st.container(key="footer"):
        st.caption(" · ".join(parts))
    sidebar.link()


def empty(what: str, why: str, remedy: str) -> None:
    """Show a designed empty state: what is missing, why, what to do. Plain text, escaped here."""
    with st.container(key=f"empty-{abs(hash((what, why)))}", border=True):
        st.markdown(f"**{text.markdown(what)}**  \n{text.markdown(why)}  \n:gray[{text.markdown(remedy)}]")


def failure(what: str, error: DexposureError) -> None:
    """Show that a part of the page could not be made, with the error's own words."""
    journal.meets(error)
    st.warning(f"**{text.markdown(what)}**  \n{text.markdown(text.reason(error))}", icon=":material/error:")


def _ended(run: Callable[[], None]) -> None:
    """Run a page; Ctrl-C, which polars hands to whichever page computes, ends it quietly: the server stops then."""
    try:
        run()
    except KeyboardInterrupt:
        st.stop()


def _wordmark() -> str:
    colours = theme.mode()
    return (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 236 32' width='236' height='32'>"
        f"<g stroke='{colours.accent}' stroke-width='2.2' fill='{colours.accent}'>"
        "<path d='M5 24L14 9l10 10' fill='none'/>"
        "<circle cx='5' cy='24' r='3'/><circle cx='14' cy='9' r='3'/><circle cx='24' cy='19' r='3'/></g>"
        f"<text x='36' y='23' font-family='Helvetica, Arial, sans-serif' font-size='19' font-weight='600' "
        f"textLength='192' lengthAdjust='spacingAndGlyphs' "
        f"fill='{colours.ink}'>DeXposure Monitor</text></svg>"
    )


def _navigation(*, hidden: bool = False) -> st.Page:
    st.set_page_config(page_title="DeXposure Monitor", page_icon=_ICON, layout="wide")
    st.logo(_wordmark(), size="large")
    pages = {key: copy.copy(page) for key, page in _pages().items()}  # a run marks its own as chosen
    menu: dict[str, list[st.Page]] = {}
    for page in navigation.PAGES:
        menu.setdefault(page.section, []).append(pages[page.key])

    def home() -> None:
        key, parameters = signin.returning() or ("overview", st.query_params.to_dict())
        st.switch_page(pages[key], query_params=parameters)

    menu["Observe"].append(st.Page(home, title="Home", url_path="home", default=True, visibility="hidden"))
    return st.navigation(menu, expanded=True, position="hidden" if hidden else "sidebar")


@functools.cache
def _pages() -> dict[str, st.Page]:
    """Return the pages: each st.Page looks for its file, which is there as long as the server runs."""
    return {p.key: st.Page(p.file, title=p.title, icon=p.icon, url_path=p.key) for p in navigation.PAGES}


def _through_app() -> None:
    state = st.session_state
    if state.get(_FRAMED) or state.get(_RETRIED):
        state[_RETRIED] = False
        return
    state[_RETRIED] = True
    _navigation()
    st.rerun()


def _no_data(page: navigation.Page, error: DexposureError) -> None:
    journal.meets(error)
    st.title(page.title)
    headline("There are no data to show yet.")
    empty("No data", text.reason(error), "Run `dexposure import …` or `dexposure simulate`, then reload this page.")
    st.stop()


_OF_FLOWS: Final = ", opening TVL"  # the flows since have not been booked yet


def _header(page: navigation.Page, view: View) -> None:
    behind = (dt.datetime.now(dt.UTC).date() - view.date).days
    chips = [
        f"As of <b>{view.date}</b>",
        f"{view.basis} basis{_OF_FLOWS if view.basis == 'flow' else ''}",
        f"vintage {text.html(view.vintage)}",
        f"data {text.span(behind)} old",
    ]
    back = (view.dates[-1] - view.date).days
    chips.append("latest of this vintage" if back == 0 else f"{text.span(back)} before the vintage's end")
    badge = f'<span class="badge">{SIMULATED}</span>' if view.simulated else ""
    with st.container(key="header"):
        st.title(page.title, anchor=False)
        st.html(
            f'<div class="strip">{badge}{lens.badge(view)}{"".join(f"<span>{chip}</span>" for chip in chips)}</div>'
        )
