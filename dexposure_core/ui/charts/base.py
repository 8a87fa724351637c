"""What all charts share: an empty figure with title and unit, scaled axes, event lines.

A figure holds no colour of paper, ink or grid: those come from the theme's template when it is drawn or exported.
Amounts are drawn in the unit that gives one to three digits before the point (USD m, USD bn), named under the title.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from dexposure_core.pipeline import notable
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import plain

major_events = notable.major_events


def figure(title: str, unit: str = "", *, height: int = theme.HEIGHT) -> Any:
    """Return an empty figure; `unit` stands under the title. Both are escaped here."""
    drawn = plain.Figure()
    subtitle = {"text": text.html(unit), "font": {"size": 12}}
    drawn.update_xaxes(exponentformat="none")  # 0.0005, never 500µ: the unit stands under the title
    drawn.update_yaxes(exponentformat="none")
    drawn.update_layout(title={"text": f"<b>{text.html(title)}</b>", "subtitle": subtitle}, height=height)
    return drawn


def name_colours(drawn: Any, named: Sequence[tuple[str, str]], *, row: int = 5) -> None:
    """Write the key of the colours behind the unit, `row` names a line: (name, colour). Needs no room of its own."""
    words = [f'<span style="color:{colour}">■</span> {text.html(name)}' for name, colour in named]
    lines = ["   ".join(words[i : i + row]) for i in range(0, len(words), row)]
    unit = drawn.layout.title.subtitle.text
    drawn.layout.title.subtitle.text = "<br>".join([f"{unit}   {lines[0]}", *lines[1:]]) if lines else unit


def room_left(drawn: Any, longest: int) -> None:
    """Keep room for labels of so many characters at the left edge, so that the caption starts at the edge itself."""
    drawn.update_yaxes(automargin=False, ticklabelstandoff=6)
    drawn.update_layout(margin={"l": 20 + 6.7 * longest})


def date_axis(drawn: Any) -> None:
    """Write dates on the axis on one line, in ISO order: Plotly's own second line would cross the caption."""
    stops = ((None, "M1", "%Y-%m-%d"), ("M1", "M6", "%Y-%m"), ("M12", None, "%Y"))
    drawn.update_xaxes(tickformatstops=[{"dtickrange": [a, b], "value": f} for a, b, f in stops], nticks=5, tickangle=0)


def scale(values: Iterable[float | None], unit: str) -> tuple[float, str]:
    """Return what to divide amounts by for drawing, and the name of the resulting unit (`USD bn`, `%`, ...)."""
    if unit == "share":
        return 0.01, "%"
    if unit != "USD":
        return 1.0, {"count": "number", "number": "", "index": "index, 0 to 1"}.get(unit, unit)
    top = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    divisor, name = next((s for s in ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k")) if top >= s[0]), (1.0, ""))
    return divisor, f"USD {name}".strip()


def mark_events(drawn: Any, events: pl.DataFrame) -> None:
    """Draw dotted lines with labels along them at the events' dates."""
    line = {"width": 1, "dash": "dot", "color": theme.GREYS[1]}
    across = {"type": "line", "y0": 0, "y1": 1, "yref": "paper", "layer": "below", "line": line}
    label = {"y": 1, "yref": "paper", "textangle": -90, "xanchor": "right", "yanchor": "top", "xshift": 1,
             "showarrow": False, "font": {"size": 10, "color": theme.GREYS[0]}}  # fmt: skip
    named = list(events.select("date", "name").iter_rows())
    annotate(drawn, [label | {"x": day, "text": text.html(_event_label(name))} for day, name in named])
    drawn.layout.shapes += tuple(across | {"x0": day, "x1": day} for day, _ in named)


def event_label_px(name: str) -> float:
    """Return how long an event's label is, in pixels, about."""
    return 4.0 + 5.2 * len(_event_label(name))


def _event_label(name: str) -> str:
    return text.short(name.partition(" (")[0], 18)


def annotate(drawn: Any, annotations: Sequence[Mapping[str, Any]]) -> None:
    """Add annotations, without arrows unless they say otherwise."""
    drawn.layout.annotations += tuple({"showarrow": False} | dict(a) for a in annotations)


def mark_date(drawn: Any, day: dt.date) -> None:
    """Draw a firm line at the snapshot the page shows."""
    drawn.add_shape(type="line", x0=day, x1=day, y0=0, y1=1, yref="paper", line={"width": 1.5, "color": theme.GREYS[2]})


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers from `low` to `high`, at most that many: steps of 1, 2, 2.5 or 5 times a power of ten."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    exponent = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(s * exponent for s in (1, 2, 2.5, 5, 10, 20) if (high - low) / (s * exponent) <= most - 1 + 1e-9)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]


def trace_type(points: int) -> Any:
    """Return what makes a trace of that many points: WebGL above 1000."""
    return plain.scattergl if points > 1000 else plain.scatter


def place_labels(heights: Sequence[float], least: float) -> list[float]:
    """Move label heights apart to that distance, keeping their order and nearly their place."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = list(heights)
    for lower, upper in itertools.pairwise(order):
        placed[upper] = max(placed[upper], placed[lower] + least)
    return placed
