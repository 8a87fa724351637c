"""A table as a list, for screens too narrow for its columns: what a row is of first, then every number by its name.

A grid on a phone shows the names and hides the numbers behind a sideways scroll. Both forms are sent and the rules of
`style` show one of them: the server does not know how wide a screen is.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import polars as pl

from dexposure_core.pipeline.numbers import LEAST_WRITTEN
from dexposure_core.ui import text
from dexposure_core.ui.output import tables

Link = Callable[[str], str]

FIRST: Final = 10  # rows that stand there at once
MOST: Final = 40  # that a phone is sent
_FEWEST: Final = 4  # columns from which a grid is too wide for a phone
_LINE: Final = "\n"
_NOTHING: Final = "–"  # as in the grid


def listed(frame: pl.DataFrame, labels: Mapping[str, str], link: Link | None) -> str:
    """Return the rows of a table as an HTML list.

    Args:
        frame: the rows as they are to be read; USD in dollars, shares 0..1.
        labels: heading of each column, as of the table.
        link: protocol id → address of its page.

    Returns:
        HTML; empty where the grid fits a phone, or where no row says in words what it is of.
    """
    ends = {end: name for end, name in tables.ENDS.items() if {end, name} <= set(frame.columns)}
    others = [name for name in frame.columns if name not in {*ends, *ends.values()}]
    heads = _heads(frame.select(others))
    if frame.is_empty() or not (ends or heads) or (len(ends) < 2 and len(others) + bool(ends) < _FEWEST):
        return ""
    told = {name: _told(frame[name], labels.get(name) or tables.heading(name)) for name in others}
    items = []
    for row in frame.head(MOST).iter_rows(named=True):
        known = any(row[name] is not None for pair in ends.items() for name in pair)
        who = " → ".join(_who(row[end], row[name], link) for end, name in ends.items())
        what = ", ".join(_word(row[name]) for name in heads)
        values = " ".join(write(row[name]) for name, write in told.items() if known or name not in heads)
        items.append(f"<li><div>{who if known or not what else what}</div><div>{values}</div></li>")
    return f'<div class="listing">{_folded(items, frame.height)}</div>'


def _heads(frame: pl.DataFrame) -> list[str]:
    """Return the first columns that say in words or dates what a row is of: one, or two where one does not suffice."""
    heads: list[str] = []
    for name in frame.columns[:2]:
        if frame.schema[name] not in (pl.String, pl.Date) or tables.reads_as_numbers(frame[name]):
            break
        heads.append(name)
        if not frame[name].is_duplicated().any():
            break
    return heads


def _folded(items: list[str], total: int) -> str:
    first, rest = items[:FIRST], items[FIRST:]
    shown = f"<ol>{_LINE.join(first)}</ol>"
    if not rest:
        return shown
    of = f"{text.count(len(items))} of {text.count(total)} rows; the CSV holds all."
    below = f"<p>{of}</p>" if total > len(items) else ""
    more = f'<ol start="{FIRST + 1}">{_LINE.join(rest)}</ol>'
    return f"{shown}<details><summary>{len(rest)} more</summary>{more}{below}</details>"


def _who(protocol: str | None, name: str | None, link: Link | None) -> str:
    shown = text.html(text.short(name or protocol or _NOTHING, 60))
    if link is None or protocol is None:
        return shown
    return f'<a href="{text.html(link(protocol))}" target="_self">{shown}</a>'


def _told(values: pl.Series, label: str) -> Callable[[Any], str]:
    """Return how a value stands there with its heading; the unit is the value's, words may wrap."""
    title, write = text.html(re.sub(r",? ?USD m$", "", label)), _writer(values)
    kind = "words" if values.dtype == pl.String and not tables.reads_as_numbers(values) else "number"
    if kind == "words":  # where nothing is said a number is not defined; a word is just not needed
        return lambda value: "" if value is None else f"<span>{title} <b>{write(value)}</b></span>"
    return lambda value: f'<span class="number">{title} <b>{write(value)}</b></span>'


def _writer(values: pl.Series) -> Callable[[Any], str]:
    """Return how the values of a column are written: as in every sentence of the page."""
    if values.dtype == pl.Boolean or not values.dtype.is_numeric():
        return _word
    sign = tables.shows_sign(values)
    if tables.in_percent(values.name):
        return partial(_number, partial(_percent, sign))
    if values.name.endswith("_usd"):
        return partial(_number, partial(text.usd, sign=sign))
    return partial(_number, partial(text.count if values.dtype.is_integer() else text.number, sign=sign))


def _number(write: Callable[[float], str], value: float | None) -> str:
    return _NOTHING if value is None or not math.isfinite(value) else text.html(write(value))


def _percent(sign: bool, share: float) -> str:
    """Write a share with as many decimals as the grid: 99.95 % is not 100 %."""
    if abs(share) < LEAST_WRITTEN:
        return text.percent(share, sign=sign)
    return f"{share:{'+' if sign else ''}.2%}".replace("-", text.MINUS).replace("%", " %")


def _word(value: object) -> str:
    if value is None:
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if isinstance(value, dt.date) else text.html(text.short(str(value), 120))
