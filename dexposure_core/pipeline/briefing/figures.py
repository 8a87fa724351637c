"""The briefing's figures: course over time, bridge of a change, ranked bars, ranges over rules, expected changes."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from dexposure_core.pipeline.briefing import svg
from dexposure_core.pipeline.briefing.tables import Unit
from dexposure_core.pipeline.numbers import number, percent, usd
from dexposure_core.pipeline.palette import CAUSES, GREYS, LIGHT, SECTOR_COLOURS

WIDTH: Final = 480.0
_ROW: Final = 19.0
_SPAN: Final = 0.6  # room above the lines for the events' names, share of their range
Line = tuple[str, str, pl.DataFrame]  # name, colour, frame date, value


def spark(history: pl.DataFrame, since: dt.date, on: dt.date, alt: str) -> str:
    """Return a small line of the values from `since` to `on`, its end marked, its lowest and highest value in grey."""
    shown = history.filter(pl.col("date").is_between(since, on)).select("date", pl.col("value").cast(pl.Float64))
    known = [v for v in shown["value"].to_list() if v is not None and math.isfinite(v)]
    if not known:
        return ""
    width, height = 132.0, 26.0
    ends, days = (min(known), max(known)), (float(since.toordinal()), float(on.toordinal()))
    points = [
        (svg.placed(d.toordinal(), days, (2, width - 5)),
         math.nan if v is None else svg.placed(v, ends, (height - 4, 4)))
        for d, v in shown.iter_rows()
    ]  # fmt: skip
    parts = [svg.line((2, y), (width - 5, y), colour=LIGHT.grid) for y in (4, height - 4)]
    parts.append(svg.path(points, SECTOR_COLOURS[0], width=1.3))
    parts += [svg.dot(*points[-1], LIGHT.ink, radius=2.2)] if math.isfinite(points[-1][1]) else []
    return svg.picture(width, height, parts, alt)


def course(lines: Sequence[Line], events: pl.DataFrame, since: dt.date, on: dt.date, alt: str) -> str:
    """Return lines over all dates up to `on`, each named at its end, events as dotted lines, `since` to `on` shaded."""
    cut = [(name, colour, frame.filter(pl.col("date") <= on)) for name, colour, frame in lines]
    known = [v for _, _, f in cut for v in f["value"].to_list() if v is not None and math.isfinite(v)]
    if not known:
        return ""
    height, right = 230.0, 20 + svg.CHARACTER * max(len(name) for name, _, _ in lines)
    first: dt.date = min(day for _, _, f in cut for day in f["date"].to_list())
    days, top = (float(first.toordinal()), float(on.toordinal())), max(known)
    x_room, y_room, ends = (34.0, WIDTH - right), (height - 20, 8.0), (0.0, top * (1 + _SPAN))
    start = svg.placed(max(since, first).toordinal(), days, x_room)
    parts = [svg.box(start, y_room[1], x_room[1] - start, y_room[0] - y_room[1], LIGHT.surface)]
    for tick in _ticks(top):
        y = svg.placed(tick, ends, y_room)
        parts += [svg.line((x_room[0], y), (x_room[1], y)), svg.words(x_room[0] - 4, y + 3, f"{tick:g}", anchor="end")]
    for year in range(first.year + 1, on.year + 1):
        x = svg.placed(dt.date(year, 1, 1).toordinal(), days, x_room)
        parts += [svg.line((x, y_room[0]), (x, y_room[0] + 4), colour=GREYS[1]),
                  svg.words(x, y_room[0] + 15, str(year), anchor="middle")]  # fmt: skip
    for day, name in events.select("date", "name").iter_rows():
        x = svg.placed(day.toordinal(), days, x_room)
        parts += [svg.line((x, y_room[1]), (x, y_room[0]), colour=GREYS[1], dash="1 3"),
                  svg.upright(x - 2, y_room[1] + 2, svg.fitting(name.split(" (")[0], 140))]  # fmt: skip
    return svg.picture(WIDTH, height, [*parts, *_drawn(cut, days, ends, x_room, y_room)], alt)


def _drawn(lines: Sequence[Line], days: svg.Point, ends: svg.Point, x_room: svg.Point, y_room: svg.Point) -> list[str]:
    """Return the lines and their names, the names kept apart."""
    parts, names = [], []
    for name, colour, frame in lines:
        points = [
            (svg.placed(d.toordinal(), days, x_room),
             math.nan if v is None else svg.placed(float(v), ends, y_room))
            for d, v in frame.select("date", "value").iter_rows()
        ]  # fmt: skip
        parts.append(svg.path(points, colour))
        last = next((p for p in reversed(points) if math.isfinite(p[1])), None)
        names += [(last[1], name, colour)] if last else []
    lowest = -math.inf
    for y, name, colour in sorted(names):
        lowest = max(y, lowest + 13)
        parts.append(svg.words(x_room[1] + 5, lowest + 3.5, name, colour=colour, bold=True))
    return parts


def _ticks(top: float) -> list[float]:
    """Return round values from 0 to `top`, four or five."""
    if not top > 0:
        return [0.0]
    power = 10.0 ** math.floor(math.log10(top / 4))
    step = next(k * power for k in (1, 2, 2.5, 5, 10) if top / (k * power) <= 4.5)
    return [float(f"{n * step:.10g}") for n in range(int(top / step + 1e-9) + 1)]


def bridge(parts: Mapping[str, int], unit: Unit, alt: str) -> str:
    """Return how causes add up to a change: one bar a cause, each from where the one before ended, then the sum.

    Args:
        parts: cause → steps of the unit, in the order drawn.
        unit: of the table below it, so that both print the same numbers.
        alt: what it shows, in words.
    """
    height, left, right = 160.0, 8.0, WIDTH - 8
    y_room, total = (height - 22, 16.0), sum(parts.values())
    steps, level = [], 0
    for name, part in parts.items():
        steps.append((name, level, level + part))
        level += part
    steps.append(("All causes", 0, total))
    marks = [0, *(v for _, a, b in steps for v in (a, b))]
    ends, wide = (min(marks), max(marks)), (right - left) / len(steps)
    zero = svg.placed(0, ends, y_room)
    drawn = [svg.line((left, zero), (right, zero), colour=GREYS[1])]
    colours = dict(CAUSES.values())
    for place, (name, start, end) in enumerate(steps):
        x, a, b = left + place * wide + 7, svg.placed(start, ends, y_room), svg.placed(end, ends, y_room)
        drawn.append(
            svg.box(x, a, wide - 14, b - a, colours.get(name, LIGHT.ink if place == len(steps) - 1 else GREYS[1]))
        )
        said = unit.written(end - start, sign=True)
        drawn.append(svg.words(x + wide / 2 - 7, min(a, b) - 4, said, anchor="middle", colour=LIGHT.ink))
        drawn.append(svg.words(x + wide / 2 - 7, height - 6, name, anchor="middle"))
        if place < len(steps) - 1:
            drawn.append(svg.line((x + wide - 14, b), (x + wide, b), colour=GREYS[1], dash="2 2"))
    return svg.picture(WIDTH, height, drawn, alt)


def ranked(names: Sequence[str], values: Sequence[float], shares: Sequence[float], alt: str) -> str:
    """Return horizontal bars, USD and share written beside them; names are untrusted."""
    label, beside = 218.0, 104.0
    room = (label + 6, WIDTH - beside)
    drawn = []
    for row, (name, value, share) in enumerate(zip(names, values, shares, strict=True)):
        y = 4 + row * _ROW
        end = svg.placed(value, (0.0, max([*values, 1e-9])), room)
        drawn += [svg.words(label, y + 11, svg.fitting(name, label), anchor="end", colour=LIGHT.ink),
                  svg.box(room[0], y + 2, end - room[0], _ROW - 7, SECTOR_COLOURS[0]),
                  svg.words(end + 5, y + 11, f"{usd(value, unit=False)} ({percent(share)})")]  # fmt: skip
    return svg.picture(WIDTH, 8 + _ROW * len(names), drawn, alt)


def ranges(rows: Mapping[str, Mapping[str, float]], main: str, alt: str) -> str:
    """Return one row a scenario: the span of its losses over the rules, a circle a rule, the main rule filled.

    Args:
        rows: scenario title → rule title → loss, share of system TVL (NaN: not defined).
        main: title of the rule whose circle is filled.
        alt: what it shows, in words.
    """
    label, room = 226.0, (234.0, WIDTH - 50)
    known = [x for losses in rows.values() for x in losses.values() if math.isfinite(x)]
    ends = (0.0, max([*known, 1e-9]))
    height = 30 + 22 * len(rows)
    drawn = []
    for tick in _ticks(ends[1] * 100):
        x = svg.placed(tick / 100, ends, room)
        drawn += [svg.line((x, 4), (x, height - 22)), svg.words(x, height - 8, f"{tick:g} %", anchor="middle")]
    for row, (title, losses) in enumerate(rows.items()):
        y = 16 + 22 * row
        drawn.append(svg.words(label, y + 4, svg.fitting(title, label), anchor="end", colour=LIGHT.ink))
        spots = {rule: svg.placed(x, ends, room) for rule, x in losses.items() if math.isfinite(x)}
        if not spots:
            drawn.append(svg.words(room[0], y + 4, "not defined: it hits nobody here"))
            continue
        drawn.append(svg.line((min(spots.values()), y), (max(spots.values()), y), colour=LIGHT.loss[2], width=4))
        drawn += [svg.dot(x, y, LIGHT.alarm, radius=3, hollow=True) for rule, x in spots.items() if rule != main]
        drawn += [svg.dot(spots[main], y, LIGHT.alarm, radius=4)] if main in spots else []
        drawn.append(svg.words(max(spots.values()) + 8, y + 4, percent(max(losses[r] for r in spots))))
    return svg.picture(WIDTH, height, drawn, alt)


def intervals(names: Sequence[str], rows: Sequence[tuple[float, float, float]], alt: str) -> str:
    """Return expected changes with their 90 % intervals around no change.

    Args:
        names: of the rows.
        rows: expected, low and high, each relative to today (0.02: 2 % more; NaN: not known).
        alt: what it shows, in words.
    """
    label, room = 208.0, (218.0, WIDTH - 40)
    reach = max([1e-3, *(abs(v) for row in rows for v in row if math.isfinite(v))])
    ends, height = (-reach, reach), 30 + 22 * len(rows)
    drawn = []
    for tick in (-reach, 0.0, reach):
        x = svg.placed(tick, ends, room)
        said = f"{'+' if tick > 0 else ''}{number(100 * tick, significant=2)} %"
        drawn.append(svg.line((x, 4), (x, height - 22), colour=GREYS[1] if tick == 0 else LIGHT.grid))
        drawn.append(svg.words(x, height - 8, said, anchor="middle"))
    for row, (name, (expected, low, high)) in enumerate(zip(names, rows, strict=True)):
        y = 16 + 22 * row
        drawn.append(svg.words(label, y + 4, svg.fitting(name, label), anchor="end", colour=LIGHT.ink))
        if math.isfinite(low) and math.isfinite(high):
            a, b = svg.placed(low, ends, room), svg.placed(high, ends, room)
            drawn.append(svg.line((a, y), (b, y), colour=SECTOR_COLOURS[4], width=4))
        drawn += [svg.dot(svg.placed(expected, ends, room), y, SECTOR_COLOURS[0], radius=4)]
    return svg.picture(WIDTH, height, drawn, alt)
