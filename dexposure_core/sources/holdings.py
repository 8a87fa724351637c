"""Holdings tables: CSV or Parquet rows (date, protocol_id, chain, token, quantity, value_usd), up to tens of millions.

Every row is checked once, and what a snapshot takes of them is decided (see `settle`), before anything is built. A
Parquet table in date order is then read again where it lies, date by date; any other table is dealt into months first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from dexposure_core.errors import BadOption
from dexposure_core.progress import Progress, silent
from dexposure_core.settings import processors
from dexposure_core.sources.border import SourceFile
from dexposure_core.sources.columns import Dates, Rows, amounts, texts
from dexposure_core.sources.control import Control, Mended, distinct
from dexposure_core.sources.duplicates import Duplicates
from dexposure_core.sources.feed import Frequency, HoldingsFeed, of_whole_input, period_end
from dexposure_core.sources.known import Protocols, describe, read_issuers
from dexposure_core.sources.ordered import Ordered, Periods, ordered
from dexposure_core.sources.pile import Pile, tokens_of
from dexposure_core.sources.settle import Account, combined, left_out, settle
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
    reading = _Reading(table, date, known, duplicates)
    lying = ordered(table, frequency)
    if lying is not None:
        return _where_it_lies(reading, lying, frequency, receipts, issuers, progress)
    pile, done, found = Pile(frequency), 0, list[Mended]()
    for rows, raw in table.batches():
        frame, mended = reading.check(rows, raw)
        pile.add(frame)
        found += mended
        done += len(raw)
        progress(done, 0, "reading holdings")
    return pile.feed(
        receipts, Rows(table.path, 0, table.word), duplicates=duplicates, known=None if known is None else known.frame,
        issuers=issuers, findings=distinct(found, reading.names),
    )  # fmt: skip


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


class _Reading:
    """Checks raw rows of one table, batch by batch."""

    def __init__(self, table: Table, date: dt.date | None, known: Protocols | None, duplicates: Duplicates) -> None:
        self.table, self.known, self.duplicates = table, known, duplicates
        self._date, self._dates = date, Dates()

    def check(self, rows: Rows, raw: pl.DataFrame) -> tuple[pl.DataFrame, list[Mended]]:
        """Return line, date, protocol, chain, token, quantity, value_usd (and `period` if there), and mended names.

        Raises:
            BadInput: naming the first row that cannot be a holding.
        """
        control = Control()
        days = (
            self._dates.check(raw["date"], "date", rows)
            if self._date is None
            else pl.repeat(self._date, len(raw), dtype=pl.Date, eager=True)
        )
        protocol = texts(raw["protocol_id"], "protocol_id", rows, mend=control.mend)
        if self.known is not None:
            self.known.require(protocol, rows)
        columns = {
            "line": pl.int_range(rows.first, rows.first + len(raw), eager=True),
            "date": days,
            "protocol": protocol,
            "chain": texts(raw["chain"], "chain", rows, nullable=True, mend=control.mend),
            "token": texts(raw["token"], "token", rows, mend=control.mend),
            "quantity": _quantity(raw, rows),
            "value_usd": amounts(raw["value_usd"], "value_usd", rows),
        }
        given = {name: raw[name] for name in ("line", "period") if name in raw.columns}
        return pl.DataFrame(columns | given), control.mended

    def names(self, column: str) -> pl.Series:
        """Return every text of a column as it stands in the file."""
        return self.table.scan().select(pl.col(column).cast(pl.String).unique()).collect()[column]


def _where_it_lies(
    reading: _Reading, lying: Ordered, frequency: Frequency, receipts: list[SourceFile], issuers: pl.DataFrame | None,
    progress: Progress,
) -> HoldingsFeed:  # fmt: skip
    """Check a table in date order part by part; its snapshots are read from it again when they are asked for."""
    table, place = reading.table, Rows(reading.table.path, 0, reading.table.word)

    def settled(periods: Periods) -> tuple[pl.DataFrame, Account, list[Mended]]:
        frame, mended = reading.check(*lying.read(periods))
        return *settle(frame, reading.duplicates, place), mended

    kinds = table.scan().collect_schema()
    numeric = all(kinds[name].is_numeric() for name in ("quantity", "value_usd") if name in kinds)
    accounts, found, plain = list[Account](), list[Mended](), dict[dt.date, bool]()
    parts = zip(lying.parts, lying.each(lambda periods: settled(periods)[1:], processors()), strict=True)
    for done, (periods, (account, mended)) in enumerate(parts, 1):
        accounts.append(account)
        found += mended
        plain.update(dict.fromkeys(periods, numeric and account.whole and not mended))
        progress(done, len(lying.parts), "reading holdings")

    def load(period: dt.date) -> pl.DataFrame:
        raw = lying.read([period])[1] if plain[period] else None
        return settled((period,))[0].drop("period") if raw is None else _plain(raw)

    account = combined(accounts)
    findings = [*distinct(found, reading.names), *left_out(account, table.path.name, frequency)]
    return HoldingsFeed(
        sources=tuple(receipts), frequency=frequency, dates=list(plain),
        protocols=describe(account.protocols, None if reading.known is None else reading.known.frame),
        tokens=tokens_of(account, issuers), findings=of_whole_input(findings), load=load,
    )  # fmt: skip


def _plain(raw: pl.DataFrame) -> pl.DataFrame:
    """Return rows that were checked before as balances."""
    quantity = pl.col("quantity") if "quantity" in raw.columns else pl.lit(None)
    return raw.select(
        protocol=pl.col("protocol_id").cast(pl.String), chain=pl.col("chain").cast(pl.String).replace(None, ""),
        token=pl.col("token").cast(pl.String), quantity=quantity.cast(pl.Float64),
        value_usd=pl.col("value_usd").cast(pl.Float64),
    )  # fmt: skip


def _quantity(raw: pl.DataFrame, rows: Rows) -> pl.Series:
    if "quantity" not in raw.columns:
        return pl.repeat(None, len(raw), dtype=pl.Float64, eager=True)
    return amounts(raw["quantity"], "quantity", rows, nullable=True)
