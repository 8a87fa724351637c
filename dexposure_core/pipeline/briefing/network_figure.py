"""The briefing's picture of the network: its backbone where it stands on the screen, too, drawn as SVG.

Circles by TVL (a diamond only issues tokens), coloured by sector; lines by exposure, thin at the creditor and wide at
the debtor, in the creditor's colour. Names are written as long as they find room; a name that would lie on another
name or circle is left out, largest protocols first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dexposure_core.network import Snapshot
from dexposure_core.pipeline.briefing import svg
from dexposure_core.pipeline.names import short
from dexposure_core.pipeline.numbers import usd
from dexposure_core.pipeline.palette import GREYS, LIGHT
from dexposure_core.pipeline.picture import Cut, Layout
from dexposure_core.pipeline.picture.layout import node_radii

SHOWN: Final = 40  # protocols
WIDTH, HEIGHT = 720.0, 330.0
_EDGE: Final = 16.0  # room around the picture
_LARGEST: Final = 15.0  # radius
_WIDEST: Final = 7.0  # line
_LEGEND: Final = 18.0  # height of a row of the legend
_LINE: Final = 11.0  # height of a name
Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class _Circle:
    x: float
    y: float
    radius: float
    name: str
    sector: str
    issuer: bool

    def box(self) -> Box:
        return self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius


def network(snapshot: Snapshot, cut: Cut, places: Layout, colours: Mapping[str, str], alt: str) -> str:
    """Return the picture of the cut; empty when nothing is shown.

    Args:
        snapshot: the network.
        cut: what of it to show.
        places: where protocols stand.
        colours: sector → colour.
        alt: what it shows, in words.
    """
    if not len(cut.exposures):
        return ""
    circles = _circles(snapshot, cut, places)
    at = {int(row): circle for row, circle in zip(cut.protocols, circles, strict=True)}
    top = float(snapshot.exposure_usd[cut.exposures].max())
    parts = []
    for exposure in cut.exposures[::-1]:  # the largest above the others
        creditor, debtor = at[int(snapshot.creditor[exposure])], at[int(snapshot.debtor[exposure])]
        wide = max(0.7, _WIDEST * math.sqrt(float(snapshot.exposure_usd[exposure]) / top))
        parts.append(_arrow(creditor, debtor, wide, colours.get(creditor.sector, GREYS[0])))
    for circle in reversed(circles):
        colour = colours.get(circle.sector, GREYS[0])
        parts.append(
            svg.diamond(circle.x, circle.y, colour, radius=circle.radius)
            if circle.issuer
            else svg.dot(circle.x, circle.y, colour, radius=round(circle.radius, 1), rim=LIGHT.paper)
        )
    parts += _names(circles)
    legend, rows = _legend(circles, colours, top)
    return f'<div class="broad">{svg.picture(WIDTH, HEIGHT + rows * _LEGEND, [*parts, *legend], alt)}</div>'


def _circles(snapshot: Snapshot, cut: Cut, places: Layout) -> list[_Circle]:
    """Return a circle for every protocol shown, the picture cropped to them."""
    rows = cut.protocols
    where = np.array([places.place(str(snapshot.protocols[r]), str(snapshot.sectors[r])) for r in rows])
    low, high = where.min(axis=0), where.max(axis=0)
    scale = min(
        (WIDTH - 2 * _EDGE - 60) / max(high[0] - low[0], 1.0), (HEIGHT - 2 * _EDGE) / max(high[1] - low[1], 1.0)
    )
    middle = (low + high) / 2
    spots = (where - middle) * scale + (WIDTH / 2, HEIGHT / 2)
    radius = node_radii(snapshot)[rows]
    radius = np.maximum(2.0, radius * _LARGEST / max(float(radius.max()), 1e-9))
    return [
        _Circle(float(x), float(y), float(r), short(str(snapshot.names[row]), 22), str(snapshot.sectors[row]),
                bool(snapshot.tvl_usd[row] <= 0))
        for row, (x, y), r in zip(rows, spots, radius, strict=True)
    ]  # fmt: skip


def _arrow(creditor: _Circle, debtor: _Circle, wide: float, colour: str) -> str:
    """Return a wedge that widens from the creditor to the rim of the debtor."""
    along = math.hypot(debtor.x - creditor.x, debtor.y - creditor.y) or 1.0
    dx, dy = (debtor.x - creditor.x) / along, (debtor.y - creditor.y) / along
    end = max(along - debtor.radius, along / 2)
    tip = (creditor.x + dx * end, creditor.y + dy * end)
    thin, half = 0.3, wide / 2
    corners = [
        (creditor.x - dy * thin, creditor.y + dx * thin), (creditor.x + dy * thin, creditor.y - dx * thin),
        (tip[0] + dy * half, tip[1] - dx * half), (tip[0] - dy * half, tip[1] + dx * half),
    ]  # fmt: skip
    return svg.shape(corners, colour, opacity=0.38)


def _names(circles: Sequence[_Circle]) -> list[str]:
    """Return the names that find room beside, above or below their circles."""
    taken = [circle.box() for circle in circles]
    drawn = []
    for circle in circles:
        half, long = svg.CHARACTER * 0.5 * len(circle.name), svg.CHARACTER * len(circle.name)
        gap = circle.radius + 3
        spots = (
            ("middle", circle.x, circle.y - gap, circle.x - half),
            ("middle", circle.x, circle.y + gap + _LINE - 3, circle.x - half),
            ("start", circle.x + gap, circle.y + 3.5, circle.x + gap),
            ("end", circle.x - gap, circle.y + 3.5, circle.x - gap - long),
        )
        for anchor, x, y, left in spots:
            box = (left, y - _LINE + 2, left + long, y + 2.5)
            if box[0] >= 0 and box[2] <= WIDTH and box[1] >= 0 and not any(_meet(box, other) for other in taken):
                taken.append(box)
                drawn.append(svg.words(x, y, circle.name, anchor=anchor, colour=LIGHT.ink))
                break
    return drawn


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _legend(circles: Sequence[_Circle], colours: Mapping[str, str], top: float) -> tuple[list[str], int]:
    """Return the sectors in order of their protocols, the scale of lines, and how many rows they take."""
    sectors = sorted({c.sector for c in circles}, key=lambda s: (-sum(c.sector == s for c in circles), s))
    entries = [(sector, colours.get(sector, GREYS[0])) for sector in sectors]
    parts, x, row = [], 8.0, 0
    for said, colour in [*entries, (f"widest line: {usd(top)}", "")]:
        long = 24 + svg.CHARACTER * len(said)
        if x + long > WIDTH:
            x, row = 8.0, row + 1
        y = HEIGHT + 12 + row * _LEGEND
        mark = svg.dot(x + 5, y - 3.5, colour, radius=4) if colour else svg.box(x, y - 7, 12, 7, GREYS[1], opacity=0.6)
        parts += [mark, svg.words(x + 15, y, said)]
        x += long
    return parts, row + 1
