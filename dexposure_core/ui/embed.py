"""A drawn page of its own inside a dashboard page."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st


def embed(page: str, *, height: int, alt: str) -> None:
    """Show a whole HTML page in a frame.

    Args:
        page: the page.
        height: of the frame, pixels.
        alt: what a screen reader says of it.
    """
    st.iframe(page, height=height, alt=alt)
    # Streamlit tries whether the page is an address, and Python remembers the last 128 of those: up to 0.4 GB of pages.
    urlsplit.cache_clear()  # type: ignore[attr-defined]  # its stubs hide that it is one
