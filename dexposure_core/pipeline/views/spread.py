"""How a shock spread: by which exposures, and who can hurt whom."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import polars as pl

from dexposure_core.network import Snapshot
from dexposure_core.pipeline.chains.system import balances
from dexposure_core.pipeline.stress.result import StressResult
from dexposure_core.store import Store
from dexposure_core.stress import find_rule, harm
from dexposure_core.stress.transmission import by_exposure


def channels(result: StressResult) -> pl.DataFrame:
    """Return debtor, debtor_name, creditor, creditor_name, first_round, loss_usd, share: losses by the way they took.

    One row an exposure that carried a loss, over all rounds, largest first; sums to the induced loss (`share` of it).
    """
    s = result.snapshot
    first, carried = by_exposure(s, result.contagion)
    edges = np.flatnonzero(first)
    ids, names = (pl.Series(of.tolist(), dtype=pl.String) for of in (s.protocols, s.names))
    ends = {"debtor": (ids, s.debtor), "debtor_name": (names, s.debtor)}
    ends |= {"creditor": (ids, s.creditor), "creditor_name": (names, s.creditor)}
    told = [texts.gather(pl.Series(rows[edges])).alias(name) for name, (texts, rows) in ends.items()]
    carried = carried[edges]
    total = carried.sum()
    table = pl.DataFrame(told).with_columns(
        first_round=pl.Series(first[edges]), loss_usd=pl.Series(carried), share=pl.Series(carried / total)
    )
    return table.sort("loss_usd", descending=True, maintain_order=True)


def hit_by(result: StressResult, protocol: str) -> pl.DataFrame:
    """Return who loses by a protocol's failure, itself left out: who, how much, in which round."""
    rows = result.protocols().filter(pl.col("protocol") != protocol, pl.col("loss_usd") > 0)
    return rows.select("protocol", "name", "loss_usd", "distress", pl.col("first_round").alias("round"))


def threats(
    snapshot: Snapshot, protocol: str, rule: str, *, limit: int = 12, pass_through: float = 1.0
) -> pl.DataFrame:
    """Return protocol, name, sector, exposure_usd, first_usd, total_usd, loss_fraction: who can hurt a protocol.

    Each of its `limit` largest debtors fails in turn and alone: what the protocol loses in the first round, and in all,
    as USD and as a share of its TVL (NaN when that is 0).

    Raises:
        UnknownProtocol: when it is not in the snapshot.
    """
    row = snapshot.row(protocol)
    owed = np.flatnonzero(snapshot.creditor == row)
    owed = owed[np.argsort(-snapshot.exposure_usd[owed], kind="stable")][:limit]
    debtors = snapshot.debtor[owed]
    first, total = harm(snapshot, protocol, debtors, rule, **find_rule(rule).through(pass_through))
    tvl = float(snapshot.tvl_usd[row])
    return pl.DataFrame(
        {
            "protocol": pl.Series(snapshot.protocols[debtors], dtype=pl.String),
            "name": pl.Series(snapshot.names[debtors], dtype=pl.String),
            "sector": pl.Series(snapshot.sectors[debtors], dtype=pl.String),
            "exposure_usd": pl.Series(snapshot.exposure_usd[owed], dtype=pl.Float64),
            "first_usd": first,
            "total_usd": total,
            "loss_fraction": total / tvl if tvl > 0 else np.full(len(owed), math.nan),
        }
    ).sort("total_usd", descending=True, maintain_order=True)


def chains_held(store: Store, date: dt.date) -> tuple[str, ...]:
    """Return the chains that hold anything on a date, the one with most USD first; none where there is one only."""
    sums = balances(store, date).group_by("chain").agg(pl.sum("value_usd"))
    chains = sums.sort(["value_usd", "chain"], descending=[True, False])["chain"].to_list()
    return tuple(chains) if len(chains) > 1 else ()


def tokens_held(store: Store, date: dt.date, limit: int = 500) -> tuple[str, ...]:
    """Return the symbols of the tokens held on a date, the one with most USD first, at most `limit`."""
    held = store.holdings(date).group_by("token").agg(pl.sum("value_usd"))
    return tuple(held.sort(["value_usd", "token"], descending=[True, False])["token"].head(limit))
