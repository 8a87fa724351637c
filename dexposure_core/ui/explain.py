"""What is this number? A small box beside every indicator: definition, formula, unit, source and known limits.

One click, or Enter on it, opens a box; a click anywhere else, Escape, or Enter again, closes it, and the keyboard is
back on its button. It is plain HTML without a script (`popover`), so it stands in a card as it stands under a sentence,
costs no run of the page, and is read aloud like any other text. A browser that cannot place it at its button shows it
in the middle. The texts are those of `pipeline.definitions`, which also make the Method page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import streamlit as st

from dexposure_core.pipeline.definitions import Definition, define
from dexposure_core.pipeline.event_study import NAMES
from dexposure_core.ui import text
from dexposure_core.ui.manual import TOPICS
from dexposure_core.ui.view import View

HEADLINES: Final[Mapping[str, tuple[str, ...]]] = {
    "alerts": ("early_warning", "false_alarms"),
    "network": ("exposure", "exposure_count", "total_exposure_usd", "exposure_top10_share"),
    "protocol": ("protocol_tvl", "exposure", "failure_loss", "sis", "default_loss"),
    "spillover": ("cross_sector_ratio", "cross_sector_usd", "spillover_index", "sector_exposure"),
    "concentration": ("tvl_hhi", "constant_panel", "change_parts"),
    "chains": ("chain_hhi", "chain_crossing", "chain_ties", "bridge_loss"),
    "events": (*NAMES, "constant_panel", "change_parts"),
    "contagion": ("stress_loss", "system_tvl_usd"),
    "forecast": ("expected", "pair_probability", "default_loss"),
}
"""Page → the indicators its answer and first pictures tell of; the Overview's have theirs in their cards."""

_INDEX: Final = re.compile(
    r"_(\{[^{}]*\}|\([A-Za-z1]\)|[A-Za-zα-ω]+)"
)  # what stands low in a formula: `Σ_{a ≠ b}`, `s_p`


def draw(view: View, also: Iterable[str] = ()) -> None:
    """Draw the boxes of a page's indicators in one line, under its answer.

    Args:
        view: what the page shows.
        also: keys of indicators that the reader has chosen on it.
    """
    keys = dict.fromkeys((*HEADLINES.get(view.page, ()), *also))
    boxes = "".join(box(define(key), view, label=define(key).title) for key in keys)
    st.html(f'<div class="explains"><span>What is this?</span>{boxes}</div>')


def box(of: Definition, view: View, *, label: str = "") -> str:
    """Return an indicator's box as HTML; without a label only the sign is shown, and the title read aloud."""
    address = text.html(view.link("method", topic="measures", of=of.key))
    shown = text.html(label) if label else f'<span class="aside">What is {text.html(of.title)}?</span>'
    box_id = f"explained-{of.key}"
    return (
        f'<div class="explain" id="explain-{of.key}"><button type="button" popovertarget="{box_id}">'
        f'<i aria-hidden="true">i</i>{shown}</button>'
        f'<div class="explained" popover id="{box_id}" role="group" aria-label="{text.html(of.title)}">'
        f"<b>{text.html(of.title)}</b>{_listed(of)}"
        f'<a href="{address}" target="_self">On the Method page</a></div></div>'
    )


def section(key: str) -> None:
    """Draw one indicator's text at length, as the Method page shows what a box has linked to."""
    of = define(key)
    with st.container(border=True, key="indicator"):
        st.subheader(of.title, anchor=False)
        more = f" More under {text.markdown(TOPICS[of.topic])}." if of.topic != "measures" else ""
        st.html(_listed(of))
        st.caption(f"`{of.key}`, as it is called in tables and on the command line.{more}")


def _listed(of: Definition) -> str:
    written = _INDEX.sub(lambda found: f"<sub>{found[1].strip('{}')}</sub>", text.html(of.formula))
    rows = (
        ("Definition", text.html(of.definition)), ("Formula", written), ("Unit", text.html(of.unit)),
        ("Source", text.html(of.source)), ("Known limits", text.html(of.limits)),
    )  # fmt: skip
    listed = "".join(f'<dt>{name}</dt><dd class="{name[:7].lower()}">{said}</dd>' for name, said in rows)
    return f'<dl class="definition">{listed}</dl>'
