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
  .st-key-manual table:has(td:nth-child(4)), .st-key-manual table:has(td:nth-child(4)) :is(tbody, tr, td) {
    display: block;}
  .st-key-manual table:has(td:nth-child(4)) thead {position: absolute; clip-path: inset(50%); width: 1px; height: 1px;
    overflow: hidden;}
  .st-key-manual table:has(td:nth-child(4)) tr {border-bottom: 1px solid rgba(128,140,150,.4); padding: .4rem 0;}
  .st-key-manual table:has(td:nth-child(4)) td {border: 0; padding: .05rem 0;}
}
.st-key-footer {border-top: 1px solid rgba(128,140,150,.3); padding-top: .5rem;}
[data-testid="stSidebarHeader"] {height: 2.6rem; margin-bottom: 0;}
[data-testid="stSidebarUserContent"] {padding-top: .4rem; padding-bottom: 1rem;}
[data-testid="stSidebarUserContent"] .stVerticalBlock {gap: .65rem;}
.cards {display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 0 .7rem;}
.card {border: 1px solid rgba(128,140,150,.32); border-radius: .4rem; padding: .65rem .75rem .7rem; line-height: 1.35;
  display: grid; grid-template-rows: subgrid; grid-row: span 8; margin-bottom: .7rem; min-width: 0;}
.card > * {min-width: 0;}
.card .level {grid-row: 2;} .card .change {grid-row: 3;} .card .spark {grid-row: 4;} .card .ahead {grid-row: 5;}
.card .track {grid-row: 6;} .card .note {grid-row: 7;} .card .note + .note {grid-row: 8;}
.card .name {font-size: .84rem; font-weight: 600; color: inherit; text-decoration: none;}
.card .name:hover {text-decoration: underline;}
.card .head {display: flex; gap: .3rem; justify-content: space-between; align-items: flex-start;}
.explain > button {all: unset; cursor: pointer; display: inline-flex; gap: .35rem; align-items: baseline;}
.explain > button:focus-visible {outline: 2px solid #0B6E99; outline-offset: 2px; border-radius: .25rem;}
.explain > button i {font: 600 .68rem/1.05rem Georgia, serif; width: 1.1rem; text-align: center; flex: none;
  border: 1px solid currentColor; border-radius: 50%; color: color-mix(in srgb, currentColor 74%, transparent);}
.explain > button:hover i, .explain:has(> :popover-open) > button i {background: #0B6E99; border-color: #0B6E99;
  color: #fff;}
.explain .aside {position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);}
.explained {width: min(34rem, calc(100vw - 1.2rem)); box-sizing: border-box; max-height: 80vh; overflow-y: auto;
  color: inherit; background: light-dark(#FFFFFF, #1B2430); border: 1px solid rgba(128,140,150,.5);
  border-radius: .4rem; box-shadow: 0 6px 24px rgba(0,0,0,.22); padding: .7rem .9rem .8rem; font-size: .84rem;
  line-height: 1.4; white-space: normal; cursor: auto;}
@supports (position-area: bottom) {
  .explained {position-area: bottom span-right; margin: .3rem 0;
    position-try-fallbacks: flip-inline, flip-block, flip-block flip-inline;}
}
.definition {display: grid; grid-template-columns: max-content 1fr; gap: .25rem .8rem; font-size: .84rem;}
.stHtml dl.definition {margin: .4rem 0 .5rem; padding: 0;}
.stHtml .definition dt, .stHtml .definition dd {margin: 0; padding: 0; font-size: inherit; overflow-wrap: anywhere;}
.stHtml .definition dt {font-weight: 600;}
.stHtml .definition dd.formula {font-family: "Cambria Math", "STIX Two Math", Georgia, serif; font-size: .92rem;}
.definition sub {font-size: .72em; line-height: 0;}
.explained a {color: light-dark(#0B6E99, #4DB5E0);}
.explains {position: relative; display: flex; flex-wrap: wrap; gap: .1rem .95rem; font-size: .8rem; line-height: 1.6;}
.explains > span, .explains button {color: color-mix(in srgb, currentColor 74%, transparent);}
.card .level {font-size: 1.5rem; font-weight: 650; font-variant-numeric: tabular-nums; white-space: nowrap;}
.card .change {font-size: .82rem; font-variant-numeric: tabular-nums;}
.card .flag {font-weight: 700; display: block;}
.card .spark {width: 100%; height: 44px; margin: .35rem 0 .2rem;}
.card .track {height: 4px; border-radius: 2px; background: rgba(128,140,150,.25); position: relative;
  margin: .3rem 0 .35rem;}
.card .track i {position: absolute; top: -3px; width: 3px; height: 10px; margin-left: -1px; background: currentColor;}
.card .ahead {font-size: .78rem; line-height: 1.3; font-variant-numeric: tabular-nums; margin: .1rem 0 .15rem;
  border-left: 3px solid #D9820B; padding-left: .4rem;}
.card .note {font-size: .74rem; opacity: .75;}
[class*="st-key-chart-matrix"] {overflow-x: auto;}
.stElementContainer:has(> .stHtml > .listing) {display: none;}
.stHtml .listing ol {list-style: none; margin: 0; padding: 0;}
.stHtml .listing li {margin: 0; padding: .4rem 0; border-bottom: 1px solid rgba(128,140,150,.3); font-size: .88rem;
  line-height: 1.4; overflow-wrap: anywhere;}
.listing span {font-size: .82rem; color: color-mix(in srgb, currentColor 74%, transparent); margin-right: .7rem;}
.listing .number {white-space: nowrap;}
.listing b {font-weight: 600; font-variant-numeric: tabular-nums; color: light-dark(#17212B, #E8EDF2);}
.listing a {color: light-dark(#0B6E99, #4DB5E0); text-decoration: none;}
.listing summary {padding: .5rem 0; font-size: .84rem; cursor: pointer;}
.stHtml .listing p {font-size: .82rem; margin: .4rem 0 0;}
@media (max-width: 640px) {
  .stMainBlockContainer {padding: 3.6rem 1rem 2rem;}
  .stMainBlockContainer h1 {font-size: 1.35rem;}
  .st-key-headline p {font-size: 1rem;}
  .stMainBlockContainer .stHorizontalBlock:has(> .stColumn) {row-gap: .8rem;}
  [class*="st-key-chart-matrix"] .stElementContainer:has(.stPlotlyChart) {min-width: 660px;}
  .stMainBlockContainer .st-key-chart-matrix-skill .stElementContainer:has(.stPlotlyChart) {min-width: 560px;}
  .strip {font-size: .76rem; gap: .15rem .6rem;}
  .stElementContainer:has(> .stHtml > .listing) {display: block;}
  [class*="st-key-table-"]:has(.listing) [class*="st-key-grid-of-"] {display: none;}
  .explains {flex-wrap: nowrap; overflow-x: auto; white-space: nowrap;}
  .explained {position-area: none; inset: auto .6rem .6rem; margin: 0; width: auto; max-height: 70vh;}
}
:is(.st-key-chart-matrix, .st-key-chart-matrix-homes, .st-key-chart-matrix-sectors)
  .stElementContainer:has(.stPlotlyChart) {min-width: 760px;}
</style>
"""


def apply() -> None:
    """Add the rules to the page."""
    st.html(_CSS)
