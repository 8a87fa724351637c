"""A mix of shocks on the Contagion page: parts are added one by one, saved as a file, and read from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import streamlit as st

from dexposure_core.errors import BadInput, DexposureError
from dexposure_core.network import Snapshot
from dexposure_core.pipeline.stress.scenario_file import ScenarioFile, breaks_text, parse_breaks, parse_scenario
from dexposure_core.pipeline.stress.shocks import Breaks
from dexposure_core.pipeline.stress.terms import Terms
from dexposure_core.ui import controls, frame, text
from dexposure_core.ui.view import View

PARAMETER: Final = "mix"
_KINDS: Final = {"tokens": "Token", "protocols": "Protocol", "sectors": "Sector", "chains": "Chain"}


def draw(snapshot: Snapshot, held: Mapping[str, Sequence[str]]) -> Breaks:
    """Draw the parts of the mix and the row that adds one; return what breaks (nothing at first).

    Args:
        snapshot: the network that is struck.
        held: kind (token, chain) → names to choose from, the most held first.
    """
    try:
        breaks = parse_breaks(controls.page_parameter(PARAMETER) or "")
    except DexposureError as error:
        frame.failure("This mix cannot be read; it starts empty", error)
        breaks = Breaks()
    names = {str(p): str(n) for p, n in zip(snapshot.protocols, snapshot.names, strict=True)}
    for kind in _KINDS:
        for name, share in dict(getattr(breaks, kind)).items():
            called = text.markdown(text.short(_called(kind, name, names), 60))
            row = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
            row.markdown(f"**{called}** loses {100 * share:g} %", width="content")
            row.button(
                "", icon=":material/close:", key=f"mix-drop-{kind}-{name}", on_click=_put,
                args=(breaks, kind, name, None), help=f"Take {called} out", type="tertiary",
            )  # fmt: skip
    _adding(breaks, names, {
        "tokens": held.get("token", ()), "protocols": tuple(_by_size(snapshot)), "chains": held.get("chain", ()),
        "sectors": sorted({str(sector) for sector in snapshot.sectors}),
    })  # fmt: skip
    controls.write({PARAMETER: breaks_text(breaks)} if breaks else {})
    return breaks


def words(breaks: Breaks, names: Mapping[str, str]) -> str:
    """Say in one line what breaks, escaped for Markdown."""
    parts = [
        f"{text.markdown(text.short(_called(kind, name, names), 40))} loses {100 * share:g} %"
        for kind in _KINDS for name, share in dict(getattr(breaks, kind)).items()
    ]  # fmt: skip
    return "; ".join([*parts[:3], *([f"{len(parts) - 3} more"] if len(parts) > 3 else [])])


def files(view: View, what: Breaks | None, terms: Terms) -> None:
    """Draw what saves the scenario as a file and reads one; `what` is None for a standard scenario."""
    with st.popover("Scenario file", width="stretch"):
        if what:
            saved = ScenarioFile(breaks=what, title="Scenario", date=view.date, basis=view.basis, terms=terms)
            st.download_button(
                "Save this scenario", saved.text(), file_name="scenario.toml", mime="application/toml",
                on_click="ignore", width="stretch", key="mix-save",
            )  # fmt: skip
        else:
            st.caption("A standard scenario is shared by its link; build one of your own to save it as a file.")
        given = st.file_uploader("Open a scenario file", type=["toml"], key="mix-file", on_change=_opened)
        if given is not None and (problem := st.session_state.get("mix-problem")):
            frame.failure("This file cannot be used", problem)


def _opened() -> None:
    """Take over what an uploaded file says; what is wrong with it is shown beside it."""
    given = st.session_state.get("mix-file")
    st.session_state.pop("mix-problem", None)
    if given is None:
        return
    try:
        read = parse_scenario(given.getvalue().decode("utf-8", "replace"), text.short(given.name, 60))
        if read.then:
            raise BadInput(f"{text.short(given.name, 60)}: it has later steps; run it with `dexposure stress --file`")
    except DexposureError as error:
        st.session_state["mix-problem"] = error
        return
    controls.set_parameter("shock", "mix")
    controls.set_parameter(PARAMETER, breaks_text(read.breaks))
    controls.set_parameter("rule", read.terms.rule)
    percents = {"absorbs": read.terms.absorbing_fraction, "pass": read.terms.pass_through}
    percents |= dict(read.terms.options) | dict(read.terms.kinds)
    for name, value in percents.items():
        controls.set_parameter(name, f"{100 * value:g}")


def _adding(breaks: Breaks, names: Mapping[str, str], among: Mapping[str, Sequence[str]]) -> None:
    kinds = [kind for kind in _KINDS if among[kind]]
    left, right = st.columns([2, 3])
    kind = left.selectbox("Add", kinds, format_func=_KINDS.__getitem__, key="mix-kind")
    right.selectbox(
        _KINDS[kind], among[kind], key=f"mix-{kind}", format_func=lambda n: text.short(_called(kind, n, names), 40)
    )  # fmt: skip
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    left.slider("loses, %", 1, 100, 30, key="mix-share")
    right.button("Add", key="mix-add", on_click=_add, args=(breaks, kind), width="stretch", type="primary")


def _add(breaks: Breaks, kind: str) -> None:
    _put(breaks, kind, str(st.session_state[f"mix-{kind}"]), st.session_state["mix-share"] / 100)


def _put(breaks: Breaks, kind: str, name: str, share: float | None) -> None:
    """Set (None: remove) one part of the mix in the address."""
    rows = {other: part for other, part in dict(getattr(breaks, kind)).items() if other != name}
    changed = replace(breaks, **{kind: rows if share is None else rows | {name: share}})  # type: ignore[arg-type]
    controls.set_parameter(PARAMETER, breaks_text(changed) if changed else None)


def plain(breaks: Breaks) -> str:
    """Return all that breaks, as an export says it."""
    parts = [
        f"{kind.removesuffix('s')} {name} loses {100 * share:g} %"
        for kind in _KINDS for name, share in dict(getattr(breaks, kind)).items()
    ]  # fmt: skip
    return ", ".join(parts)


def _called(kind: str, name: str, names: Mapping[str, str]) -> str:
    return names.get(name, name) if kind == "protocols" else name


def _by_size(snapshot: Snapshot) -> list[str]:
    return [str(snapshot.protocols[i]) for i in (-snapshot.tvl_usd).argsort(kind="stable")]
