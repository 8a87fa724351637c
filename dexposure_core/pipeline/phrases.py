"""Plain words for what moved: where a value stands in its own past, by how much it moved, and by which cause."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Final

import polars as pl

from dexposure_core.pipeline.changes import PARTS
from dexposure_core.pipeline.indicators import Position
from dexposure_core.pipeline.numbers import change, ordinal, span

_CAUSES: Final = {
    "price": "by price", "quantity": "by quantity", "entry": "an entry", "exit": "an exit",
    "mapping": "by another issuer in the mapping",
}  # fmt: skip
PERIODS = ("day", "week", "month", "quarter", "year")


def period(frequency: str) -> str:
    """Return what lies between two snapshots, in words: week, day, month or period."""
    return frequency if frequency in PERIODS else "period"


def system_tvl(period: str, basis: str) -> str:
    """Return what system TVL is called on a basis: beside flows it is that of the period's start, before them."""
    return f"system TVL at the start of the {period}" if basis == "flow" else "system TVL"


def standing(position: Position, on: dt.date) -> str:
    """Say where a value stands in its own window: `88th percentile of two years`, `highest in 14 months`."""
    if not math.isfinite(position.percentile):
        return "no history to compare with"
    days = (on - position.since).days
    length = "two years" if days > 700 else span(days)
    if position.level >= position.high:
        return f"highest in {length}"
    if position.level <= position.low:
        return f"lowest in {length}"
    return f"{ordinal(min(99, max(1, round(100 * position.percentile))))} percentile of {length}"


def moved(position: Position) -> str:
    """Say the change since the previous snapshot, in the unit's way."""
    return change(position.level, position.previous, position.indicator.unit)


def rarity(position: Position, on: dt.date, period: str) -> str:
    """Say how rare the last change is: `largest weekly move in 14 months`, of either sign, as the history has it."""
    value = pl.col("value").cast(pl.Float64).fill_nan(None)
    moves = position.history.sort("date").select("date", value.diff().abs().alias("move"))
    before = moves.filter(pl.col("date") < on).drop_nulls()
    as_large = before.filter(pl.col("move") >= abs(position.change))["date"].to_list()
    word = {"day": "daily ", "week": "weekly ", "month": "monthly "}.get(period, "")
    if as_large:
        return f"largest {word}move in {span((on - as_large[-1]).days)}"
    return "unusual move" if before.is_empty() else f"largest {word}move on record"


def cause(row: Mapping[str, object]) -> str:
    """Name the largest part of a change: price, quantity, entry, exit or mapping; empty when the split is not known."""
    parts = {name.removesuffix("_usd"): row.get(name, 0.0) for name in PARTS}
    known = {name: float(v) for name, v in parts.items() if isinstance(v, int | float) and v == v}
    if len(known) < len(parts) or not any(known.values()):
        return ""
    best = max(known, key=lambda n: abs(known[n]))
    return _CAUSES[best]
