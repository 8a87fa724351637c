"""The recent past as one table: every exposure of the last weeks, in the rows of the origin's snapshot.

Everything a forecaster knows about pairs comes from here, so this is also where the future is kept out:
a window is made from the snapshots it is given and from nothing else, and its protocols are those of the
last of them. Amounts are kept as log1p USD, the scale of every learned quantity in `forecast`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dexposure_core.forecast.record import Floats, Indices
from dexposure_core.network import Snapshot

MEMORY: Final = 52  # snapshots that count as memory: a year of weeks


class Segments(NamedTuple):
    """Entries put in order by key, those of one key one after another.

    Attributes:
        order: (M,) the entries by key, those of a key as they came: by lag.
        start: (K,) where each key starts.
        number: (M,) the number of each entry's key.
    """

    order: Indices
    start: Indices
    number: Indices

    def sums(self, values: Floats, lag: npt.NDArray[np.integer[Any]], by: Floats) -> Floats:
        """Return (K, J) the sums of values (M,) by key, each value times its lag's row of `by` (L, J).

        Args:
            values: (M,), in order.
            lag: (M,) below L, in order; of 32 bits it is not copied.
            by: the factors.
        """
        from scipy.sparse import csr_array

        starts = np.append(self.start, len(lag)).astype(np.int32)
        table = csr_array((values, lag.astype(np.int32, copy=False), starts), shape=(len(self.start), len(by)))
        return np.asarray(table @ by)


@dataclass(frozen=True, kw_only=True, eq=False)
class Window:
    """The last L snapshots seen from the last one (the origin, N protocols).

    Attributes:
        origin: the last snapshot.
        length: L, how many snapshots the window spans.
        key: (M,) int, creditor row × N + debtor row, of every exposure in the window between protocols of the origin.
        lag: (M,) int, 0 at the origin, 1 in the snapshot before, ...
        log_usd: (M,) log1p of the exposure.
        log_tvl: (L, N) log1p TVL by lag; NaN where the protocol is not in that snapshot.
        inflow: (N,) USD received as debtor minus sent as creditor at the origin, over TVL, clipped to ±1.
    """

    origin: Snapshot
    length: int
    key: Indices
    lag: Indices
    log_usd: Floats
    log_tvl: Floats
    inflow: Floats

    @property
    def size(self) -> int:
        """Return N, the number of protocols of the origin."""
        return len(self.origin.protocols)

    @cached_property
    def segments(self) -> Segments:
        """The exposures by pair."""
        return segments(self.key)

    @cached_property
    def seen(self) -> Indices:
        """(K,) the keys of all pairs that the window has seen, sorted."""
        order, start, _ = self.segments
        return self.key[order[start]]

    def bare(self) -> Window:
        """Return it without the exposures, most of its memory, for when all has been taken from them."""
        return replace(self, key=self.key[:0].copy(), lag=self.lag[:0].copy(), log_usd=self.log_usd[:0].copy())


def window(history: Sequence[Snapshot], length: int = MEMORY) -> Window:
    """Return the last `length` snapshots of `history` as one table."""
    recent = history[-length:][::-1]
    origin = recent[0]
    n = len(origin.protocols)
    log_tvl = np.full((len(recent), n), np.nan)
    keys, lags, sizes = [], [], []
    for lag, snapshot in enumerate(recent):
        row = origin.rows(snapshot.protocols)
        known = row >= 0
        log_tvl[lag, row[known]] = np.log1p(snapshot.tvl_usd[known])
        creditor, debtor = row[snapshot.creditor], row[snapshot.debtor]
        here = (creditor >= 0) & (debtor >= 0)
        keys.append(creditor[here] * n + debtor[here])
        lags.append(np.full(int(here.sum()), lag, dtype=np.int64))
        sizes.append(np.log1p(snapshot.exposure_usd[here]))
    return Window(
        origin=origin, length=len(recent), key=np.concatenate(keys), lag=np.concatenate(lags),
        log_usd=np.concatenate(sizes), log_tvl=log_tvl, inflow=net_inflow(origin),
    )  # fmt: skip


def segments(key: Indices) -> Segments:
    """Return the entries by key (M,)."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    fresh = np.r_[True, ordered[1:] != ordered[:-1]] if len(ordered) else np.zeros(0, dtype=bool)
    return Segments(order, np.flatnonzero(fresh), np.cumsum(fresh) - 1)


def net_inflow(origin: Snapshot) -> Floats:
    """Return (N,) USD received as debtor minus sent as creditor, over TVL, clipped to ±1; 0 without TVL."""
    n = len(origin.protocols)
    net = summed(origin.debtor, origin.exposure_usd, n) - summed(origin.creditor, origin.exposure_usd, n)
    share = np.divide(net, origin.tvl_usd, out=np.zeros(n), where=origin.tvl_usd > 0)
    return np.asarray(np.clip(share, -1.0, 1.0))


def summed(rows: Indices, values: Floats, size: int) -> Floats:
    """Return (size,) the sum of `values` by row."""
    return np.asarray(np.bincount(rows, values, size), dtype=np.float64)
