"""Holdings tables: CSV or Parquet rows (date, protocol_id, chain, token, quantity, value_usd), up to tens of millions.

One pass checks every row and deals it into months; a second looks at each month once: duplicates, and per (protocol,
chain) the last observed date of every period. Balances are taken as they stand on that date; a protocol without an
observation in a period is absent from its snapshot.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import polars as pl

from dexposure_core.errors import BadOption
from dexposure_core.progress import Progress, silent
from dexposure_core.sources.columns import Dates, Rows, amounts, texts
from dexposure_core.sources.duplicates import Duplicates
from dexposure_core.sources.feed import Frequency, HoldingsFeed, period_end
from dexposure_core.sources.known import Protocols, read_issuers
from dexposure_core.sources.pile import Pile
from dexposure_core.sources.tabular import Column, Table, open_table

COLUMNS: Final = (
    Column(name="date", optional=True),
    Column(name="protocol_id"),
    Column(name="chain"),
    Column(name="token"),
    Column(name="quantity", optional=True),
    Column(name="value_usd"),
)


def read(
    path: str | Path,
    *,
    frequency: Frequency = "week",
    columns: Mapping[str, str] | None = None,
    date: dt.date | None = None,
    duplicates: Duplicates = "refuse",
    protocols: str | Path | None = None,
    tokens: str | Path | None = None,
    progress: Progress = silent,
) -> HoldingsFeed:
    """Check a holdings table and return its snapshots.

    Args:
        path: CSV or Parquet with date, protocol_id, chain, token, quantity (optional), value_usd.
        frequency: week (Mondays; a Monday closes the seven days up to it), day, or month (last days).
        columns: wanted name → the file's own column name.
        date: the date of every row, for a file without a date column.
        duplicates: "refuse" rows that repeat (date, protocol, chain, token), or "sum" them.
        protocols: optional table protocol_id, name, category, sector, symbol; ids outside it are refused.
        tokens: optional table token, issuer.
        progress: told of the rows read.

    Raises:
        BadInput: naming file, line and remedy for whatever is wrong with a row, or when there are no rows.
        BadOption: for an unknown frequency, column name or way with duplicates, or a date given twice over.
    """
    period_end(frequency, pl.col("date"))
    table = _open(path, columns, date)
    known = None if protocols is None else Protocols(protocols)
    receipts = [table.source] if known is None else [table.source, known.source]
    issuers = None
    if tokens is not None:
        receipt, issuers = read_issuers(tokens)
        receipts.append(receipt)
    pile = Pile(frequency)
    for frame in _checked(table, date, known, progress):
        pile.add(frame)
    rows, names = Rows(table.path, 0, table.word), None if known is None else known.frame
    return pile.feed(receipts, rows, duplicates=duplicates, known=names, issuers=issuers)


def _open(path: str | Path, columns: Mapping[str, str] | None, date: dt.date | None) -> Table:
    table = open_table(path, COLUMNS, columns)
    if date is None and "date" not in table.names:
        required = [Column(name="date") if c.name == "date" else c for c in COLUMNS]
        return open_table(path, required, columns)
    if date is not None and "date" in table.names:
        raise BadOption(
            f"--date {date}: {table.path.name} has its own column '{table.names['date']}'; leave --date out"
        )
    return table


def _checked(table: Table, date: dt.date | None, known: Protocols | None, progress: Progress) -> Iterator[pl.DataFrame]:
    dates, done = Dates(), 0
    for rows, raw in table.batches():
        days = (
            dates.check(raw["date"], "date", rows)
            if date is None
            else pl.repeat(date, len(raw), dtype=pl.Date, eager=True)
        )
        protocol = texts(raw["protocol_id"], "protocol_id", rows)
        if known is not None:
            known.require(protocol, rows)
        yield pl.DataFrame(
            {
                "line": pl.int_range(rows.first, rows.first + len(raw), eager=True),
                "date": days,
                "protocol": protocol,
                "chain": texts(raw["chain"], "chain", rows, nullable=True),
                "token": texts(raw["token"], "token", rows),
                "quantity": _quantity(raw, rows),
                "value_usd": amounts(raw["value_usd"], "value_usd", rows),
            }
        )
        done += len(raw)
        progress(done, 0, "reading holdings")


def _quantity(raw: pl.DataFrame, rows: Rows) -> pl.Series:
    if "quantity" not in raw.columns:
        return pl.repeat(None, len(raw), dtype=pl.Float64, eager=True)
    return amounts(raw["quantity"], "quantity", rows, nullable=True)
