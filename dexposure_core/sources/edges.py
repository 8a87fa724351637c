"""Exposure tables: CSV or Parquet rows (date, creditor, debtor, exposure_usd), and optionally the nodes of each date.

Any network of exposures will do (weekly protocols, quarterly banks, yearly countries): dates are taken as they stand.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import polars as pl

from dexposure_core.network.period import finding
from dexposure_core.progress import Progress, silent
from dexposure_core.sources.border import refuse, shown
from dexposure_core.sources.columns import Dates, Rows, amounts, texts
from dexposure_core.sources.duplicates import Duplicates, one_per_key
from dexposure_core.sources.feed import EdgesFeed, of_whole_input
from dexposure_core.sources.known import describe
from dexposure_core.sources.spool import Spool
from dexposure_core.sources.tabular import Column, Table, open_table

COLUMNS: Final = (
    Column(name="date"),
    Column(name="creditor", aliases=("source",)),
    Column(name="debtor", aliases=("target",)),
    Column(name="exposure_usd", aliases=("value", "weight")),
)
NODE_COLUMNS: Final = (
    Column(name="date"),
    Column(name="protocol_id", aliases=("protocol", "id")),
    Column(name="tvl_usd"),
    Column(name="sector", optional=True),
    Column(name="name", optional=True),
)
FIRST_DATE: Final = dt.date(1900, 1, 1)
"""Banks and countries are older than blockchains."""
_KNOWN: Final = {"protocol": pl.String, "sector": pl.String, "name": pl.String}
_KEY: Final = ["date", "creditor", "debtor"]


def read(
    path: str | Path,
    *,
    nodes: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    duplicates: Duplicates = "refuse",
    progress: Progress = silent,
) -> EdgesFeed:
    """Check an exposures table, and its nodes table if there is one, and return its dates.

    Args:
        path: CSV or Parquet with date, creditor (or source), debtor (or target), exposure_usd (or value, weight).
        nodes: CSV or Parquet with date, protocol_id, tvl_usd, and optionally sector and name.
        columns: wanted name → the edges file's own column name.
        duplicates: "refuse" rows that repeat (date, creditor, debtor), or "sum" them.
        progress: told of the rows read.

    Raises:
        BadInput: naming file, line and remedy for whatever is wrong with a row, an exposure to oneself among it, when
            there are no rows, or when the nodes file lacks an end of an exposure.
        BadOption: for an unknown column name or way with duplicates.
    """
    table = open_table(path, COLUMNS, columns)
    spool = Spool()
    ids = _fill(spool, _checked(table, progress), table)
    summed = _settle(spool, table, _KEY, "exposure_usd", duplicates)
    found = finding("warning", "duplicate rows", place=table.path.name, rows=summed, action="summed")
    there = None if nodes is None else _Nodes(nodes, progress)
    if there is not None:
        ids = pl.concat([ids, there.known["protocol"]]).unique()
    return EdgesFeed(
        sources=(table.source,) if there is None else (table.source, there.table.source),
        dates=spool.dates,
        protocols=describe(ids.sort(), None if there is None else there.known).drop("symbol"),
        findings=of_whole_input([found]),
        load=_Loader(spool, table, there),
    )


def _fill(spool: Spool, frames: Iterator[pl.DataFrame], table: Table) -> pl.Series:
    """Spool all rows; return the ids that occur as an end."""
    ids = pl.Series("protocol", [], dtype=pl.String)
    for frame in frames:
        ends = [frame[c].alias("protocol").unique() for c in frame.columns if frame[c].dtype == pl.String]
        ids = pl.concat([ids, *ends]).unique()
        spool.append(frame.with_columns(period=pl.col("date")))
    if not len(ids):
        refuse(table.path, "", "holds no rows below its header", "export the file again")
    return ids


def _settle(spool: Spool, table: Table, key: list[str], value: str, duplicates: Duplicates) -> int:
    summed = 0

    def once(month: pl.DataFrame) -> pl.DataFrame:
        nonlocal summed
        single = one_per_key(month, key, [value], duplicates, Rows(table.path, 0, table.word))
        summed += len(month) - len(single)
        return single.drop("date").sort("period", *key[1:])

    spool.settle(once)
    return summed


def _checked(table: Table, progress: Progress) -> Iterator[pl.DataFrame]:
    dates, done = Dates(FIRST_DATE), 0
    for rows, raw in table.batches():
        creditor, debtor = texts(raw["creditor"], "creditor", rows), texts(raw["debtor"], "debtor", rows)
        rows.require(creditor == debtor, creditor, "debtor", "is exposed to itself", "remove the row")
        usd = amounts(raw["exposure_usd"], "exposure_usd", rows)
        yield pl.DataFrame(
            {
                "line": pl.int_range(rows.first, rows.first + len(raw), eager=True),
                "date": dates.check(raw["date"], "date", rows),
                "creditor": creditor,
                "debtor": debtor,
                "exposure_usd": usd,
            }
        )
        done += len(raw)
        progress(done, 0, "reading exposures")


class _Nodes:
    """A nodes file, spooled like the edges.

    Attributes:
        table: the checked file.
        spool: protocol, tvl_usd (and line) by date.
        known: protocol, sector, name as given last (null where the file says nothing).
    """

    def __init__(self, path: str | Path, progress: Progress) -> None:
        self.table = open_table(path, NODE_COLUMNS)
        self.spool = Spool()
        self.known = pl.DataFrame(schema=_KNOWN)
        _fill(self.spool, self._checked(progress), self.table)
        _settle(self.spool, self.table, ["date", "protocol"], "tvl_usd", "refuse")

    def _checked(self, progress: Progress) -> Iterator[pl.DataFrame]:
        dates, done = Dates(FIRST_DATE), 0
        for rows, raw in self.table.batches():
            protocol = texts(raw["protocol_id"], "protocol_id", rows)
            given = [texts(raw[c], c, rows, nullable=True).alias(c) for c in ("sector", "name") if c in raw.columns]
            self._learn(protocol.alias("protocol").to_frame().with_columns(given))
            yield pl.DataFrame(
                {
                    "line": pl.int_range(rows.first, rows.first + len(raw), eager=True),
                    "date": dates.check(raw["date"], "date", rows),
                    "protocol": protocol,
                    "tvl_usd": amounts(raw["tvl_usd"], "tvl_usd", rows),
                }
            )
            done += len(raw)
            progress(done, 0, "reading nodes")

    def _learn(self, frame: pl.DataFrame) -> None:
        texts_given = frame.with_columns(pl.exclude("protocol").replace("", None))
        both = pl.concat([self.known, texts_given], how="diagonal")
        self.known = both.group_by("protocol", maintain_order=True).agg(pl.all().drop_nulls().last())


class _Loader:
    """Loads one date's edges and nodes, and refuses a date whose nodes lack an end of an edge."""

    def __init__(self, edges: Spool, table: Table, nodes: _Nodes | None) -> None:
        self._edges, self._table, self._nodes = edges, table, nodes

    def __call__(self, date: dt.date) -> tuple[pl.DataFrame, pl.DataFrame | None]:
        """Return (creditor, debtor, exposure_usd) and (protocol, tvl_usd) or None."""
        edges = self._edges.load(date)
        if self._nodes is None:
            return edges.drop("line"), None
        nodes = self._nodes.spool.load(date)
        for column in ("creditor", "debtor"):
            lost = edges.join(nodes, left_on=column, right_on="protocol", how="anti").sort("line")
            if len(lost):
                row, name = lost.row(0, named=True), self._nodes.table.path.name
                what = f"{shown(row[column])} is not among the nodes of {date} in {name}"
                remedy = "add it to the nodes file or leave the nodes file out"
                refuse(self._table.path, f"{self._table.word} {row['line']}, column {column}", what, remedy)
        return edges.drop("line"), nodes.drop("line")
