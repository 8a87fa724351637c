"""What the checks read: the small tables of a vintage, and its holdings one week after the other.

The holdings are read once, in date order, whatever the number of checks: a check that needs them is a `Watch`, which
is shown every week with the week before. All else is computed from tables that fit in memory.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import polars as pl

from dexposure_core.network.health import counted
from dexposure_core.network.health_prices import token_prices
from dexposure_core.network.sums import total
from dexposure_core.progress import Progress, silent
from dexposure_core.store import Store


class Week:
    """The holdings of one date that count, and what several checks want to know of them."""

    def __init__(self, date: dt.date, holdings: pl.DataFrame, before: Week | None) -> None:
        self.date = date
        self.holdings = holdings
        self.before = before
        self._sums: dict[tuple[str, ...], pl.DataFrame] = {}

    @cached_property
    def system_usd(self) -> float:
        """The system's TVL."""
        return total(self.holdings["value_usd"])

    @cached_property
    def prices(self) -> pl.DataFrame:
        """token, low, high, holders, usd of the tokens with quantities (see `network.health_prices`)."""
        return token_prices(self.holdings)

    def by(self, *keys: str) -> pl.DataFrame:
        """Return keys and usd, the sum of the holdings' values; computed once for all who ask."""
        if keys not in self._sums:
            self._sums[keys] = self.holdings.group_by(keys).agg(usd=pl.sum("value_usd"))
        return self._sums[keys]


class Watch(Protocol):
    """A check that reads the holdings: shown every week, then asked what it found."""

    def see(self, week: Week) -> None:
        """Look at one week; dates ascend."""

    def findings(self) -> pl.DataFrame:
        """Return FINDING rows."""


@dataclass(frozen=True)
class Material:
    """A vintage as the checks see it.

    Args:
        store: the vintage.
        since: first date whose findings are wanted; None: all. Histories before it still serve as the yardstick.
    """

    store: Store
    since: dt.date | None = None

    @cached_property
    def dates(self) -> list[dt.date]:
        """The snapshot dates of the holdings basis, or of the flow basis where there are no others."""
        return self.store.dates("holdings") or self.store.dates("flow")

    @cached_property
    def sizes(self) -> pl.DataFrame:
        """date, protocol, tvl_usd of every protocol with TVL above 0, by protocol and date."""
        basis = self.store.bases()[0]
        nodes = self.store.node_history(basis).filter(pl.col("tvl_usd") > 0)
        return nodes.select("date", "protocol", "tvl_usd").sort("protocol", "date")

    def sizes_on(self, date: dt.date) -> pl.DataFrame:
        """Return protocol, tvl_usd of one date."""
        part = self._sizes_by_date.get((date,))
        return self.sizes.clear().drop("date") if part is None else part

    @cached_property
    def _sizes_by_date(self) -> dict[tuple[object, ...], pl.DataFrame]:
        return self.sizes.partition_by("date", as_dict=True, include_key=False)

    def totals(self, table: str, amount: str) -> pl.DataFrame:
        """Return date, usd: the sum of a column of a dated table on every date."""
        rows = pl.scan_parquet(self.store.parquet_paths(table), glob=False)
        return rows.group_by("date").agg(usd=pl.sum(amount)).sort("date").collect(engine="streaming")

    @cached_property
    def systems(self) -> pl.DataFrame:
        """date, system_usd (TVL of all protocols), place (number of the date), by date."""
        sums = self.sizes.group_by("date").agg(system_usd=pl.sum("tvl_usd"))
        calendar = pl.DataFrame({"date": self.dates}, schema={"date": pl.Date}).with_row_index("place")
        return calendar.join(sums, on="date", how="left", maintain_order="left").with_columns(
            pl.col("system_usd").fill_null(0.0), pl.col("place").cast(pl.Int64)
        )

    @cached_property
    def names(self) -> dict[str, str]:
        """Name of every protocol, by id."""
        return dict(self.store.protocols().select("protocol", "name").iter_rows())

    def name_of(self, column: str = "protocol") -> pl.Expr:
        """Return the names of the protocols in a column; the id where there is none."""
        return pl.col(column).replace_strict(self.names, default=pl.col(column), return_dtype=pl.String)

    @cached_property
    def tokens(self) -> pl.DataFrame:
        """The tokens table."""
        return self.store.tokens()

    @cached_property
    def coverage(self) -> pl.DataFrame:
        """The coverage table."""
        return self.store.coverage()

    @cached_property
    def has_holdings(self) -> bool:
        """Whether the vintage has holdings (one made from exposures has none)."""
        return self.store.manifest.rows["holdings"] > 0

    @cached_property
    def has_quantities(self) -> bool:
        """Whether any holding has a quantity."""
        if not self.has_holdings:
            return False
        return bool(self.store.holdings(self.dates[-1])["quantity"].is_not_null().any())

    def wanted(self, found: pl.DataFrame) -> pl.DataFrame:
        """Return the findings of the dates asked for; those without a date always."""
        if self.since is None:
            return found
        return found.filter(pl.col("date").is_null() | (pl.col("date") >= self.since))

    def weeks(self, progress: Progress = silent) -> Iterator[Week]:
        """Yield every week from the one before `since` on, each with the one before it."""
        first = next((place for place, date in enumerate(self.dates) if self.since and date >= self.since), 0)
        dates = self.dates[max(0, first - 1) :]
        before: Week | None = None
        for done, (date, holdings) in enumerate(self.holdings(dates[0]) if dates else (), 1):
            week = Week(date, holdings, before)
            yield week
            week.before = None
            before = week
            progress(done, len(dates), f"checking {date}")

    def holdings(self, start: dt.date) -> Iterator[tuple[dt.date, pl.DataFrame]]:
        """Yield each date from `start` on with what counts: protocol, chain, token, issuer, quantity, value_usd."""
        issuers = self.tokens.select("token", "issuer")
        for path in self.store.parquet_paths("holdings"):
            rows = pl.read_parquet(path, glob=False).filter(pl.col("date") >= start)
            known = counted(rows).join(issuers, on="token", how="left", maintain_order="left")
            for (date,), part in known.partition_by("date", as_dict=True, include_key=False).items():
                yield date, part.select("protocol", "chain", "token", "issuer", "quantity", "value_usd")
