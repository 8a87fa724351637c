"""Sign-in by OpenID Connect, asked for only where `.streamlit/secrets.toml` has an `[auth]` section (docs/security.md).

Without that section nothing changes. With it, whoever has not signed in sees the sign-in page and nothing of the data.
A secrets file that cannot be read closes the dashboard: it may have been meant to.
"""

from __future__ import annotations

from typing import Final, Literal

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from dexposure_core.ui import style, text

Standing = Literal["open", "in", "out", "broken"]
_MISSING: Final = "no-secrets-found"


def standing() -> Standing:
    """Return whether sign-in is asked for, and this visitor signed in; broken: the secrets cannot be read."""
    try:
        asked = "auth" in st.secrets
    except StreamlitSecretNotFoundError as error:
        return "open" if error.error_id == _MISSING else "broken"
    if not asked:
        return "open"
    return "in" if st.user.get("is_logged_in") is True else "out"


def gate() -> None:
    """Let a visitor pass who may see the data; draw the sign-in page for any other and end the run."""
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
            st.button("Sign in", icon=":material/login:", key="sign-in-button", on_click=st.login)
    st.stop()


def sign_out() -> None:
    """Draw who is signed in and the way out, where sign-in is asked for; into the sidebar."""
    if standing() != "in":
        return
    who = st.user.get("email") or st.user.get("name") or "signed in"
    with st.container(key="signed-in"):
        st.caption(text.markdown(text.short(str(who), 60)))
        st.button("Sign out", icon=":material/logout:", key="sign-out", on_click=st.logout, width="stretch")
