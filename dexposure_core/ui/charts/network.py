"""The network picture: an interactive page for the screen and a still figure of the same for print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dexposure_core.network import Snapshot
from dexposure_core.pipeline.palette import Mode
from dexposure_core.pipeline.picture import Cut, Layout
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base, plain
from dexposure_core.ui.charts.sankey import faint
from dexposure_core.ui.graph import Edge, Ink, LegendEntry, Node
from dexposure_core.ui.graph import draw as draw_page
from dexposure_core.ui.graph import view as graph_view

LABELS: Final = 25
NOTE: Final = "area: TVL · ◇ only issues tokens · arrow: creditor → debtor"
_BANDS: Final = 6  # the still figure draws arrows in so many classes of width


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawn network: the page for the screen and what the still figure needs."""

    page: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    legend: tuple[LegendEntry, ...]


def ink(mode: Mode) -> Ink:
    """Return a theme's colours as the graph wants them."""
    return Ink(
        paper=mode.paper, ink=mode.ink, muted=mode.muted, line=mode.grid, surface=mode.surface, accent=mode.accent
    )


def draw(
    snapshot: Snapshot, cut: Cut, places: Layout, colours: Mapping[str, str], with_ink: Ink, *,
    marked: str | None = None, link: str = "",
) -> Picture:  # fmt: skip
    """Draw the shown part of a network; the marked protocol starts with its neighbourhood lit."""
    tints = {**colours, "": theme.GREYS[0]}
    nodes = graph_view.nodes(snapshot, cut, places, tints, text.usd, marked)
    edges = graph_view.edges(snapshot, cut, tints, text.usd)
    legend = graph_view.legend(snapshot, cut, tints)
    page = draw_page(nodes, edges, legend, with_ink, labels=LABELS, note=NOTE, open_link=link, focus=marked is not None)
    return Picture(page=page, nodes=nodes, edges=edges, legend=legend)


def still(picture: Picture, *, title: str, unit: str) -> Any:
    """Return the picture as a Plotly figure: the way to PNG, SVG and HTML."""
    drawn = base.figure(title, unit, height=720)
    at = {node.id: node.place for node in picture.nodes}
    for width, edges in _bands(picture.edges):
        x: list[float | None] = []
        y: list[float | None] = []
        for edge in edges:
            one, other = at[edge.creditor], at[edge.debtor]
            x += [one[0], other[0], None]
            y += [-one[1], -other[1], None]
        line = {"width": width, "color": faint(theme.GREYS[0], 0.4)}
        drawn.add_trace(plain.scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False))
    for entry in picture.legend:
        _sector(drawn, [node for node in picture.nodes if node.group == entry.group], entry)
    labelled = picture.nodes[:LABELS]
    drawn.add_trace(
        plain.scatter(
            x=[n.place[0] for n in labelled], y=[-n.place[1] - n.radius - 8 for n in labelled], mode="text",
            text=[text.html(text.short(n.name, 22)) for n in labelled], hoverinfo="skip", showlegend=False,
            textfont={"size": 10},
        )
    )  # fmt: skip
    hidden = {"visible": False}
    drawn.update_layout(xaxis=hidden, yaxis=hidden | {"scaleanchor": "x"}, margin={"t": 96}, legend={"y": 1.0})
    return drawn


def _sector(drawn: Any, nodes: Sequence[Node], entry: LegendEntry) -> None:
    drawn.add_trace(
        plain.scatter(
            x=[n.place[0] for n in nodes], y=[-n.place[1] for n in nodes], mode="markers", name=text.html(entry.text),
            customdata=[text.html(text.short(n.name, 60)) for n in nodes], hovertemplate="%{customdata}<extra></extra>",
            marker={
                "size": [1.3 * n.radius for n in nodes], "color": entry.colour, "opacity": 1, "line": {"width": 1},
                "symbol": ["diamond" if n.issuer else "circle" for n in nodes],
            },
        )
    )  # fmt: skip


def _bands(edges: Sequence[Edge]) -> list[tuple[float, list[Edge]]]:
    top = max((edge.width for edge in edges), default=1.0)
    classes: dict[int, list[Edge]] = {}
    for edge in edges:
        classes.setdefault(min(_BANDS - 1, int(_BANDS * edge.width / top)), []).append(edge)
    return [(0.8 * top * (number + 0.5) / _BANDS, members) for number, members in sorted(classes.items())]
