"""The flow basis: how every exposure changed since the previous snapshot, netted per pair.

For one holding of protocol p in a token issued by q, with values v₀, v₁ and quantities q₀, q₁ (p = v/q):

    Δ = v₁ − v₀;  Δ < 0 gives a flow p → q, Δ ≥ 0 a flow q → p, of size |Δ|
    price effect = q₀·(p₁ − p₀),  quantity effect = p₁·(q₁ − q₀);  they sum to Δ
    entry (no v₀): all quantity;  exit (no v₁): −v₀, all quantity

All flows between an unordered pair are summed with sign; the net is ONE directed row (DeXposure, arXiv 2511.22314,
eqs 3-4). The opening balance is the previous snapshot, so that exits to zero and entries count.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from dexposure_core.network.period import FLOWS
from dexposure_core.network.sums import group_starts, sort_by

_KEYS: Final = ("creditor", "debtor", "chain", "token")
_PAIR: Final = ("low", "high")


def net_flows(now: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Return the net flow of every pair whose holdings changed.

    Args:
        now: creditor, debtor, chain, token, quantity, value_usd > 0; one row per holding at the snapshot.
        before: the same at the previous snapshot.

    Returns:
        creditor, debtor, flow_usd > 0, price_usd, quantity_usd (null when one of the pair's continuing holdings
        lacks a quantity), sorted by creditor and debtor.
    """
    both = now.join(before, on=list(_KEYS), how="full", coalesce=True, suffix="_0")
    if both.is_empty():
        return pl.DataFrame(schema=FLOWS)
    signed = sort_by(_orient(_split(both)), _PAIR, ("net", "price", "known"))
    starts = group_starts(signed, _PAIR)
    net = np.add.reduceat(signed["net"].to_numpy(), starts)
    price = np.add.reduceat(signed["price"].to_numpy(), starts)
    known = np.logical_and.reduceat(signed["known"].to_numpy(), starts)
    pairs = signed.select(pl.col(_PAIR).gather(starts)).with_columns(
        net=pl.Series(net), price=pl.Series(price), known=pl.Series(known)
    )
    return _directed(pairs)


def _split(both: pl.DataFrame) -> pl.DataFrame:
    """Add Δ, its price part and whether that part is known, per holding."""
    v0, v1 = pl.col("value_usd_0"), pl.col("value_usd")
    q0, q1 = pl.col("quantity_0"), pl.col("quantity")
    stays = v0.is_not_null() & v1.is_not_null()
    priced = ((q0 > 0) & (q1 > 0) & q0.is_finite() & q1.is_finite()).fill_null(value=False)
    return both.select(
        *_KEYS[:2],
        delta=v1.fill_null(0.0) - v0.fill_null(0.0),
        price=pl.when(stays & priced).then(v1 * (q0 / q1) - v0).otherwise(0.0),
        known=~stays | priced,
    )


def _orient(changes: pl.DataFrame) -> pl.DataFrame:
    """Name each unordered pair by its smaller id first; a positive amount flows from `low` to `high`."""
    holder_is_low = pl.col("creditor") < pl.col("debtor")
    sign = pl.when(holder_is_low).then(-1.0).otherwise(1.0)  # Δ ≥ 0 flows issuer → holder
    return changes.select(
        low=pl.when(holder_is_low).then("creditor").otherwise("debtor"),
        high=pl.when(holder_is_low).then("debtor").otherwise("creditor"),
        net=sign * pl.col("delta"),
        price=sign * pl.col("price"),
        known=pl.col("known"),
    )


def _directed(pairs: pl.DataFrame) -> pl.DataFrame:
    """Turn signed nets into rows from tail to head; exact zeros vanish."""
    up = pl.col("net") > 0
    sign = pl.when(up).then(1.0).otherwise(-1.0)
    directed = pairs.filter(pl.col("net") != 0).select(
        creditor=pl.when(up).then("low").otherwise("high"),
        debtor=pl.when(up).then("high").otherwise("low"),
        flow_usd=pl.col("net").abs(),
        price_usd=pl.when("known").then(sign * pl.col("price") + 0.0),
        quantity_usd=pl.when("known").then(sign * (pl.col("net") - pl.col("price")) + 0.0),
    )
    return sort_by(directed, ("creditor", "debtor"))
