"""Checked holdings on their way into snapshots.

A snapshot takes, of every (protocol, chain), the balances of its last observed date in the period; a protocol without
an observation in a period is absent from its snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from dexposure_core.network.period import finding
from dexposure_core.network.sums import sum_by
from dexposure_core.sources.border import SourceFile, refuse
from dexposure_core.sources.columns import Rows
from dexposure_core.sources.duplicates import Duplicates, one_per_key
from dexposure_core.sources.feed import Frequency, HoldingsFeed, of_whole_input, period_end
from dexposure_core.sources.known import describe
from dexposure_core.sources.spool import Spool

_KEY: Final = ("date", "protocol", "chain", "token")
_TOKENS: Final = {"token": pl.String, "usd": pl.Float64}


class Pile:
    """Takes rows (line, date, protocol, chain, token, quantity, value_usd) in any order; settles them into snapshots.

    Attributes:
        spool: where the rows are.
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

    def feed(
        self,
        sources: Iterable[SourceFile],
        rows: Rows,
        *,
        duplicates: Duplicates,
        known: pl.DataFrame | None = None,
        issuers: pl.DataFrame | None = None,
        findings: Sequence[dict[str, object]] = (),
    ) -> HoldingsFeed:
        """Settle all rows and return the snapshots.

        Args:
            sources: receipts of the files read.
            rows: names the file and the word for its rows.
            duplicates: "refuse" or "sum" rows that repeat (date, protocol, chain, token).
            known: protocol, name, category, sector, symbol and perhaps tvl_usd, as far as known.
            issuers: token, issuer, as far as known.
            findings: what was found while reading.

        Raises:
            BadInput: if there are no rows, or naming the lines of a repeated one when they are refused.
        """
        if not self.rows:
            refuse(rows.file, "", "holds no rows", "export or save the file again")
        found = [*findings, *self._settle(rows, duplicates)]
        return HoldingsFeed(
            sources=tuple(sources),
            frequency=self._frequency,
            dates=self.spool.dates,
            protocols=describe(self._protocols["protocol"].sort(), known),
            tokens=self._tokens_with(issuers),
            findings=of_whole_input(found),
            load=self.spool.load,
        )

    def _settle(self, rows: Rows, duplicates: Duplicates) -> list[dict[str, object]]:
        """Refuse or sum duplicates, keep the last observation of each period; return findings on what was left out."""
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

    def _tokens_with(self, issuers: pl.DataFrame | None) -> pl.DataFrame:
        if issuers is None:
            return self._tokens.with_columns(issuer=pl.lit(None, dtype=pl.String))
        return self._tokens.join(issuers, on="token", how="left", maintain_order="left")


def _last_observed(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of each (protocol, chain)'s last date in each period."""
    if rows.select("period", "date").n_unique() == rows["period"].n_unique():
        return rows
    return rows.filter(pl.col("date") == pl.col("date").max().over("protocol", "chain", "period"))
