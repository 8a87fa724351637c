"""Which vintage a page shows, and what a reader is told about it.

A session follows the store's latest vintage as long as nothing pins another: a build that is published while the
server runs appears at the next click. A link that names a vintage pins it, and so does a choice in the sidebar;
a quiet line then says when there is a newer one. A vintage that is gone is told, and the latest shown instead.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import streamlit as st

from dexposure_core.pipeline.revising.lineage import alike
from dexposure_core.ui import controls, resources, text

if TYPE_CHECKING:
    from dexposure_core.store import Manifest
    from dexposure_core.ui.view import View

LISTED: Final = 40
_MOVED: Final = "_vintage_moved"  # the vintage this session has just moved on from, while following
_AT_END: Final = "_vintage_at_end"  # whether the page showed the vintage's last snapshot


def choose(state: Mapping[str, str], notes: list[str]) -> str:
    """Return the vintage to show: the pinned one while it exists, else the latest; adds what is to be told.

    Raises:
        NoVintage: when the store holds none.
    """
    default = resources.default_vintage()
    asked, session = state.get("vintage"), st.session_state
    session.pop(_MOVED, None)
    if asked is None or asked == default:
        return default
    if not session.get(controls.PINNED):
        session[_MOVED] = asked
        _go_to_the_end()
        return default
    if any(m.vintage == asked for m in resources.manifests()):
        return asked
    session[controls.PINNED] = False
    notes.append(gone(asked, default))
    return default


def gone(asked: str, shown: str) -> str:
    """Say that a link's vintage does not exist (any more) and what is shown instead."""
    return (
        f"This store has no vintage “{text.short(asked)}”: it was deleted, or never here. Showing the latest, {shown}; "
        "numbers may differ from the link's."
    )


def remember(view: View) -> None:
    """Note whether the view stands at its vintage's end: whoever does goes on to the end of the next."""
    st.session_state[_AT_END] = view.following is None


def chooser(view: View) -> None:
    """Draw the choice of a vintage, newest first, where there is one to choose."""
    known, default = resources.manifests(), resources.default_vintage()
    if len(known) < 2:
        return
    shown = next(m for m in known if m.vintage == view.vintage)
    listed = [m for i, m in enumerate(known) if i < LISTED or m is shown]
    by_id = {m.vintage: m for m in listed}
    st.session_state["w-vintage"] = view.vintage
    which = "latest" if shown.vintage == default else "older"
    title = f"Vintage {shown.dates.last}, {which}"
    with st.popover(title, icon=":material/layers:", width="stretch", key="vintage"):
        st.radio(
            "Vintage of the data, newest build first", list(by_id), key="w-vintage", on_change=_pin,
            format_func=lambda v: label(by_id[v], default), captions=[details(m) for m in listed],
        )  # fmt: skip
        if len(listed) < len(known):
            st.caption(f"{len(known) - len(listed)} older ones: `dexposure vintages` lists them.")


def notices(view: View) -> None:
    """Draw the quiet lines about the vintage: moved on to a newer one, or a newer one is there."""
    default, session = resources.default_vintage(), st.session_state
    moved = session.get(_MOVED)
    known = {m.vintage: m for m in resources.manifests()}
    if moved and view.vintage == default:
        back = (moved, "Back to the one before") if moved in known else None
        _notice(f"A newer vintage was published and is shown now: {_told(known[default])}.", back)
    elif view.vintage != default and default in known:
        _notice(f"{offered(known[view.vintage], known[default])}: {_told(known[default])}.", (default, "Switch"))


def offered(shown: Manifest, latest: Manifest) -> str:
    """Return how to call the store's latest vintage beside another that is shown."""
    if not alike(shown, latest):
        return "The store's latest vintage is of other data"
    newer = latest.created_at >= shown.created_at
    return "A newer vintage is available" if newer else "This is not the store's latest vintage, which is"


def label(manifest: Manifest, latest: str) -> str:
    """Return a vintage in a few words: as-of date, whether it is the latest, whether simulated."""
    parts = [str(manifest.dates.last or "no snapshot")]
    parts += ["latest"] if manifest.vintage == latest else []
    parts += ["simulated"] if manifest.simulated else []
    return " · ".join(parts)


def details(manifest: Manifest) -> str:
    """Return the line under a vintage's label (Markdown): when it was built, from what, its id."""
    parts = [built(manifest), text.plural(manifest.dates.count, "snapshot"), *origin(manifest), manifest.vintage]
    return text.markdown(" · ".join(parts))


def origin(manifest: Manifest) -> list[str]:
    """Return what a vintage was built from, in a few words, as a list of one; empty when it does not say."""
    if manifest.simulated:
        return [f"simulated world, seed {manifest.parameters.get('seed', 'not stated')}"]
    names = [text.short(s.name.rsplit("/", 1)[-1], 32) for s in manifest.sources]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return [f"{names[0]}{more}"] if names else []


def built(manifest: Manifest) -> str:
    """Return when a vintage was built, in words."""
    return f"built {manifest.created_at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def _told(manifest: Manifest) -> str:
    return ", ".join([built(manifest), f"as of {manifest.dates.last}", *origin(manifest)])


def _notice(words: str, offer: tuple[str, str] | None) -> None:
    with st.container(horizontal=True, key="notice-vintage", vertical_alignment="center", gap="small"):
        st.caption(text.markdown(words), width="content")
        if offer:
            st.button(offer[1], type="tertiary", key="vintage-switch", on_click=_switch, args=(offer[0],))


def _switch(vintage: str) -> None:
    _set(vintage)
    _go_to_the_end()


def _pin() -> None:
    _set(str(st.session_state["w-vintage"]))


def _set(vintage: str) -> None:
    st.session_state[controls.PINNED] = vintage != resources.default_vintage()
    controls.set_parameter("vintage", vintage)


def _go_to_the_end() -> None:
    if st.session_state.get(_AT_END):
        controls.set_parameter("date", None)
