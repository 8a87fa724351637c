"""What an engine is given: the holdings of every date, who issues the tokens, and what the protocols are called."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from dexposure_core.pipeline.building.week import Tables

Rows = Iterator[tuple[dt.date, pl.DataFrame]]


@dataclass(frozen=True, kw_only=True)
class Weeks:
    """The weeks of a build.

    Attributes:
        dates: snapshot dates, ascending.
        rows: yields every date, ascending, with its protocol, chain, token, quantity, value_usd.
        tokens: the tokens table: token, issuer, method.
        names: protocol, name, category, sector.
        chains: which chains count; see `network.build.from_holdings`.
        files: Parquet files that hold the same rows and their `date`, for engines that read themselves; none: they
            must be written first.
    """

    dates: Sequence[dt.date]
    rows: Callable[[], Rows]
    tokens: pl.DataFrame
    names: pl.DataFrame
    chains: str = "default"
    files: Sequence[Path] = ()


Engine = Callable[[Weeks], Iterator[Tables]]
