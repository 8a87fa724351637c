"""The flow basis: how every exposure changed since the previous snapshot, netted per pair.

For one holding of protocol p in a token issued by q, with values v₀, v₁ and quantities q₀, q₁ (p = v/q):

    Δ = v₁ − v₀;  Δ < 0 gives a flow p → q, Δ ≥ 0 a flow q → p, of size |Δ|
    price effect = q₀·(p₁ − p₀),  quantity effect = p₁·(q₁ − q₀);  they sum to Δ
    entry (no v₀): all quantity;  exit (no v₁): −v₀, all quantity

All flows between an unordered pair are summed with sign; the net is ONE directed row (DeXposure, arXiv 2511.22314,
eqs 3-4). The opening balance is the previous snapshot, so that exits to zero and entries count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dexposure_core.network.book import Book, Marks, Texts, add_up, order_of
from dexposure_core.network.period import FLOWS
from dexposure_core.network.snapshot import Floats, Indices


@dataclass(frozen=True, kw_only=True)
class _Changes:
    """What became of each holding, arrays (K,): its ends, Δ, its price part, and whether that part is known."""

    holder: Indices
    issuer: Indices
    delta: Floats
    price: Floats
    known: Marks


def net_flows(now: Book, before: Book, issuer: Indices, texts: Texts) -> pl.DataFrame:
    """Return the net flow of every pair whose holdings changed.

    Args:
        now: holdings at the snapshot, one row each, sorted.
        before: the same at the previous snapshot.
        issuer: (tokens,) place of each token's issuer among the protocols; -1: none.
        texts: what the places stand for.

    Returns:
        creditor, debtor, flow_usd > 0, price_usd, quantity_usd (null when one of the pair's continuing holdings
        lacks a quantity), sorted by creditor and debtor.
    """
    changes = _changes(_linked(now, issuer), _linked(before, issuer), issuer, texts)
    holder_is_low = changes.holder < changes.issuer
    low, high = np.minimum(changes.holder, changes.issuer), np.maximum(changes.holder, changes.issuer)
    sign = np.where(holder_is_low, -1.0, 1.0)  # Δ ≥ 0 flows issuer → holder; a positive amount flows low → high
    first, (net, price, unknown) = add_up(
        low * len(texts.protocols) + high, (sign * changes.delta, sign * changes.price, (~changes.known).astype(float))
    )
    return _directed(low[first], high[first], net, np.where(unknown > 0, np.nan, price), texts.protocols)


def _linked(book: Book, issuer: Indices) -> Book:
    """Return the holdings of tokens that another protocol issues."""
    of = issuer[book.token]
    return book.take((of >= 0) & (of != book.protocol))


def _changes(now: Book, before: Book, issuer: Indices, texts: Texts) -> _Changes:
    key, key_0 = texts.key(now), texts.key(before)
    place = np.searchsorted(key_0, key)
    stays = np.zeros(len(key), dtype=bool)
    inside = np.flatnonzero(place < len(key_0))
    stays[inside] = key_0[place[inside]] == key[inside]
    match = place[stays]
    ended = np.ones(len(before), dtype=bool)
    ended[match] = False
    gone = before.take(ended)
    delta = now.value_usd.copy()
    delta[stays] -= before.value_usd[match]
    price, known = np.zeros(len(now)), np.ones(len(now), dtype=bool)
    price[stays], known[stays] = _price_effect(now.take(stays), before.take(match))
    return _Changes(
        holder=np.concatenate([now.protocol, gone.protocol]),
        issuer=issuer[np.concatenate([now.token, gone.token])],
        delta=np.concatenate([delta, -gone.value_usd]),
        price=np.concatenate([price, np.zeros(len(gone))]),
        known=np.concatenate([known, np.ones(len(gone), dtype=bool)]),
    )


def _price_effect(now: Book, before: Book) -> tuple[Floats, Marks]:
    """Return q₀·(p₁ − p₀) of continuing holdings (0 where it is not known), and whether it is known."""
    q_0, q_1 = before.quantity, now.quantity
    known = (q_0 > 0) & (q_1 > 0) & np.isfinite(q_0) & np.isfinite(q_1)
    ratio = np.divide(q_0, q_1, out=np.zeros(len(now)), where=known)
    return np.where(known, now.value_usd * ratio - before.value_usd, 0.0), known


def _directed(low: Indices, high: Indices, net: Floats, price: Floats, protocols: pl.Series) -> pl.DataFrame:
    """Turn signed nets (low → high) into rows from tail to head; exact zeros vanish; a price of NaN is not known."""
    some = np.flatnonzero(net)
    low, high, net, price = low[some], high[some], net[some], price[some]
    up = net > 0
    tail, head, sign = np.where(up, low, high), np.where(up, high, low), np.where(up, 1.0, -1.0)
    order = order_of(tail * len(protocols) + head)
    rows = pl.DataFrame({
        "creditor": protocols.gather(tail[order]),
        "debtor": protocols.gather(head[order]),
        "flow_usd": np.abs(net)[order],
        "price_usd": (sign * price + 0.0)[order],
        "quantity_usd": (sign * (net - price) + 0.0)[order],
    })  # fmt: skip
    return rows.with_columns(pl.col("price_usd", "quantity_usd").fill_nan(None)).cast(FLOWS)
