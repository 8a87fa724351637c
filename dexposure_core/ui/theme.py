"""Colour, type and margins: one palette for sectors everywhere, one scale for loss, one for change.

Sector colours keep apart under the common colour-blindnesses and on white and dark paper alike; a ninth
sector and all after it are grey. Charts take ink, grid and paper from a Plotly template only, so that an
export can be printed on white whatever the screen's theme is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import streamlit as st

from dexposure_core.pipeline import palette
from dexposure_core.pipeline.palette import Mode

SECTOR_COLOURS: Final = palette.SECTOR_COLOURS
GREYS: Final = palette.GREYS
LIGHT: Final = palette.LIGHT
FONT: Final = '"Source Sans", "Source Sans Pro", "Helvetica Neue", Arial, sans-serif'
HEIGHT: Final = 340
BOTTOM: Final = 58
HEIGHT_SMALL: Final = 220
HEIGHT_LARGE: Final = 520

Scale = list[list[float | str]]


DARK: Final = Mode(
    name="dark", paper="#12171D", surface="#1B222A", ink="#E6EAEE", muted="#9AA5B1", grid="#2C353F",
    accent="#4FB3DC", up="#F0955C", down="#6DB1E8", alarm="#FF8A75",
    loss=("#1B222A", "#4A2620", "#86331F", "#C2542C", "#EE8A55", "#FFD2AC"),
    change=("#8FC6F2", "#4C8FC4", "#24466A", "#20262D", "#6A3A20", "#C0703A", "#F8B384"),
)  # fmt: skip


def mode() -> Mode:
    """Return the colours of the browser's current theme; light outside a browser."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def loss_scale(of: Mode | None = None) -> Scale:
    """Return the sequential scale for losses and levels, none to much, for Plotly."""
    return _scale((of or mode()).loss)


def change_scale(of: Mode | None = None) -> Scale:
    """Return the diverging scale for changes, fall (blue) to rise (orange), for Plotly; centre it on 0."""
    return _scale((of or mode()).change)


def template(of: Mode | None = None) -> dict[str, Any]:
    """Return the Plotly template every chart uses; do not change it, it is shared."""
    return _template(of or mode())


@cache
def _template(colours: Mode) -> dict[str, Any]:
    axis = {
        "gridcolor": colours.grid, "linecolor": colours.grid, "zerolinecolor": colours.grid, "tickcolor": colours.grid,
        "tickfont": {"color": colours.muted, "size": 12}, "title": {"font": {"color": colours.muted, "size": 12}},
        "automargin": True,
    }  # fmt: skip
    halo = ", ".join(f"{x}px {y}px 1px {colours.paper}" for x in (-2, 0, 2) for y in (-2, 0, 2))
    return {
        "data": {"sankey": [{"type": "sankey", "textfont": {"shadow": halo}}]},  # a thin band strikes through no name
        "layout": {
            "font": {"family": FONT, "size": 13, "color": colours.ink},
            "paper_bgcolor": colours.paper, "plot_bgcolor": colours.paper,
            "colorway": list(SECTOR_COLOURS), "margin": {"l": 8, "r": 8, "t": 44, "b": BOTTOM},
            "title": {"font": {"size": 15, "color": colours.ink}, "x": 0, "xref": "container", "xanchor": "left",
                      "y": 0.98, "yanchor": "top"},
            "xaxis": axis | {"showgrid": False}, "yaxis": axis,
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 12}},
            "hoverlabel": {"font": {"family": FONT, "size": 13}}, "separators": ".,",
            "annotationdefaults": {"font": {"size": 11, "color": colours.muted}, "showarrow": False},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": colours.muted, "activecolor": colours.accent},
        }
    }  # fmt: skip


def _scale(colours: Sequence[str]) -> Scale:
    return [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]
