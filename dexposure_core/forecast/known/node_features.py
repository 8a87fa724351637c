"""What the model sees of every protocol: one number per feature, and a few numbers per recent snapshot.

The paper's features (arXiv 2602.03981): log1p TVL, in- and out-degree, largest exposure share and entropy (for token
count, largest token share and token entropy, which a snapshot does not carry), previous log TVL change; the sector is
a token of its own in the encoder. To them are added strengths, trends, how far TVL is from its own past, births and
deaths of exposures, and the pull: which way most of its exposures went (on the flow basis, a falling token).
Amounts are log1p USD throughout.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dexposure_core.forecast.known.candidates import in_degree
from dexposure_core.forecast.known.pair_memory import PairMemory
from dexposure_core.forecast.known.window import MEMORY, Window, summed
from dexposure_core.forecast.record import Floats, Indices

NODE_FEATURES: Final = (
    "log_tvl", "has_tvl", "out_degree", "in_degree", "out_strength", "in_strength", "largest_share", "entropy",
    "tvl_step_1", "tvl_step_4", "tvl_step_12", "age", "inflow", "in_degree_step_4", "in_degree_step_12",
    "market_step_1", "market_step_4", "tvl_gap_4", "tvl_gap_12", "tvl_gap_52", "market_gap_12", "tvl_moves",
    "inflow_4", "inflow_12", "out_births", "out_deaths", "in_births", "in_deaths", "pull_1", "pull_4", "pull_12",
)  # fmt: skip
LAGS: Final = (0, 1, 2, 3, 5, 8, 12, 25)  # snapshots that the encoder sees one by one
WEEK_FEATURES: Final = ("there", "tvl_gap", "out_degree", "in_degree", "out_strength", "in_strength", "pull")
LATELY: Final = 12
_SCALE: Final = 10.0  # brings log1p USD near one


class Past:
    """Degrees, strengths and TVL of every protocol by lag; (L, N) each, made once."""

    def __init__(self, past: Window) -> None:
        self.window, shape = past, (past.length, max(past.size, 1))
        creditor, debtor = past.key // shape[1], past.key % shape[1]
        usd = np.expm1(past.log_usd)
        self.out_degree, self.in_degree = (_by_lag(past.lag, end, None, shape) for end in (creditor, debtor))
        self.out_usd, self.in_usd = (_by_lag(past.lag, end, usd, shape) for end in (creditor, debtor))
        self.log_tvl = past.log_tvl if past.size else np.full(shape, np.nan)

    def pull(self, lags: int) -> Floats:
        """Return (N,) exposures given less taken over their sum, in the last `lags` snapshots: −1 to 1."""
        out, into = self.out_degree[:lags].sum(axis=0), self.in_degree[:lags].sum(axis=0)
        return np.asarray((out - into) / np.maximum(out + into, 1.0))

    def inflow(self, lags: int) -> Floats:
        """Return (N,) USD taken as debtor less given as creditor in the last `lags` snapshots, over TVL, within ±1."""
        net, tvl = (self.in_usd - self.out_usd)[:lags].sum(axis=0), np.expm1(np.nan_to_num(self.log_tvl[0]))
        return np.asarray(np.clip(np.divide(net, tvl, out=np.zeros_like(net), where=tvl > 0), -1.0, 1.0))

    def gap(self, lags: int) -> Floats:
        """Return (N,) log1p TVL less its mean over the last `lags` snapshots in which there was any, within ±3."""
        recent = np.where(self.log_tvl[:lags] > 0, self.log_tvl[:lags], 0.0)
        count = (recent > 0).sum(axis=0)
        mean = recent.sum(axis=0) / np.maximum(count, 1)
        return np.asarray(np.where(recent[0] > 0, np.clip(recent[0] - mean, -3.0, 3.0), 0.0))

    def step(self, lag: int) -> Floats:
        """Return (N,) the change of log1p TVL over `lag` snapshots, within ±3; 0 where it is not defined."""
        if len(self.log_tvl) <= lag:
            return np.zeros(self.log_tvl.shape[1])
        return np.asarray(np.clip(np.nan_to_num(self.log_tvl[0] - self.log_tvl[lag], nan=0.0), -3.0, 3.0))

    def moves(self, lags: int) -> Floats:
        """Return (N,) the mean absolute step of log1p TVL lately, at most 1."""
        steps = np.clip(np.abs(np.diff(self.log_tvl[: lags + 1], axis=0)), 0.0, 1.0)
        count = np.isfinite(steps).sum(axis=0)
        return np.asarray(np.nan_to_num(steps).sum(axis=0) / np.maximum(count, 1))

    def market(self, change: Floats) -> Floats:
        """Return (N,) the same number for all: the median of `change` (N,) over protocols with TVL now."""
        there = self.log_tvl[0] > 0
        return np.full(len(change), float(np.median(change[there])) if there.any() else 0.0)


def node_features(past: Window, seen: PairMemory, by_lag: Past) -> Floats:
    """Return (N, len(NODE_FEATURES)) for the protocols of the origin."""
    out_usd, in_usd = by_lag.out_usd[0], by_lag.in_usd[0]
    degree = np.log1p(by_lag.in_degree[0])
    before = {k: np.log1p(in_degree(past, min(k, past.length - 1))) if past.size else degree for k in (4, 12)}
    log_tvl = np.nan_to_num(by_lag.log_tvl[0])
    columns = dict(
        log_tvl=log_tvl, has_tvl=log_tvl > 0, out_degree=np.log1p(by_lag.out_degree[0]), in_degree=degree,
        out_strength=np.log1p(out_usd), in_strength=np.log1p(in_usd), **_spread(past, out_usd),
        age=np.isfinite(by_lag.log_tvl).sum(axis=0) / MEMORY, inflow=by_lag.inflow(1), inflow_4=by_lag.inflow(4),
        inflow_12=by_lag.inflow(12), **{f"tvl_step_{k}": by_lag.step(k) for k in (1, 4, 12)},
        **{f"in_degree_step_{k}": degree - before[k] for k in (4, 12)},
        **{f"market_step_{k}": _market_step(by_lag, k) for k in (1, 4)},
        **{f"tvl_gap_{k}": by_lag.gap(k) for k in (4, 12, 52)}, market_gap_12=by_lag.market(by_lag.gap(12)),
        tvl_moves=by_lag.moves(LATELY), **_turnover(past, seen), **{f"pull_{k}": by_lag.pull(k) for k in (1, 4, 12)},
    )  # fmt: skip
    return np.stack([np.asarray(columns[name], dtype=np.float64)[: past.size] for name in NODE_FEATURES], axis=1)


def week_features(past: Window, by_lag: Past) -> Floats:
    """Return (N, len(LAGS), len(WEEK_FEATURES)): each protocol at LAGS, zeros where it was not there yet."""
    rows = []
    for lag in LAGS:
        if lag >= past.length:
            rows.append(np.zeros((past.size, len(WEEK_FEATURES))))
            continue
        there = np.isfinite(by_lag.log_tvl[lag])
        gap = np.clip(np.nan_to_num(by_lag.log_tvl[lag]) - np.nan_to_num(by_lag.log_tvl[0]), -3.0, 3.0)
        out, into = by_lag.out_degree[lag], by_lag.in_degree[lag]
        columns = (
            there, np.where(there, gap, 0.0), np.log1p(out), np.log1p(into), np.log1p(by_lag.out_usd[lag]) / _SCALE,
            np.log1p(by_lag.in_usd[lag]) / _SCALE, (out - into) / np.maximum(out + into, 1.0),
        )  # fmt: skip
        rows.append(np.stack([np.asarray(c, dtype=np.float64)[: past.size] for c in columns], axis=1))
    return np.stack(rows, axis=1)


def _by_lag(lag: Indices, end: Indices, values: Floats | None, shape: tuple[int, int]) -> Floats:
    return np.bincount(lag * shape[1] + end, values, shape[0] * shape[1]).reshape(shape).astype(np.float64)


def _spread(past: Window, out_usd: Floats) -> dict[str, Floats]:
    """Return each creditor's largest share and the entropy (nats) of its exposures."""
    origin, n = past.origin, len(out_usd)
    share = origin.exposure_usd / out_usd[origin.creditor]
    largest: Floats = np.zeros(n)
    entropy = summed(origin.creditor, -share * np.log(share), n)
    np.maximum.at(largest, origin.creditor, share)
    return {"largest_share": largest, "entropy": entropy}


def _market_step(by_lag: Past, lag: int) -> Floats:
    """Return (N,) the median change of log1p TVL of the protocols that had TVL at both ends."""
    if len(by_lag.log_tvl) <= lag:
        return np.zeros(by_lag.log_tvl.shape[1])
    both = (by_lag.log_tvl[0] > 0) & (by_lag.log_tvl[lag] > 0)
    median = float(np.median((by_lag.log_tvl[0] - by_lag.log_tvl[lag])[both])) if both.any() else 0.0
    return np.full(by_lag.log_tvl.shape[1], median)


def _turnover(past: Window, seen: PairMemory) -> dict[str, Floats]:
    """Return log1p counts of each protocol's exposures that came, and that went, in the last LATELY snapshots."""
    n = max(past.size, 1)
    came = (seen.first < LATELY) & (seen.first < past.length - 1)
    went = (seen.last > 0) & (seen.last <= LATELY)
    found = {}
    for name, end in (("out", seen.key // n), ("in", seen.key % n)):
        found[f"{name}_births"] = np.log1p(np.bincount(end[came], minlength=n))
        found[f"{name}_deaths"] = np.log1p(np.bincount(end[went], minlength=n))
    return found
