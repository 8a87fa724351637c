"""What the briefing's figures are drawn with: SVG elements as text, so that no browser is needed and nothing varies.

Colours are those of the house on white paper; type is inherited from the page. Every text is escaped here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from dexposure_core.pipeline.names import html
from dexposure_core.pipeline.palette import LIGHT

CHARACTER: Final = 6.2  # pixels that a character of the figures' type takes, in the widest type
Point = tuple[float, float]


def picture(width: float, height: float, parts: Iterable[str], alt: str) -> str:
    """Return one <svg> element with what it shows in words for those who do not see it."""
    drawn = "".join(parts)
    return f'<svg viewBox="0 0 {at(width)} {at(height)}" role="img" aria-label="{html(alt)}">{drawn}</svg>'


def at(value: float) -> str:
    """Write a coordinate: one decimal, no trailing zero."""
    return f"{value + 0.0:.1f}".removesuffix(".0").replace("-0.0", "0")


def words(
    x: float, y: float, said: str, *, anchor: str = "start", colour: str = LIGHT.muted, bold: bool = False
) -> str:
    """Return a line of text that starts, is centred (`middle`) or ends at x."""
    weight = ' font-weight="650"' if bold else ""
    return f'<text x="{at(x)}" y="{at(y)}" text-anchor="{anchor}" fill="{colour}"{weight}>{html(said)}</text>'


def upright(x: float, y: float, said: str) -> str:
    """Return a text that runs upwards and ends at y."""
    turned = f'transform="rotate(-90 {at(x)} {at(y)})" text-anchor="end" class="small"'
    return f'<text x="{at(x)}" y="{at(y)}" fill="{LIGHT.muted}" {turned}>{html(said)}</text>'


def line(a: Point, b: Point, *, colour: str = LIGHT.grid, width: float = 1, dash: str = "") -> str:
    """Return a straight line."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{at(a[0])}" y1="{at(a[1])}" x2="{at(b[0])}" y2="{at(b[1])}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width:g}"{dashed}/>'


def box(x: float, y: float, width: float, height: float, colour: str, *, opacity: float = 1) -> str:
    """Return a filled rectangle; a negative width or height reaches to the left or up."""
    left, top = min(x, x + width), min(y, y + height)
    shade = f' fill-opacity="{opacity:g}"' if opacity != 1 else ""
    size = f'width="{at(abs(width))}" height="{at(abs(height))}"'
    return f'<rect x="{at(left)}" y="{at(top)}" {size} fill="{colour}"{shade}/>'


def dot(x: float, y: float, colour: str, *, radius: float = 3, hollow: bool = False, rim: str = "") -> str:
    """Return a filled or hollow circle; its rim has its colour unless another is given."""
    fill = LIGHT.paper if hollow else colour
    edge = f'stroke="{rim or colour}" stroke-width="1.4"'
    return f'<circle cx="{at(x)}" cy="{at(y)}" r="{radius:g}" fill="{fill}" {edge}/>'


def shape(corners: Sequence[Point], colour: str, *, opacity: float = 1) -> str:
    """Return a filled polygon."""
    points = " ".join(f"{at(x)},{at(y)}" for x, y in corners)
    return f'<polygon points="{points}" fill="{colour}" fill-opacity="{opacity:g}"/>'


def diamond(x: float, y: float, colour: str, *, radius: float) -> str:
    """Return a square on its tip."""
    return shape([(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)], colour)


def path(points: Sequence[Point], colour: str, *, width: float = 1.6, dash: str = "") -> str:
    """Return a line through points; one that is not a number leaves a gap."""
    pieces: list[list[Point]] = [[]]
    for x, y in points:
        if math.isfinite(y):
            pieces[-1].append((x, y))
        elif pieces[-1]:
            pieces.append([])
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    style = f'fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linejoin="round"{dashed}'
    return "".join(
        f'<polyline points="{" ".join(f"{at(x)},{at(y)}" for x, y in piece)}" {style}/>' for piece in pieces if piece
    )


def placed(value: float, ends: Point, room: Point) -> float:
    """Return where a value lies in the room (pixels) that an axis from ends[0] to ends[1] has."""
    return room[0] + (value - ends[0]) / ((ends[1] - ends[0]) or 1.0) * (room[1] - room[0])


def fitting(said: str, pixels: float) -> str:
    """Return the text cut to what fits into so many pixels."""
    most = max(2, int(pixels / CHARACTER))
    return said if len(said) <= most else said[: most - 1].rstrip() + "…"
