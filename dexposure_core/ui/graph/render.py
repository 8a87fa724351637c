r"""Draw circles and arrows with pyvis (vis-network) as one HTML page that loads nothing from anywhere.

pyvis 0.3.2 leaves tags that fetch bootstrap from a CDN and repeats 220 kB of style sheet we do not use: both are cut
out, and a content security policy forbids every request, so that the page works in a room without a network. Names are
hostile: they reach the page as JSON only (`<`, `>`, `&` as \u escapes) and are written as text, never as HTML.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pyvis.edge import Edge as PyvisEdge
from pyvis.network import Network

from dexposure_core.ui import text

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
_LOADS = re.compile(
    r"<link\b[^>]*>|<script\b[^>]*\bsrc\s*=[^>]*>\s*</script>|<!--.*?-->|<center>.*?</center>", re.DOTALL
)
_STYLE = re.compile(r"<style\b[^>]*>.*?</style>", re.DOTALL)
_ADDRESS = re.compile(r"https?://(?!www\.w3\.org/)")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A protocol as a circle, or as a diamond when it only issues tokens.

    Attributes:
        id, name: protocol id and name, as they come (hostile).
        place: x, y in picture units.
        radius: in picture units.
        colour: fill.
        group: text that ties it to a legend entry.
        facts: lines of the tooltip and of the box that a click opens.
        issuer: whether it is drawn as a diamond.
        marked: whether it is the searched one: ringed, always labelled.
        step: the step from which on it is shown, where the picture has steps.
    """

    id: str
    name: str
    place: tuple[float, float]
    radius: float
    colour: str
    group: str
    facts: tuple[str, ...] = ()
    issuer: bool = False
    marked: bool = False
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class Edge:
    """An exposure as an arrow from the creditor to the debtor; `words` is its tooltip."""

    creditor: str
    debtor: str
    width: float
    colour: str
    words: str
    opacity: float = 0.45
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class Ring:
    """A line that circles stand on: half its width and height in picture units, and what it is called."""

    across: float
    up: float
    text: str


@dataclass(frozen=True, kw_only=True)
class LegendEntry:
    """One colour and what it means."""

    group: str
    text: str
    colour: str


@dataclass(frozen=True, kw_only=True)
class Ink:
    """The screen's colours: background, text, quiet text, lines, raised surface, links."""

    paper: str
    ink: str
    muted: str
    line: str
    surface: str
    accent: str


def draw(
    nodes: Sequence[Node],
    edges: Sequence[Edge],
    legend: Sequence[LegendEntry],
    ink: Ink,
    *,
    labels: int = 25,
    note: str = "",
    open_link: str = "",
    focus: bool = False,
    guides: Sequence[Ring] = (),
    steps: Sequence[str] = (),
) -> str:
    """Return the picture as one HTML page.

    Args:
        nodes: most important first; the first `labels` are labelled when zoomed out, more as one zooms in.
        edges: arrows between them.
        legend: entries above the picture; a click on one dims the others. Beside them stands a search.
        ink: the screen's colours.
        labels: how many names to show at first; those without room for theirs are left out.
        note: words after the legend.
        open_link: address of a protocol's page, to which its id is added; '' for no link.
        focus: whether to start with the marked protocol's neighbourhood.
        guides: lines behind the circles.
        steps: what to say at each step, the first one 0; a slider and a button that plays them. None: everything shows.
    """
    net = Network(height="100%", width="100%", directed=True, cdn_resources="in_line", bgcolor=ink.paper)
    number = {node.id: i for i, node in enumerate(nodes)}
    groups = {entry.group: i for i, entry in enumerate(legend)}
    for i, node in enumerate(nodes):
        net.add_node(i, **_node(node, groups.get(node.group, -1), ink))
    # appended as pyvis would: its add_edge lists all nodes anew for every edge
    net.edges = [PyvisEdge(number[e.creditor], number[e.debtor], directed=True, **_edge(e)).options for e in edges]
    net.options = _OPTIONS
    net.templateEnv = _templates()
    setup = {
        "labels": labels, "paper": ink.paper, "ink": ink.ink, "open": open_link, "focus": focus, "line": ink.line,
        "muted": ink.muted, "guides": [[ring.across, ring.up, ring.text] for ring in guides], "steps": list(steps),
        "font": '12px "Source Sans","Helvetica Neue",Arial,sans-serif',
    }  # fmt: skip
    return _page(net.generate_html(), _overlay(legend, note, len(steps)), setup, ink)


_OPTIONS: dict[str, Any] = {
    "physics": {"enabled": False},
    "layout": {"improvedLayout": False},
    "interaction": {
        "dragNodes": False, "hover": True, "tooltipDelay": 120, "hideEdgesOnDrag": False, "selectConnectedEdges": False,
        "keyboard": {"enabled": True, "bindToWindow": False},
    },
    "nodes": {"font": {"size": 0}, "borderWidth": 1, "borderWidthSelected": 2},
    "edges": {"smooth": {"enabled": True, "type": "curvedCW", "roundness": 0.12}, "arrowStrikethrough": False,
              "hoverWidth": 0.5, "selectionWidth": 0.5, "arrows": {"to": {"enabled": True, "scaleFactor": 0.3}}},
}  # fmt: skip


def _node(node: Node, group: int, ink: Ink) -> dict[str, Any]:
    name = text.short(node.name, 32)
    border = ink.ink if node.marked else ink.paper
    return {
        "label": name, "shape": "diamond" if node.issuer else "dot", "x": node.place[0], "y": node.place[1],
        "size": round(node.radius, 1), "borderWidth": 3 if node.marked else 1, "key": node.id, "group_key": group,
        "marked": node.marked, "step": node.step, "facts": [text.short(line, 120) for line in node.facts],
        "tip": "\n".join([text.short(node.name, 80), *(text.short(line, 120) for line in node.facts)]),
        "color": {
            "background": node.colour, "border": border, "highlight": {"background": node.colour, "border": ink.ink},
            "hover": {"background": node.colour, "border": ink.ink},
        },
    }  # fmt: skip


def _edge(edge: Edge) -> dict[str, Any]:
    return {
        "width": round(edge.width, 2),
        "tip": text.short(edge.words, 200),
        "step": edge.step,
        "color": {"color": edge.colour, "opacity": edge.opacity},
    }


def _overlay(legend: Sequence[LegendEntry], note: str, steps: int) -> str:
    entries = "".join(
        f'<button type="button" aria-pressed="false" data-group="{i}">'
        f'<i style="background:{html.escape(entry.colour)}"></i>{text.html(text.short(entry.text, 40))}</button>'
        for i, entry in enumerate(legend)
    )
    words = f'<span class="note">{text.html(note)}</span>' if note else ""
    return (
        f'<div id="legend" role="group" aria-label="Search and legend">{_SEARCH}{entries}{words}</div>'
        '<div id="facts" hidden></div>'
        '<div id="tools"><button type="button" id="zoom-in" title="Zoom in" aria-label="Zoom in">+</button>'
        '<button type="button" id="zoom-out" title="Zoom out" aria-label="Zoom out">−</button>'
        '<button type="button" id="zoom-fit" title="Show all" aria-label="Show all">⤢</button></div>'
        + (_STEPS.format(last=steps - 1) if steps > 1 else "")
    )


_SEARCH = (
    '<span id="search"><input id="find" type="search" list="names" placeholder="Find a protocol" autocomplete="off" '
    'aria-label="Find a protocol in the picture"><datalist id="names"></datalist>'
    '<span id="found" role="status"></span></span>'
)
_STEPS = (
    '<div id="steps"><button type="button" id="play" title="Play the rounds" aria-label="Play the rounds">▶</button>'
    '<input type="range" id="step" min="0" max="{last}" value="{last}" step="1" aria-label="Up to which round">'
    '<output id="told" for="step"></output></div>'
)


def _page(drawn: str, overlay: str, setup: dict[str, Any], ink: Ink) -> str:
    """Cut out what would load something, put our style, legend and script in."""
    head, library, rest = _split(drawn)
    colours = (
        f":root{{--paper:{ink.paper};--ink:{ink.ink};--muted:{ink.muted};--line:{ink.line};"
        f"--surface:{ink.surface};--accent:{ink.accent}}}"
    )
    frame = f"#mynetwork{{width:100%;height:100%;background:{ink.paper};position:relative}}"
    style = f"<style>{colours}{frame}{_asset('page.css')}</style>"
    script = f"<script>window.dexposure={_json(setup)};{_asset('page.js')}</script>"
    start = head.replace("<head>", f'<head><meta http-equiv="Content-Security-Policy" content="{POLICY}">', 1)
    body = rest.replace("</body>", f"{overlay}{script}</body>", 1)
    return f"<!DOCTYPE html>{start}{library}{body.replace('</head>', f'{style}</head>', 1)}"


def _split(drawn: str) -> tuple[str, str, str]:
    """Return what stands before the library's script, the script, and what follows, all without loads and styles."""
    library = _library(drawn)
    before, after = drawn.split(library, 1)
    return _clean(before), _ADDRESS.sub("", library), _clean(after)


def _clean(part: str) -> str:
    return _STYLE.sub("", _LOADS.sub("", part))


@cache
def _templates() -> Any:
    """Return pyvis's own template loader, kept so that its template is compiled once and not for every picture."""
    return Network().templateEnv


@cache
def _asset(name: str) -> str:
    return files("dexposure_core.ui.graph").joinpath(name).read_text(encoding="utf-8")


def _library(drawn: str) -> str:
    """Return the vis-network script as pyvis put it into the page (the longest script)."""
    scripts: list[str] = re.findall(r"<script>.*?</script>", drawn, re.DOTALL)
    return max(scripts, key=len)


def _json(value: object) -> str:
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
