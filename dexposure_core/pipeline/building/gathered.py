"""What a build must remember of all its weeks: names, issuers, sizes. Weeks add rows; now and then they are reduced.

The latest word on a protocol's name and on a token's issuer counts; a week that does not know an issuer says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import polars as pl

from dexposure_core.network.period import ISSUERS as ISSUER_COLUMNS
from dexposure_core.network.period import PROTOCOLS
from dexposure_core.pipeline.building.week import ISSUERS, NAMES, SIZES, Tables

_USD: Final = pl.Schema({"token": pl.String, "usd_cents": pl.Int64})
_WAITING: Final = 30_000
"""Rows that wait to be reduced: few enough to be small, enough to make reducing rare."""


class _Pile:
    """Rows in the order they came, reduced when there are many; `reduce` of reduced and new rows is that of all."""

    def __init__(self, schema: pl.Schema, reduce: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        self._parts, self._waiting, self._reduce = [pl.DataFrame(schema=schema)], 0, reduce

    def add(self, rows: pl.DataFrame) -> None:
        self._parts.append(rows)
        self._waiting += rows.height
        if self._waiting >= _WAITING:
            self.reduced()

    def reduced(self) -> pl.DataFrame:
        self._parts, self._waiting = [self._reduce(pl.concat(self._parts))], 0
        return self._parts[0]


class Gathered:
    """The rows of all weeks so far.

    Attributes:
        links: how many exposures and flows there were.
        coverage: coverage of the latest week; None before the first.
    """

    def __init__(self) -> None:
        self.links = 0
        self.coverage: pl.DataFrame | None = None
        self._names = _Pile(PROTOCOLS, _latest("protocol"))
        self._issuers = _Pile(ISSUER_COLUMNS, _latest("token", "issuer"))
        self._unknown = _Pile(ISSUER_COLUMNS, _first_of_token)
        self._usd = _Pile(_USD, lambda rows: rows.group_by("token").sum())

    def add(self, week: Tables) -> None:
        """Remember what a week says; weeks come in order of date."""
        self.links += week["exposures"].height + week["flows"].height
        self.coverage = week["coverage"]
        self._names.add(week[NAMES])
        self._usd.add(week[SIZES])
        issuers = week[ISSUERS]
        if not issuers.is_empty():
            known = pl.col("issuer").is_not_null()
            self._issuers.add(issuers.filter(known))
            self._unknown.add(issuers.filter(~known))

    def names(self) -> pl.DataFrame:
        """Return protocol, name, category, sector of every protocol, sorted."""
        return self._names.reduced().sort("protocol")

    def usd(self) -> pl.DataFrame:
        """Return token, usd_cents over all weeks."""
        return self._usd.reduced()

    def issuers(self) -> pl.DataFrame:
        """Return token, issuer, method, score, alternatives (other issuers it had, joined by `;`), sorted by token."""
        every = self._issuers.reduced()
        latest = _latest("token")(every)
        others = every.join(latest, on=["token", "issuer"], how="anti").sort("token", "issuer")
        joined = others.group_by("token").agg(alternatives=pl.col("issuer").str.join(";"))
        never = self._unknown.reduced().join(latest, on="token", how="anti")
        table = pl.concat([latest, never]).join(joined, on="token", how="left")
        return table.with_columns(pl.col("alternatives").fill_null("")).sort("token")


def _latest(*key: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return what keeps the last row of each key, in the order of these."""
    return lambda rows: rows.unique(list(key), keep="last", maintain_order=True)


def _first_of_token(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.unique("token", keep="first", maintain_order=True)
