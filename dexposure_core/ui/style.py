"""The few rules of CSS the frame adds; everything else is Streamlit's theme."""

from __future__ import annotations

from typing import Final

import streamlit as st

_CSS: Final = """
<style>
.stMainBlockContainer {padding: 2.6rem 2.4rem 2rem; max-width: 1440px;}
.stMainBlockContainer > .stVerticalBlock {gap: .8rem;}
.stMainBlockContainer h1 {font-size: 1.7rem; padding: 0 0 .1rem; font-weight: 650; line-height: 1.25;}
.stMainBlockContainer h2 {font-size: 1.3rem; padding: .6rem 0 0; font-weight: 650;}
.stMainBlockContainer h3 {font-size: 1.1rem; padding: .6rem 0 .4rem; font-weight: 650;}
.st-key-header [data-testid="stMarkdownContainer"],
.st-key-headline [data-testid="stMarkdownContainer"] {margin-bottom: 0;}
.stMainBlockContainer .stHeading [data-testid="stMarkdownContainer"] {margin-bottom: 0;}
.stApp [data-testid="stCaptionContainer"], .stSidebar [data-testid="stCaptionContainer"] {
  color: color-mix(in srgb, currentColor 74%, transparent); opacity: 1;}
.st-key-header, .st-key-header > .stVerticalBlock {gap: .3rem;}
.stElementContainer:has(> .stHtml > style) {display: none;}
.strip {display: flex; flex-wrap: wrap; gap: .2rem 1.3rem; font-size: .82rem; align-items: center;}
.strip .badge {background: #B8401A; color: #fff; font-weight: 700; letter-spacing: .04em; padding: .1rem .5rem;
  border-radius: .25rem; opacity: 1;}
[class*="st-key-notice-"] {gap: .1rem .7rem; margin-top: -.4rem;}
[class*="st-key-notice-"] [data-testid="stCaptionContainer"], [class*="st-key-notice-"] p {margin: 0;}
[class*="st-key-notice-"] button, [class*="st-key-notice-"] a {min-height: 0; padding: 0; background: none;}
[class*="st-key-notice-"] button p, [class*="st-key-notice-"] a p {
  font-size: .875rem; text-decoration: underline; font-weight: 400;}
.strip .lens {background: #0B6E99; color: #fff; font-weight: 600; padding: .1rem .5rem; border-radius: .25rem;}
.strip .lens.off {background: rgba(128,140,150,.22); color: inherit; font-weight: 500;}
.st-key-headline p {font-size: 1.12rem; line-height: 1.45; margin: 0;}
.st-key-verdicts p, .st-key-verdicts li {font-size: .88rem; line-height: 1.35;}
.st-key-verdicts p, .st-key-verdicts ul, .st-key-verdicts li {margin: 0; padding-bottom: 0; padding-top: 0;}
.st-key-verdicts li {margin-left: 1.1rem; padding: .12rem 0 0;}
.st-key-verdicts [data-testid="stMarkdownContainer"] {margin-bottom: 0;}
.st-key-skill table {font-size: .84rem; width: 100%;}
.st-key-skill td, .st-key-skill th {padding: .22rem .3rem; border-left: 0; border-right: 0; white-space: nowrap;}
.st-key-skill td:first-child {white-space: normal;}
.st-key-manual p, .st-key-manual li {max-width: 88ch;}
.st-key-manual table {font-size: .86rem; display: block; overflow-x: auto;}
.st-key-manual td {min-width: 5.5rem;}
@media (max-width: 640px) {
  .st-key-manual table {display: table; width: 100%; table-layout: fixed;}
  .st-key-manual td, .st-key-manual th {min-width: 0; overflow-wrap: anywhere; padding: .25rem .3rem;}
}
.st-key-footer {border-top: 1px solid rgba(128,140,150,.3); padding-top: .5rem;}
[data-testid="stSidebarHeader"] {height: 2.6rem; margin-bottom: 0;}
[data-testid="stSidebarUserContent"] {padding-top: .4rem; padding-bottom: 1rem;}
[data-testid="stSidebarUserContent"] .stVerticalBlock {gap: .65rem;}
.cards {display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .7rem;}
.card {border: 1px solid rgba(128,140,150,.32); border-radius: .4rem; padding: .65rem .75rem .7rem; line-height: 1.35;
  display: flex; flex-direction: column;}
.card .name {font-size: .84rem; font-weight: 600; color: inherit; text-decoration: none; min-height: 2.75em;}
.card .name:hover {text-decoration: underline;}
.card .head {display: flex; gap: .3rem; justify-content: space-between; align-items: flex-start;}
.explain > summary {list-style: none; cursor: pointer; display: inline-flex; gap: .35rem; align-items: baseline;}
.explain > summary::-webkit-details-marker {display: none;}
.explain > summary i {font: 600 .68rem/1.05rem Georgia, serif; width: 1.1rem; text-align: center; flex: none;
  border: 1px solid currentColor; border-radius: 50%; color: color-mix(in srgb, currentColor 74%, transparent);}
.explain > summary:hover i, .explain[open] > summary i {background: #0B6E99; border-color: #0B6E99; color: #fff;}
.explain[open] > summary::before {content: ""; position: fixed; inset: 0; z-index: 90; cursor: default;}
.explain .aside {position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);}
.explained {position: absolute; z-index: 91; top: calc(100% + .3rem); left: 0; width: min(34rem, 100%);
  background: light-dark(#FFFFFF, #1B2430); border: 1px solid rgba(128,140,150,.5); border-radius: .4rem;
  box-shadow: 0 6px 24px rgba(0,0,0,.22); padding: .7rem .9rem .8rem; font-size: .84rem; line-height: 1.4;}
.definition {display: grid; grid-template-columns: max-content 1fr; gap: .25rem .8rem; font-size: .84rem;}
.stHtml dl.definition {margin: .4rem 0 .5rem; padding: 0;}
.stHtml .definition dt, .stHtml .definition dd {margin: 0; padding: 0; font-size: inherit; overflow-wrap: anywhere;}
.stHtml .definition dt {font-weight: 600;}
.stHtml .definition dd.formula {font-family: "Cambria Math", "STIX Two Math", Georgia, serif; font-size: .92rem;}
.definition sub {font-size: .72em; line-height: 0;}
.explained a {color: light-dark(#0B6E99, #4DB5E0);}
.explains {position: relative; display: flex; flex-wrap: wrap; gap: .1rem .95rem; font-size: .8rem; line-height: 1.6;}
.explains > span, .explains summary {color: color-mix(in srgb, currentColor 74%, transparent);}
.cards {position: relative;}
.card .level {font-size: 1.5rem; font-weight: 650; font-variant-numeric: tabular-nums; white-space: nowrap;}
.card .change {font-size: .82rem; font-variant-numeric: tabular-nums;}
.flagged .change {min-height: 2.7em;}
.card .flag {font-weight: 700; white-space: nowrap;}
.card .spark {width: 100%; height: 44px; margin: .35rem 0 .2rem;}
.card .track {height: 4px; border-radius: 2px; background: rgba(128,140,150,.25); position: relative;
  margin: .3rem 0 .35rem;}
.card .track i {position: absolute; top: -3px; width: 3px; height: 10px; margin-left: -1px; background: currentColor;}
.card .ahead {font-size: .78rem; line-height: 1.3; font-variant-numeric: tabular-nums; margin: .1rem 0 .15rem;
  border-left: 3px solid #D9820B; padding-left: .4rem;}
.card .note {font-size: .74rem; opacity: .75;}
@media (max-width: 640px) {
  .stMainBlockContainer {padding: 3.6rem 1rem 2rem;}
  .stMainBlockContainer h1 {font-size: 1.35rem;}
  .st-key-headline p {font-size: 1rem;}
  [class*="st-key-chart-matrix"] {overflow-x: auto;}
  [class*="st-key-chart-matrix"] .stElementContainer:has(.stPlotlyChart) {min-width: 660px;}
  .strip {font-size: .76rem; gap: .15rem .6rem;}
  .explains {flex-wrap: nowrap; overflow-x: auto; white-space: nowrap;}
  .explained {position: fixed; top: auto; left: .6rem; right: .6rem; bottom: .6rem; width: auto; max-height: 70vh;
    overflow-y: auto; white-space: normal;}
}
</style>
"""


def apply() -> None:
    """Add the rules to the page."""
    st.html(_CSS)
