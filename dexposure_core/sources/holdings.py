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
from dexposure_core.network.period import finding
from dexposure_core.progress import Progress, silent
from dexposure_core.sources.border import refuse
from dexposure_core.sources.columns import Dates, Rows, amounts, texts
from dexposure_core.sources.duplicates import Duplicates, one_per_key
from dexposure_core.sources.feed import Frequency, HoldingsFeed, of_whole_input, period_end
from dexposure_core.sources.known import Protocols, describe, read_issuers
from dexposure_core.sources.spool import Spool
from dexposure_core.sources.tabular import Column, Table, open_table

COLUMNS: Final = (
    Column(name="date", optional=True),
    Column(name="protocol_id"),
    Column(name="chain"),
    Column(name="token"),
    Column(name="quantity", optional=True),
    Column(name="value_usd"),
)
_KEY: Final = ["date", "protocol", "chain", "token"]


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
    issuers = None if tokens is None else read_issuers(tokens)
    pile = _Pile(frequency)
    for frame in _checked(table, date, known, progress):
        pile.add(frame)
    if not pile.rows:
        refuse(table.path, "", "holds no rows below its header", "export the file again")
    found = pile.settle(table, duplicates)
    sources = tuple(s for s in (table.source, known and known.source, issuers and issuers[0]) if s)
    return HoldingsFeed(
        sources=sources,
        frequency=frequency,
        dates=pile.spool.dates,
        protocols=pile.protocols(known),
        tokens=pile.tokens(None if issuers is None else issuers[1]),
        findings=of_whole_input(found),
        load=pile.spool.load,
    )


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


class _Pile:
    """Checked rows on their way into snapshots, with what must be known of all of them: protocols and tokens."""

    def __init__(self, frequency: Frequency) -> None:
        self._frequency = frequency
        self.spool = Spool()
        self.rows = 0
        self._protocols = pl.DataFrame(schema={"protocol": pl.String})
        self._tokens = pl.DataFrame(schema={"token": pl.String, "usd": pl.Float64})

    def add(self, frame: pl.DataFrame) -> None:
        """Take a batch of checked rows."""
        self.rows += len(frame)
        self._protocols = pl.concat([self._protocols, frame.select("protocol")]).unique()
        self.spool.append(frame.with_columns(period_end(self._frequency, pl.col("date")).alias("period")))

    def settle(self, table: Table, duplicates: Duplicates) -> list[dict[str, object]]:
        """Refuse or sum duplicates, keep the last observation of each period; return what was left out."""
        earlier = summed = 0

        def once(month: pl.DataFrame) -> pl.DataFrame:
            nonlocal earlier, summed
            single = one_per_key(month, _KEY, ["quantity", "value_usd"], duplicates, Rows(table.path, 0, table.word))
            last = single.filter(pl.col("date") == pl.col("date").max().over("protocol", "chain", "period"))
            summed, earlier = summed + len(month) - len(single), earlier + len(single) - len(last)
            usd = last.group_by("token").agg(pl.col("value_usd").sum().alias("usd"))
            self._tokens = pl.concat([self._tokens, usd]).group_by("token").agg(pl.col("usd").sum())
            kept = last.select("period", "protocol", "chain", "token", "quantity", "value_usd")
            return kept.sort("period", "protocol", "chain", "token")

        self.spool.settle(once)
        name, action = table.path.name, f"not used at frequency {self._frequency}"
        return [
            finding("warning", "duplicate rows", place=name, rows=summed, action="summed"),
            finding("info", "observations before their period's last", place=name, rows=earlier, action=action),
        ]

    def protocols(self, known: Protocols | None) -> pl.DataFrame:
        """Return protocol, name, category, sector, symbol of every protocol that occurs."""
        return describe(self._protocols["protocol"].sort(), None if known is None else known.frame)

    def tokens(self, issuers: pl.DataFrame | None) -> pl.DataFrame:
        """Return token, usd, issuer of every token that occurs."""
        frame = self._tokens.sort("token")
        if issuers is None:
            return frame.with_columns(issuer=pl.lit(None, dtype=pl.String))
        return frame.join(issuers, on="token", how="left", maintain_order="left")
