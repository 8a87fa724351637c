"""The scenario builder: a sentence made of choices, each of them in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from dexposure_core.network import Snapshot
from dexposure_core.pipeline.stress.result import StressResult
from dexposure_core.pipeline.stress.scenario_file import breaks_text, replays
from dexposure_core.pipeline.stress.shocks import Breaks
from dexposure_core.pipeline.stress.terms import Terms
from dexposure_core.pipeline.views import Shocked
from dexposure_core.stress import SCENARIOS, find_scenario
from dexposure_core.ui import answers, controls, text
from dexposure_core.ui.shocks import mix, terms
from dexposure_core.ui.view import View

_KINDS = {
    "scenario": "Scenario", "event": "Past event", "protocol": "Protocol", "sector": "Sector", "token": "Token",
    "chain": "Chain", "mix": "Mix",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the reader asked for. Not `ready` while something is still to be chosen: then `words` say what."""

    shock: Shocked
    words: str
    ready: bool
    terms: Terms

    def parameters(self) -> dict[str, str]:
        """Return what an export says about the test."""
        return {"shock": _plain(self.shock), **terms.told(self.terms)}


def draw(view: View, snapshot: Snapshot, tokens: Sequence[str], chains: Sequence[str]) -> Asked:
    """Draw the choices and return what they ask for.

    Args:
        view: the page's view; its protocol is the one that can be struck.
        snapshot: the network that is struck.
        tokens: symbols to choose from, the most held first.
        chains: chains to choose from, likewise.
    """
    with st.container(border=True, key="builder"):
        without = {kind for kind, names in (("token", tokens), ("event", tokens), ("chain", chains)) if not names}
        kinds = [kind for kind in _KINDS if kind not in without]
        kind = controls.choice("shock", "What breaks", kinds, style="segments", format_func=_KINDS.__getitem__)
        shock, words = _shock(kind, view, snapshot, {"token": tokens, "chain": chains})
        how = terms.draw(view.basis)
        named = shock is None or shock.kind == "scenario"
        what = None if named or shock is None else shock.what()
        mix.files(view, what if isinstance(what, Breaks) else None, how)
    return Asked(
        shock=shock or Shocked(kind="scenario", name=SCENARIOS[0].name), words=words, ready=shock is not None, terms=how
    )


def assumptions(result: StressResult) -> list[str]:
    """Return what a reader of the numbers must know, escaped for Markdown."""
    return [text.markdown(line) for line in result.assumptions]


def _shock(kind: str, view: View, snapshot: Snapshot, held: Mapping[str, Sequence[str]]) -> tuple[Shocked | None, str]:
    if kind == "scenario":
        names = [s.name for s in SCENARIOS]
        name = controls.choice("scenario", "Scenario", names, format_func=lambda n: find_scenario(n).title)
        st.caption(find_scenario(name).help)
        shock = Shocked(kind=kind, name=name)
        return shock, answers.shocked(shock, name)
    if kind == "event":
        events = replays()
        name = controls.choice("replay", "Past event", list(events), format_func=lambda n: events[n].title)
        st.caption(text.markdown(events[name].about))
        return Shocked(kind=kind, name=name), text.markdown(events[name].title)
    if kind == "mix":
        breaks = mix.draw(snapshot, held)
        if not breaks:
            return None, "Add what breaks, part by part, or open a scenario file."
        called = {str(p): str(n) for p, n in zip(snapshot.protocols, snapshot.names, strict=True)}
        return Shocked(kind=kind, name=breaks_text(breaks)), mix.words(breaks, called)
    if kind != "protocol":
        among = held[kind] if kind in held else sorted({str(sector) for sector in snapshot.sectors})
        key = "on" if kind == "chain" else kind  # `chain` is what the whole page is seen through
        name = controls.choice(key, _KINDS[kind], among, format_func=lambda n: text.short(n, 40))
        shock = Shocked(kind=kind, name=name, fraction=_loses())
        return shock, answers.shocked(shock, name)
    if view.protocol is None:
        st.caption("Choose the protocol in the sidebar.")
        return None, "Choose in the sidebar which protocol loses."
    if view.protocol not in snapshot.protocols:
        st.caption(f"{text.markdown(view.protocol_name)} is not in this snapshot.")
        return None, f"**{answers.name(view.protocol_name)}** is not in the snapshot of {view.date}; choose another."
    st.markdown(f"**{answers.name(view.protocol_name)}** (chosen in the sidebar)")
    shock = Shocked(kind=kind, name=view.protocol, fraction=_loses())
    return shock, answers.shocked(shock, view.protocol_name)


def _loses() -> float:
    return controls.level("loses", "loses, %", 1.0, 100.0, 30.0, step=1.0, format="%d") / 100


def _plain(shock: Shocked) -> str:
    if shock.kind in ("scenario", "event"):
        return shock.name
    what = shock.what()
    return shock.name if isinstance(what, str) else mix.plain(what)
