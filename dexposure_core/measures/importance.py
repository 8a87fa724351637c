"""Which protocols matter: the published score with its three parts, and a second score without its flaw.

    SIS_p = α · PageRank_p / max PageRank + β · tail_p + γ · log(1 + TVL_p) / max log(1 + TVL)

(DeXposure-FM, arXiv 2602.03981, eq. 20; α = β = γ = 1/3.) PageRank walks from creditor to debtor with
probability proportional to the exposure, so a high rank means that much of the system leans on the protocol; a
protocol that holds nothing passes its rank to everyone alike (Brin and Page 1998). `tail` is the share of the five
largest exposures in all exposures of p as a creditor: exactly 1 for one to five of them and 0 for none, as published.

    default_loss_p = Σ_i min(E_ip, A_i) / Σ_i A_i

is what the direct creditors lose when p's tokens go to zero, as a share of system TVL (A = TVL).
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from dexposure_core.errors import BadOption
from dexposure_core.measures.totals import totals
from dexposure_core.network.snapshot import Floats, Indices, Snapshot

TAIL_COUNT = 5
TOLERANCE = 1e-10
MAX_ITERATIONS = 10_000  # at a damping of 0.99, 2,300 are needed


def systemic_importance(
    snapshot: Snapshot, *, alpha: float = 1 / 3, beta: float = 1 / 3, gamma: float = 1 / 3, damping: float = 0.85
) -> pl.DataFrame:
    """Return protocol, sis, pagerank, tail_exposure, log_tvl, default_loss: one row a protocol, in snapshot order.

    The parts lie in 0..1. `log_tvl` (and with it `sis`, unless gamma is 0) and `default_loss` are NaN when the
    system has no TVL.

    Raises:
        BadOption: for a negative or non-finite weight, or a damping outside 0..1 (1 excluded).
    """
    for name, weight in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        if not (math.isfinite(weight) and weight >= 0):
            raise BadOption(f"{name} = {weight}; a weight of the score must be finite and >= 0")
    if not 0 <= damping < 1:
        raise BadOption(f"damping = {damping}; must lie in 0 <= damping < 1 (0.85 as published)")
    rank = pagerank(snapshot, damping)
    rank = rank / rank.max() if rank.size else rank
    tail, size = tail_exposure(snapshot), log_tvl(snapshot)
    score = alpha * rank + beta * tail + (gamma * size if gamma else 0.0)
    return pl.DataFrame(
        {
            "protocol": pl.Series(snapshot.protocols.tolist(), dtype=pl.String),
            "sis": score,
            "pagerank": rank,
            "tail_exposure": tail,
            "log_tvl": size,
            "default_loss": default_loss(snapshot),
        }
    )


def pagerank(snapshot: Snapshot, damping: float = 0.85) -> Floats:
    """Return (N,) PageRank weighted by exposure, creditor → debtor, summing to 1; iterated to an L1 change < 1e-10."""
    count = len(snapshot.protocols)
    if not count:
        return np.empty(0)
    outgoing = totals(snapshot.creditor, snapshot.exposure_usd, count)
    walk = snapshot.matrix()
    walk.data /= np.repeat(outgoing, np.diff(walk.indptr))  # rows sum to 1 where the protocol holds anything
    walk = walk.T  # (debtor, creditor)
    dangling = np.flatnonzero(outgoing == 0)
    rank: Floats = np.full(count, 1.0 / count)
    for _ in range(MAX_ITERATIONS):
        spread = (1.0 - damping + damping * rank[dangling].sum()) / count
        following = damping * (walk @ rank) + spread
        change = np.abs(following - rank).sum()
        rank = following
        if change < TOLERANCE:
            break
    rank /= rank.sum()
    return rank


def tail_exposure(snapshot: Snapshot) -> Floats:
    """Return (N,) the share of the five largest exposures in all exposures of each creditor; 0 where it has none."""
    count = len(snapshot.protocols)
    total = totals(snapshot.creditor, snapshot.exposure_usd, count)
    many = np.bincount(snapshot.creditor, minlength=count) > TAIL_COUNT
    share = np.where(total > 0, 1.0, 0.0)
    rows = np.flatnonzero(many[snapshot.creditor])  # the others' five largest are all they have
    if rows.size:
        share[many] = np.minimum(1.0, _largest(snapshot.creditor[rows], snapshot.exposure_usd[rows]) / total[many])
    return share


def _largest(creditor: Indices, amount: Floats) -> Floats:
    """Return the sum of the `TAIL_COUNT` largest amounts of each creditor, every one of which has as many."""
    if (creditor[1:] < creditor[:-1]).any():
        order = np.argsort(creditor, kind="stable")
        creditor, amount = creditor[order], amount[order]
    group = np.cumsum(np.append(0, creditor[1:] != creditor[:-1]))
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    left, top = amount.copy(), np.zeros(len(starts))
    for _ in range(TAIL_COUNT):  # five passes over the rows cost less than sorting them
        largest = np.maximum.reduceat(left, starts)
        top += largest
        hits = np.flatnonzero(left == largest[group])
        left[hits[np.flatnonzero(np.diff(group[hits], prepend=-1))]] = 0.0  # one of each creditor's, not its equals
    return top


def log_tvl(snapshot: Snapshot) -> Floats:
    """Return (N,) log(1 + TVL) over its maximum; NaN throughout when no protocol has TVL."""
    size = np.log1p(snapshot.tvl_usd)
    largest = size.max(initial=0.0)
    return size / largest if largest > 0 else np.full(size.shape, math.nan)


def default_loss(snapshot: Snapshot) -> Floats:
    """Return (N,) the loss of direct creditors if each protocol's tokens go to zero, share of system TVL (NaN if 0)."""
    system = float(snapshot.tvl_usd.sum())
    if system <= 0:
        return np.full(len(snapshot.protocols), math.nan)
    loss = np.minimum(snapshot.exposure_usd, snapshot.tvl_usd[snapshot.creditor])
    return totals(snapshot.debtor, loss, len(snapshot.protocols)) / system
