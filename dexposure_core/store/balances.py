"""Who holds what: the holdings, exposures and flows of one date."""

from __future__ import annotations

import datetime as dt

import polars as pl

from dexposure_core.store.reader import Reader


class Balances(Reader):
    """Queries about one date's holdings and the exposures they make."""

    def holdings(self, date: dt.date, protocol: str | None = None) -> pl.DataFrame:
        """Return protocol, chain, token, issuer (null: none), quantity (null: unknown), value_usd; largest first."""
        self._check_date(date, "holdings")
        rows = self._on("holdings", date)
        if protocol is not None:
            self._check_protocol(protocol)
            rows = rows.filter(pl.col("protocol") == protocol)
        rows = rows.join(self._tokens.select("token", "issuer"), on="token", how="left")
        columns = ("protocol", "chain", "token", "issuer", "quantity", "value_usd")
        return rows.select(columns).sort("value_usd", *columns[:3], descending=[True, False, False, False])
