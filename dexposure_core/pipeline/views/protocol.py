"""One protocol: who it is, what it holds, who holds its tokens, what happened to it."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from dexposure_core.network import Snapshot
from dexposure_core.store import Store


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A protocol on one date.

    `rank` is by TVL, 1 = largest, 0 when it locks nothing; `tvl_share` is NaN when system TVL is 0.
    """

    protocol: str
    name: str
    sector: str
    category: str
    tvl_usd: float
    tvl_share: float
    rank: int
    of: int
    as_creditor_usd: float
    as_debtor_usd: float
    creditors: int
    debtors: int
    issues: tuple[str, ...]


def identity(store: Store, snapshot: Snapshot, protocol: str) -> Identity:
    """Return who a protocol is on the snapshot's date.

    Raises:
        UnknownProtocol: when it is not in the snapshot.
    """
    row = snapshot.row(protocol)
    tvl = float(snapshot.tvl_usd[row])
    owed, held = snapshot.debtor == row, snapshot.creditor == row
    system = float(snapshot.tvl_usd.sum())
    issued = store.tokens().filter(pl.col("issuer") == protocol)["token"].sort().to_list()
    return Identity(
        protocol=protocol,
        name=str(snapshot.names[row]),
        sector=str(snapshot.sectors[row]),
        category=str(snapshot.categories[row]),
        tvl_usd=tvl,
        tvl_share=tvl / system if system > 0 else math.nan,
        rank=int((snapshot.tvl_usd > tvl).sum()) + 1 if tvl > 0 else 0,
        of=int((snapshot.tvl_usd > 0).sum()),
        as_creditor_usd=float(snapshot.exposure_usd[held].sum()),
        as_debtor_usd=float(snapshot.exposure_usd[owed].sum()),
        creditors=int(owed.sum()),
        debtors=int(held.sum()),
        issues=tuple(issued),
    )


def assets(store: Store, date: dt.date, protocol: str) -> pl.DataFrame:
    """Return token, debtor, debtor_name, value_usd, share: what a protocol holds, over all chains; largest first.

    `debtor` is the token's issuer; null when nobody is known to issue it (then it makes no exposure).
    """
    held = store.holdings(date, protocol).group_by("token", "issuer", maintain_order=True).agg(pl.sum("value_usd"))
    names = store.protocols().select(pl.col("protocol").alias("issuer"), pl.col("name").alias("debtor_name"))
    named = held.join(names, on="issuer", how="left", maintain_order="left").sort(
        "value_usd", descending=True, maintain_order=True
    )
    share = (pl.col("value_usd") / pl.col("value_usd").sum()).alias("share")
    return named.select("token", pl.col("issuer").alias("debtor"), "debtor_name", "value_usd", share)


def holders(store: Store, date: dt.date, protocol: str) -> pl.DataFrame:
    """Return creditor, creditor_name, token, value_usd, share: who holds the tokens it issues; largest first."""
    held = store.holders(date, protocol)
    share = (pl.col("value_usd") / pl.col("value_usd").sum()).alias("share")
    return held.select(
        pl.col("protocol").alias("creditor"), pl.col("name").alias("creditor_name"), "token", "value_usd", share
    )


def partner_rows(snapshot: Snapshot, protocol: str) -> npt.NDArray[np.int64]:
    """Return (M,) the exposures of which a protocol is an end.

    Raises:
        UnknownProtocol: when it is not in the snapshot.
    """
    row = snapshot.row(protocol)
    return np.flatnonzero((snapshot.debtor == row) | (snapshot.creditor == row))


def events_of(store: Store, protocol: str) -> pl.DataFrame:
    """Return the events that name a protocol or a token it issues: date, happened, name, kind, loss_usd."""
    rows = store.protocols().filter(pl.col("protocol") == protocol)
    issued = store.tokens().filter(pl.col("issuer") == protocol)["token"].to_list()
    called = [protocol.lower(), *(name.lower() for name in rows["name"])]

    def names(column: str, wanted: list[str]) -> pl.Expr:
        parts = pl.col(column).fill_null("").str.to_lowercase().str.split(";")
        return parts.list.eval(pl.element().str.strip_chars().is_in(wanted)).list.any()

    known = store.events().filter(pl.col("date") <= store.manifest.dates.last)
    found = known.filter(names("protocols", called) | names("tokens", [token.lower() for token in issued]))
    return found.sort("date").select("date", "happened", "name", "kind", "loss_usd")
