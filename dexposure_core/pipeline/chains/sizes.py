"""What is on each chain on each date: the one small table from which choices of chains are offered and dated."""

from __future__ import annotations

from typing import Final

import polars as pl

from dexposure_core.network.chains import chain_name
from dexposure_core.store import Store

SCHEMA: Final = pl.Schema({
    "date": pl.Date(), "chain": pl.String(), "counts": pl.Boolean(), "protocols": pl.Int64(), "rows": pl.Int64(),
    "tvl_usd": pl.Float64(),
})  # fmt: skip


def sizes(store: Store) -> pl.DataFrame:
    """Return date, chain ('' not stated), counts, protocols, rows, tvl_usd: every chain of every date."""
    return store.table("chains").select(list(SCHEMA))


def names(store: Store) -> tuple[str, ...]:
    """Return the names of all chains on any date, the one with most USD at its last date first."""
    last = sizes(store).sort("date").group_by("chain").agg(pl.last("tvl_usd", "date"))
    ordered = last.sort(["date", "tvl_usd", "chain"], descending=[True, True, False])
    return tuple(chain_name(name) for name in ordered["chain"])
