"""Checked holdings on their way into snapshots, from rows in any order: see `settle` for what a snapshot takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from dexposure_core.sources.border import SourceFile, refuse
from dexposure_core.sources.columns import Rows
from dexposure_core.sources.duplicates import Duplicates
from dexposure_core.sources.feed import Frequency, HoldingsFeed, of_whole_input, period_end
from dexposure_core.sources.known import describe
from dexposure_core.sources.settle import Account, combined, left_out, settle
from dexposure_core.sources.spool import Spool


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

    def add(self, frame: pl.DataFrame) -> None:
        """Take a batch of checked rows."""
        self.rows += len(frame)
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
        accounts: list[Account] = []

        def once(month: pl.DataFrame) -> pl.DataFrame:
            balances, account = settle(month, duplicates, rows)
            accounts.append(account)
            return balances

        self.spool.settle(once)
        account = combined(accounts)
        return HoldingsFeed(
            sources=tuple(sources),
            frequency=self._frequency,
            dates=self.spool.dates,
            protocols=describe(account.protocols, known),
            tokens=tokens_of(account, issuers),
            findings=of_whole_input([*findings, *left_out(account, rows.file.name, self._frequency)]),
            load=self.spool.load,
        )


def tokens_of(account: Account, issuers: pl.DataFrame | None) -> pl.DataFrame:
    """Return token, usd, issuer (null where not known) of every token of an account."""
    tokens = account.tokens.select("token", usd=pl.col("cents") / 100.0)
    if issuers is None:
        return tokens.with_columns(issuer=pl.lit(None, dtype=pl.String))
    return tokens.join(issuers, on="token", how="left", maintain_order="left")
