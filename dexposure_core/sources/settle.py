"""From checked rows to the balances of snapshots, part by part, and the account of what that left out.

A snapshot takes, of every (protocol, chain), the balances of its last observed date in the period; a protocol without
an observation in a period is absent from its snapshot. Parts hold whole periods, so that each settles alone; their
accounts add up to the same whatever the parts are, USD in whole cents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from dexposure_core.network.coverage import cents, unusable
from dexposure_core.network.period import finding
from dexposure_core.sources.columns import Rows
from dexposure_core.sources.duplicates import Duplicates, one_per_key

_KEY: Final = ("date", "protocol", "chain", "token")
BALANCES: Final = ("period", "protocol", "chain", "token", "quantity", "value_usd")


@dataclass(frozen=True, kw_only=True)
class Account:
    """What some rows came to.

    Attributes:
        protocols: ids that occur.
        tokens: token, cents (sum of its balances over the snapshots; what is no balance adds nothing), one row each.
        summed: rows that repeated another and were added to it.
        earlier: rows of dates before the last one of their period.
    """

    protocols: pl.Series
    tokens: pl.DataFrame
    summed: int
    earlier: int

    @property
    def whole(self) -> bool:
        """Whether every row became a balance as it stood."""
        return not (self.summed or self.earlier)


def settle(rows: pl.DataFrame, duplicates: Duplicates, place: Rows) -> tuple[pl.DataFrame, Account]:
    """Return the balances (`BALANCES`) of rows that hold whole periods, and their account.

    Args:
        rows: line, date, period, protocol, chain, token, quantity, value_usd.
        duplicates: "refuse" or "sum" rows that repeat (date, protocol, chain, token).
        place: names the file and the word for its rows.

    Raises:
        BadInput: naming the lines of a repeated row when they are refused.
    """
    single = one_per_key(rows, _KEY, ("quantity", "value_usd"), duplicates, place)
    last = _last_observed(single)
    account = Account(
        protocols=rows["protocol"].unique(),
        tokens=last.group_by("token").agg(cents().filter(unusable().is_null()).sum().alias("cents")),
        summed=len(rows) - len(single),
        earlier=len(single) - len(last),
    )
    return last.select(BALANCES), account


def combined(accounts: Iterable[Account]) -> Account:
    """Return the account of several parts."""
    parts = list(accounts)
    tokens = pl.concat([part.tokens for part in parts]).group_by("token").agg(pl.col("cents").sum())
    return Account(
        protocols=pl.concat([part.protocols for part in parts]).unique().sort(),
        tokens=tokens.sort("token"),
        summed=sum(part.summed for part in parts),
        earlier=sum(part.earlier for part in parts),
    )


def left_out(account: Account, file: str, frequency: str) -> list[dict[str, object]]:
    """Return findings on what was summed or not used."""
    action = f"not used at frequency {frequency}"
    return [
        finding("warning", "duplicate rows", place=file, rows=account.summed, action="summed"),
        finding("info", "observations before their period's last", place=file, rows=account.earlier, action=action),
    ]


def _last_observed(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of each (protocol, chain)'s last date in each period."""
    dates, periods = rows["date"].to_physical().to_numpy(), rows["period"].to_physical().to_numpy()
    if len(np.unique(dates)) == len(np.unique(periods)):  # every period has one date
        return rows
    return rows.filter(pl.col("date") == pl.col("date").max().over("protocol", "chain", "period"))
