"""Small line charts as inline SVG: no script, nothing fetched, readable in print."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH, HEIGHT = 300, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 26, 28
TICKS: Final = 4


@dataclass(frozen=True, kw_only=True)
class Line:
    """One series: a name, a CSS class that gives its colour, and points (x, y); points with NaN break the line."""

    name: str
    kind: str
    x: Sequence[float]
    y: Sequence[float]
    dots: bool = False


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A small chart.

    Attributes:
        title: what it shows.
        lines: drawn in this order, the last on top.
        x_range, y_range: ends of the axes.
        x_ticks: (position, label).
        marks: (position, label) of vertical lines.
        level: height of a horizontal line, None for none.
        diagonal: whether to draw y = x.
        percent: whether y is written in percent.
    """

    title: str
    lines: Sequence[Line]
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    x_ticks: Sequence[tuple[float, str]]
    marks: Sequence[tuple[float, str]] = ()
    level: float | None = None
    diagonal: bool = False
    percent: bool = False

    def svg(self) -> str:
        """Return the chart as one <svg> element with a title for screen readers."""
        parts = [
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.title)}">',
            f'<text class="title" x="{LEFT}" y="15">{escape(self.title)}</text>',
            *self._axes(), *self._marks(), *(self._drawn(line) for line in self.lines), "</svg>",
        ]  # fmt: skip
        return "".join(parts)

    def _x(self, value: float) -> float:
        low, high = self.x_range
        return LEFT + (value - low) / ((high - low) or 1.0) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        low, high = self.y_range
        inside = min(max(value, low), high)
        return HEIGHT - BOTTOM - (inside - low) / ((high - low) or 1.0) * (HEIGHT - TOP - BOTTOM)

    def _axes(self) -> list[str]:
        found = []
        for value in ticks(*self.y_range):
            y = self._y(value)
            text = f"{value:.0%}".replace("-", "−") if self.percent else f"{value:g}".replace("-", "−")
            found.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            found.append(f'<text class="tick" x="{LEFT - 5}" y="{y + 3:.1f}" text-anchor="end">{text}</text>')
        for value, text in self.x_ticks:
            x = self._x(value)
            anchor = "end" if x > WIDTH - RIGHT - 20 else "middle"
            found.append(
                f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 9}" text-anchor="{anchor}">{escape(text)}</text>'
            )
        if self.level is not None:
            y = self._y(self.level)
            found.append(f'<line class="level" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        if self.diagonal:
            (a, b), (c, d) = self.x_range, self.y_range
            found.append(
                f'<line class="level" x1="{self._x(a):.1f}" y1="{self._y(c):.1f}" '
                f'x2="{self._x(b):.1f}" y2="{self._y(d):.1f}"/>'
            )
        return found

    def _marks(self) -> list[str]:
        found = []
        for value, text in self.marks:
            x = self._x(value)
            found.append(
                f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}">'
                f"<title>{escape(text)}</title></line>"
            )
        return found

    def _drawn(self, line: Line) -> str:
        pieces: list[list[str]] = [[]]
        dots = []
        for x, y in zip(line.x, line.y, strict=True):
            if not math.isfinite(y):
                pieces.append([])
                continue
            at = f"{self._x(x):.1f},{self._y(y):.1f}"
            pieces[-1].append(at)
            if line.dots:
                dots.append(f'<circle class="{line.kind}" cx="{self._x(x):.1f}" cy="{self._y(y):.1f}" r="2.2"/>')
        drawn = "".join(f'<polyline class="{line.kind}" points="{" ".join(p)}"/>' for p in pieces if p)
        return f"<g><title>{escape(line.name)}</title>{drawn}{''.join(dots)}</g>"


def ticks(low: float, high: float) -> list[float]:
    """Return round values between `low` and `high`, about four."""
    span = high - low
    if not span > 0:
        return [low]
    step = 10.0 ** math.floor(math.log10(span / TICKS))
    step *= next(k for k in (1, 2, 5, 10) if span / (k * step) <= TICKS + 0.5)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]
