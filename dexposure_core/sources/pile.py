"""Checked holdings on their way into snapshots.

A snapshot takes, of every (protocol, chain), the balances of its last observed date in the period; a protocol without
an observation in a period is absent from its snapshot.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from dexposure_core.network.period import finding
from dexposure_core.network.sums import sum_by
from dexposure_core.sources.columns import Rows
from dexposure_core.sources.duplicates import Duplicates, one_per_key
from dexposure_core.sources.feed import Frequency, period_end
from dexposure_core.sources.known import describe
from dexposure_core.sources.spool import Spool

_KEY: Final = ("date", "protocol", "chain", "token")
_TOKENS: Final = {"token": pl.String, "usd": pl.Float64}


class Pile:
    """Takes rows (line, date, protocol, chain, token, quantity, value_usd) in any order; settles them into snapshots.

    Attributes:
        spool: the snapshots, by date: protocol, chain, token, quantity, value_usd.
        rows: how many rows were added.
    """

    def __init__(self, frequency: Frequency) -> None:
        self._frequency = frequency
        self.spool = Spool()
        self.rows = 0
        self._protocols = pl.DataFrame(schema={"protocol": pl.String})
        self._tokens = pl.DataFrame(schema=_TOKENS)

    def add(self, frame: pl.DataFrame) -> None:
        """Take a batch of checked rows."""
        self.rows += len(frame)
        self._protocols = pl.concat([self._protocols, frame.select("protocol")]).unique()
        self.spool.append(frame.with_columns(period_end(self._frequency, pl.col("date")).alias("period")))

    def settle(self, rows: Rows, duplicates: Duplicates) -> list[dict[str, object]]:
        """Refuse or sum duplicates, keep the last observation of each period; return findings on what was left out.

        Args:
            rows: names the file and the word for its rows.
            duplicates: "refuse" or "sum".

        Raises:
            BadInput: naming the lines of a repeated (date, protocol, chain, token), when they are refused.
        """
        earlier = summed = 0

        def once(month: pl.DataFrame) -> pl.DataFrame:
            nonlocal earlier, summed
            single = one_per_key(month, _KEY, ("quantity", "value_usd"), duplicates, rows)
            last = _last_observed(single)
            summed, earlier = summed + len(month) - len(single), earlier + len(single) - len(last)
            usd = last.group_by("token", maintain_order=True).agg(pl.col("value_usd").sum().alias("usd"))
            self._tokens = sum_by(pl.concat([self._tokens, usd]), ("token",), ("usd",))
            return last.select("period", "protocol", "chain", "token", "quantity", "value_usd")

        self.spool.settle(once)
        action = f"not used at frequency {self._frequency}"
        return [
            finding("warning", "duplicate rows", place=rows.file.name, rows=summed, action="summed"),
            finding(
                "info", "observations before their period's last", place=rows.file.name, rows=earlier, action=action
            ),
        ]

    def protocols(self, known: pl.DataFrame | None) -> pl.DataFrame:
        """Return protocol, name, category, sector, symbol of every protocol that occurs."""
        return describe(self._protocols["protocol"].sort(), known)

    def tokens(self, issuers: pl.DataFrame | None) -> pl.DataFrame:
        """Return token, usd (summed over all snapshots), issuer of every token that occurs."""
        if issuers is None:
            return self._tokens.with_columns(issuer=pl.lit(None, dtype=pl.String))
        return self._tokens.join(issuers, on="token", how="left", maintain_order="left")


def _last_observed(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of each (protocol, chain)'s last date in each period."""
    if rows.select("period", "date").n_unique() == rows["period"].n_unique():
        return rows
    return rows.filter(pl.col("date") == pl.col("date").max().over("protocol", "chain", "period"))
