"""The few rules of CSS the frame adds; everything else is Streamlit's theme."""

from __future__ import annotations

from typing import Final

import streamlit as st

_CSS: Final = """
<style>
.stMainBlockContainer {padding-top: 2.2rem; padding-bottom: 2rem; max-width: 1400px;}
.st-key-header h1 {font-size: 1.7rem; padding: 0; font-weight: 650;}
.st-key-header {gap: .25rem;}
.strip {display: flex; flex-wrap: wrap; gap: .2rem .9rem; font-size: .82rem; opacity: .85; align-items: center;}
.strip span + span::before {content: "·"; margin-right: .9rem; opacity: .5;}
.strip .badge {background: #B8401A; color: #fff; font-weight: 700; letter-spacing: .04em; padding: .1rem .5rem;
  border-radius: .25rem; opacity: 1;}
.strip .badge + span::before {content: none;}
.st-key-headline p {font-size: 1.12rem; line-height: 1.45; margin: 0;}
.st-key-footer {border-top: 1px solid rgba(128,140,150,.3); padding-top: .5rem;}
[data-testid="stSidebarUserContent"] {padding-top: .5rem;}
@media (max-width: 640px) {
  .stMainBlockContainer {padding-left: 1rem; padding-right: 1rem;}
  .st-key-header h1 {font-size: 1.35rem;}
  .st-key-headline p {font-size: 1rem;}
  .strip {font-size: .76rem; gap: .15rem .6rem;}
  .strip span + span::before {margin-right: .6rem;}
}
</style>
"""


def apply() -> None:
    """Add the rules to the page."""
    st.html(_CSS)
