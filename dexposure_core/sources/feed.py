"""What a reader hands over: dated holdings or exposures, loaded one snapshot at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from dexposure_core.errors import BadOption
from dexposure_core.network.period import findings_frame
from dexposure_core.sources.border import SourceFile

Frequency = Literal["week", "day", "month"]
FREQUENCIES: Final[tuple[Frequency, ...]] = ("week", "day", "month")


@dataclass(frozen=True, kw_only=True)
class HoldingsFeed:
    """Holdings at every snapshot of a source.

    Attributes:
        sources: receipts of the files read.
        frequency: week (Mondays), day or month (last days).
        dates: snapshot dates, ascending.
        protocols: protocol, name, category, sector, symbol (null when not known); optionally tvl_usd.
        tokens: token, usd (sum of its values over all snapshots), issuer (null when the source does not say).
        findings: date, severity, finding, place, rows, usd, action.
        load: date → protocol, chain, token, quantity, value_usd; zero values included.
    """

    sources: tuple[SourceFile, ...]
    frequency: Frequency
    dates: list[dt.date]
    protocols: pl.DataFrame
    tokens: pl.DataFrame
    findings: pl.DataFrame
    load: Callable[[dt.date], pl.DataFrame]

    def periods(self) -> Iterator[tuple[dt.date, pl.DataFrame]]:
        """Yield each snapshot date with its holdings, ascending; one in memory at a time."""
        for date in self.dates:
            yield date, self.load(date)


@dataclass(frozen=True, kw_only=True)
class EdgesFeed:
    """Exposures at every date of a source.

    Attributes:
        sources: receipts of the files read.
        dates: dates of the edges file, ascending.
        protocols: protocol, name, category, sector.
        findings: date, severity, finding, place, rows, usd, action.
        load: date → (creditor, debtor, exposure_usd) and (protocol, tvl_usd), the latter None without a nodes file.
    """

    sources: tuple[SourceFile, ...]
    dates: list[dt.date]
    protocols: pl.DataFrame
    findings: pl.DataFrame
    load: Callable[[dt.date], tuple[pl.DataFrame, pl.DataFrame | None]]

    def periods(self) -> Iterator[tuple[dt.date, pl.DataFrame, pl.DataFrame | None]]:
        """Yield each date with its exposures and nodes, ascending; one in memory at a time."""
        for date in self.dates:
            edges, nodes = self.load(date)
            yield date, edges, nodes


def period_end(frequency: str, date: pl.Expr) -> pl.Expr:
    """Return the snapshot date a date belongs to: the Monday on or after it, the day itself, or the month's last day.

    Raises:
        BadOption: if the frequency is none of `FREQUENCIES`.
    """
    if frequency == "week":
        return date + pl.duration(days=(8 - date.dt.weekday().cast(pl.Int64)) % 7)
    if frequency == "month":
        return date.dt.month_end()
    if frequency == "day":
        return date
    raise BadOption(f"frequency '{frequency}' does not exist; choose from {', '.join(FREQUENCIES)}")


def of_whole_input(findings: list[dict[str, object]]) -> pl.DataFrame:
    """Return the findings that concern some rows, equal ones as one; date null: they are about the whole input."""
    same = ("severity", "finding", "place", "action")
    usd = pl.when(pl.col("usd").is_not_null().any()).then(pl.col("usd").sum())
    frame = findings_frame([row for row in findings if row["rows"]])
    frame = frame.group_by(same, maintain_order=True).agg(pl.col("rows").sum(), usd).select(frame.columns)
    return frame.select(pl.lit(None, dtype=pl.Date).alias("date"), pl.all())
