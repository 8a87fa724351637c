"""Sign-in by OpenID Connect, asked for only where `.streamlit/secrets.toml` has an `[auth]` section (docs/security.md).

Without that section nothing changes. With it, whoever has not signed in sees the sign-in page and nothing of the data.
A secrets file that cannot be read closes the dashboard: it may have been meant to.

The identity provider sends everybody back to the dashboard's first page, in a new session. So that a link still leads
where it says, the page wanted is kept here, in this process, from the press of the button to the first page after it:
under the browser's own token (Streamlit's cookie against forged requests, which outlives the trip), a quarter of an
hour at most, once. It is a page of our own list with its parameters, never an address: nobody can be sent elsewhere.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import urlencode

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from dexposure_core.ui import navigation, style, text

Standing = Literal["open", "in", "out", "broken"]
Wanted = tuple[str, dict[str, str]]
"""A page's key and the parameters of its address."""
_MISSING: Final = "no-secrets-found"
_COOKIE: Final = "_streamlit_xsrf"
_KEPT_SECONDS: Final = 900
_KEPT: Final = 1000
_LONGEST: Final = 4000
_wanted: Final[OrderedDict[str, tuple[float, Wanted]]] = OrderedDict()  # browser → until when, what
_lock: Final = threading.Lock()


def standing() -> Standing:
    """Return whether sign-in is asked for, and this visitor signed in; broken: the secrets cannot be read."""
    try:
        asked = "auth" in st.secrets
    except StreamlitSecretNotFoundError as error:
        return "open" if error.error_id == _MISSING else "broken"
    if not asked:
        return "open"
    return "in" if st.user.get("is_logged_in") is True else "out"


def gate(page: str = "") -> None:
    """Let a visitor pass who may see the data; draw the sign-in page for any other and end the run.

    Args:
        page: key of the page that the visitor asks for.
    """
    found = standing()
    if found in ("open", "in"):
        return
    style.apply()
    st.title("Sign in", anchor=False)
    with st.container(key="sign-in"):
        if found == "broken":
            st.markdown("Sign-in is not set up correctly. Whoever runs this server finds the reason in its log.")
        else:
            st.markdown("Sign in with your organisation's account to see the dashboard.")
            st.button(
                "Sign in", icon=":material/login:", key="sign-in-button", on_click=_sign_in,
                args=(page, st.query_params.to_dict()),
            )  # fmt: skip
    st.stop()


def returning() -> Wanted | None:
    """Return what who comes back from signing in wanted to see, once; None for anybody else."""
    browser = _browser(st.context.cookies)
    if browser is None or standing() != "in":
        return None
    with _lock:
        until, wanted = _wanted.pop(browser, (0.0, None))
    return wanted if time.monotonic() < until else None


def keep(browser: str, page: str, parameters: Mapping[str, str]) -> None:
    """Keep what a browser wants to see, if it is a page of ours and its address of a usual length."""
    if page not in {known.key for known in navigation.PAGES} or len(urlencode(parameters)) > _LONGEST:
        return
    with _lock:
        _wanted[browser] = (time.monotonic() + _KEPT_SECONDS, (page, dict(parameters)))
        _wanted.move_to_end(browser)
        while len(_wanted) > _KEPT:
            _wanted.popitem(last=False)


def _sign_in(page: str, parameters: Mapping[str, str]) -> None:
    browser = _browser(st.context.cookies)
    if browser is not None:
        keep(browser, page, parameters)
    st.login()


def _browser(cookies: Mapping[str, str]) -> str | None:
    """Return the browser's token, which its cookie `2|mask|token|time` hides under another mask in every answer."""
    parts = cookies.get(_COOKIE, "").split("|")
    try:
        mask, token = bytes.fromhex(parts[1]), bytes.fromhex(parts[2])
    except (IndexError, ValueError):
        return None
    if parts[0] != "2" or len(mask) != 4 or len(token) < 16:
        return None
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(token)).hex()


def sign_out() -> None:
    """Draw who is signed in and the way out, where sign-in is asked for; into the sidebar."""
    if standing() != "in":
        return
    who = st.user.get("email") or st.user.get("name") or "signed in"
    with st.container(key="signed-in"):
        st.caption(text.markdown(text.short(str(who), 60)))
        st.button("Sign out", icon=":material/logout:", key="sign-out", on_click=st.logout, width="stretch")
