"""The real dataset in figures: what is published about it, and aggregates of reference extracts.

`facts/figures.csv` holds one figure a row: a value, or the range in which it lies. The others are series: monthly TVL
(inferred from public sources), protocols per category, the largest nodes of 2025, and the weekly size of the network,
which is one of the simulator's facts. Nothing in them is a row of the dataset.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from dexposure_core.sources.simulate.facts import load

FOLDER: Final = Path(__file__).parent / "facts"


@dataclass(frozen=True, kw_only=True)
class Real:
    """One real figure: `low` and `high` are equal for a single value and None where nothing is published."""

    low: float | None
    high: float | None
    source: str


@functools.cache
def figures() -> dict[str, Real]:
    """Return every real figure by name."""
    table = pl.read_csv(FOLDER / "figures.csv", schema_overrides={"low": pl.Float64, "high": pl.Float64})
    return {row.pop("figure"): Real(**row) for row in table.to_dicts()}


@functools.cache
def weekly() -> pl.DataFrame:
    """Return date, nodes, edges of all 283 published networks (repeated links counted)."""
    return load().growth.rename({"day": "date"})


@functools.cache
def tvl_path() -> dict[dt.date, float]:
    """Return the system's TVL in USD on the first of each month."""
    table = pl.read_csv(FOLDER / "tvl.csv", try_parse_dates=True, schema_overrides={"busd": pl.Float64})
    return {day: 1e9 * value for day, value in table.iter_rows()}


@functools.cache
def category_shares() -> dict[str, float]:
    """Return the share of each named category among the named ones."""
    table = pl.read_csv(FOLDER / "categories.csv", schema_overrides={"protocols": pl.Float64})
    total = float(table["protocols"].sum())
    return {name: count / total for name, count in table.iter_rows()}


@functools.cache
def largest_nodes() -> frozenset[str]:
    """Return the protocols most often among the ten largest of 2025: ten, and one more that ties with the tenth."""
    return frozenset(pl.read_csv(FOLDER / "top.csv", infer_schema=False)["protocol"].to_list())
