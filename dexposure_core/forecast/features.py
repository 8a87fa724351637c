"""What the model sees: numbers per protocol and per candidate pair, from the window alone.

Protocol features follow the paper (arXiv 2602.03981): log1p TVL, in- and out-degree, largest exposure share
and entropy (for token count, largest token share and token entropy, which a snapshot does not carry),
previous log TVL change, sector one-hot; to them are added strengths, trends and age. Pair features are the
pair's memory in both directions and the sizes and popularity of its ends. Amounts are log1p USD throughout.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from dexposure_core.forecast.candidates import in_degree, mirrored
from dexposure_core.forecast.record import Floats, Indices, Texts
from dexposure_core.forecast.window import MEMORY, PairMemory, Window, pair_memory, summed

NODE_FEATURES: Final = (
    "log_tvl", "has_tvl", "out_degree", "in_degree", "out_strength", "in_strength", "largest_share", "entropy",
    "tvl_step_1", "tvl_step_4", "tvl_step_12", "age", "inflow", "in_degree_step_4", "in_degree_step_12",
    "market_step_1", "market_step_4",
)  # fmt: skip
OWN: Final = ("now", "recency", "age", "share_4", "share_12", "share_52", "log_now", "log_last", "log_mean", "log_step")
PAIR_FEATURES: Final = (
    *OWN, *(f"reverse_{name}" for name in OWN), "seen", "either_seen", "memory", "size_gap",
    "creditor_log_tvl", "debtor_log_tvl", "creditor_out_degree", "debtor_in_degree", "debtor_out_degree",
    "creditor_in_degree", "creditor_age", "debtor_age", "debtor_trend", "sector_popularity", "same_sector",
    "creditor_log_mean", "creditor_tvl_step", "debtor_tvl_step",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """Model input at one origin.

    Attributes:
        node: (N, len(NODE_FEATURES)), plain numbers (the sector one-hot is made in the encoder from `sector`).
        sector: (N,) texts.
        pair: (C, len(PAIR_FEATURES)).
        key: (C,) candidate keys, creditor row × N + debtor row.
        anchor: (C,) log1p USD the size head starts from: last seen, either way; else the creditor's mean.
        cell: (C,) int, the pair's cell of the memory table (see `memory_cell`).
    """

    node: Floats
    sector: Texts
    pair: Floats
    key: Indices
    anchor: Floats
    cell: Indices

    def take(self, rows: Indices) -> Features:
        """Return the same origin with only these candidate pairs."""
        return replace(self, pair=self.pair[rows], key=self.key[rows], anchor=self.anchor[rows], cell=self.cell[rows])


def features(past: Window, key: Indices) -> Features:
    """Return the model input for the candidate pairs `key` at the origin of `past`."""
    seen = pair_memory(past)
    node = node_features(past)
    own = _own(seen, key, past.length)
    back = _own(seen, mirrored(key, past.size), past.length)
    ends = _ends(past, node, key)
    anchor = _anchor(own, back, ends["creditor_log_mean"])
    columns = {**own, **{f"reverse_{k}": v for k, v in back.items()}, **_both(own, back), **ends}
    columns["size_gap"] = np.where(own["seen"] > 0, own["log_mean"] - anchor, 0.0)
    pair = (
        np.stack([columns[name] for name in PAIR_FEATURES], axis=1) if len(key) else np.zeros((0, len(PAIR_FEATURES)))
    )
    cell = memory_cell(own, back)
    return Features(node=node, sector=past.origin.sectors, pair=pair, key=key, anchor=anchor, cell=cell)


def node_features(past: Window) -> Floats:
    """Return (N, len(NODE_FEATURES)) for the protocols of the origin."""
    origin, n = past.origin, past.size
    out_usd = summed(origin.creditor, origin.exposure_usd, n)
    in_usd = summed(origin.debtor, origin.exposure_usd, n)
    degree = np.log1p(in_degree(past, 0))
    before = {k: np.log1p(in_degree(past, min(k, past.length - 1))) for k in (4, 12)}
    log_tvl = past.log_tvl[0] if n else np.zeros(0)
    columns = dict(
        log_tvl=log_tvl, has_tvl=log_tvl > 0, out_degree=np.log1p(np.bincount(origin.creditor, minlength=n)),
        in_degree=degree, out_strength=np.log1p(out_usd), in_strength=np.log1p(in_usd),
        **_spread(past, out_usd), inflow=past.inflow, age=np.isfinite(past.log_tvl).sum(axis=0) / MEMORY,
        **{f"tvl_step_{k}": _tvl_step(past, k) for k in (1, 4, 12)},
        **{f"in_degree_step_{k}": degree - before[k] for k in (4, 12)},
        **{f"market_step_{k}": np.full(n, _market_step(past, k)) for k in (1, 4)},
    )  # fmt: skip
    return np.stack([np.asarray(columns[name], dtype=np.float64) for name in NODE_FEATURES], axis=1)


def _spread(past: Window, out_usd: Floats) -> dict[str, Floats]:
    """Return each creditor's largest share and the entropy (nats) of its exposures."""
    origin, n = past.origin, past.size
    share = origin.exposure_usd / out_usd[origin.creditor]
    largest: Floats = np.zeros(n)
    entropy = summed(origin.creditor, -share * np.log(share), n)
    np.maximum.at(largest, origin.creditor, share)
    return {"largest_share": largest, "entropy": entropy}


def _tvl_step(past: Window, lag: int) -> Floats:
    """Return each protocol's change of log1p TVL over `lag` snapshots, clipped to ±3; 0 where it is not defined."""
    if past.length <= lag:
        return np.zeros(past.size)
    step: Floats = np.clip(np.nan_to_num(past.log_tvl[0] - past.log_tvl[lag], nan=0.0), -3.0, 3.0)
    return step


def _market_step(past: Window, lag: int) -> float:
    """Return the median change of log1p TVL of the protocols that had TVL at both ends; 0 when there are none."""
    if past.length <= lag:
        return 0.0
    both = (past.log_tvl[0] > 0) & (past.log_tvl[lag] > 0)
    return float(np.median((past.log_tvl[0] - past.log_tvl[lag])[both])) if both.any() else 0.0


def _own(seen: PairMemory, key: Indices, length: int) -> dict[str, Floats]:
    """Return the memory of the ordered pairs `key`, in this order of the two ends."""
    at, found = seen.find(key)
    if not len(seen.key):
        return {name: np.zeros(len(key)) for name in (*OWN, "seen", "last")} | {"last": np.full(len(key), MEMORY * 1.0)}
    last = np.where(found, seen.last[at], MEMORY).astype(np.float64)
    columns: dict[str, Floats] = {
        "now": (last == 0).astype(np.float64),
        "last": last,
        "recency": np.log1p(last),
        "age": np.where(found, np.log1p(seen.first[at]), 0.0),
        "share_4": seen.count4[at] / min(4, length),
        "share_12": seen.count12[at] / min(12, length),
        "share_52": seen.count[at] / length,
        "log_now": seen.log_now[at],
        "log_last": seen.log_last[at],
        "log_mean": seen.log_mean[at],
        "log_step": seen.log_step[at],
        "seen": found.astype(np.float64),
    }
    always = {"last", "recency"}
    return {name: v if name in always else np.where(found, v, 0.0) for name, v in columns.items()}


def _both(own: dict[str, Floats], back: dict[str, Floats]) -> dict[str, Floats]:
    """Return what the two directions say together; `memory` is the pair-memory frequency of the flow basis."""
    either = np.minimum(own["share_12"] + back["share_12"], 1.0)
    turn = (12 * own["share_12"] + 0.5) / (12 * (own["share_12"] + back["share_12"]) + 1.0)
    return {"either_seen": np.maximum(own["seen"], back["seen"]), "memory": either * turn, "seen": own["seen"]}


def _ends(past: Window, node: Floats, key: Indices) -> dict[str, Floats]:
    """Return what the two ends of each pair bring: sizes, degrees, ages, popularity."""
    n = max(past.size, 1)
    creditor, debtor = key // n, key % n
    of = dict(zip(NODE_FEATURES, node.T, strict=True))
    sectors = past.origin.sectors
    mean = _log_mean_by_creditor(past)
    return {
        "creditor_log_tvl": of["log_tvl"][creditor],
        "debtor_log_tvl": of["log_tvl"][debtor],
        "creditor_out_degree": of["out_degree"][creditor],
        "debtor_in_degree": of["in_degree"][debtor],
        "debtor_out_degree": of["out_degree"][debtor],
        "creditor_in_degree": of["in_degree"][creditor],
        "creditor_age": of["age"][creditor],
        "debtor_age": of["age"][debtor],
        "debtor_trend": of["in_degree_step_12"][debtor],
        "creditor_tvl_step": of["tvl_step_1"][creditor],
        "debtor_tvl_step": of["tvl_step_1"][debtor],
        "sector_popularity": _popularity(past)[_codes(sectors)[creditor], debtor],
        "same_sector": (sectors[creditor] == sectors[debtor]).astype(np.float64),
        "creditor_log_mean": mean[creditor],
    }


def _log_mean_by_creditor(past: Window) -> Floats:
    """Return (N,) mean log1p exposure of each creditor now; the mean of all where it has none."""
    log_usd = np.log1p(past.origin.exposure_usd)
    count = np.bincount(past.origin.creditor, minlength=past.size)
    total = summed(past.origin.creditor, log_usd, past.size)
    fallback = float(log_usd.mean()) if len(log_usd) else 0.0
    return np.asarray(np.divide(total, count, out=np.full(past.size, fallback), where=count > 0))


def _codes(sectors: Texts) -> Indices:
    return np.unique(sectors.astype(str), return_inverse=True)[1].astype(np.int64)


def _popularity(past: Window) -> Floats:
    """Return (sectors, N): the share of a sector's protocols that hold the debtor now."""
    code = _codes(past.origin.sectors)
    members = np.bincount(code)
    held = np.bincount(code[past.origin.creditor] * past.size + past.origin.debtor, minlength=len(members) * past.size)
    share: Floats = held.reshape(len(members), past.size) / members[:, None]
    return share


def _anchor(own: dict[str, Floats], back: dict[str, Floats], fallback: Floats) -> Floats:
    reverse_later = (back["seen"] > 0) & ((own["seen"] == 0) | (back["last"] < own["last"]))
    seen = np.where(reverse_later, back["log_last"], own["log_last"])
    return np.where((own["seen"] > 0) | (back["seen"] > 0), seen, fallback)


RECENCY_EDGES: Final = (0, 1, 2, 4, 8, 16, MEMORY)  # lags at which a pair was last seen, either way; then never
SHARE_EDGES: Final = (0.01, 0.26, 0.51, 0.76, 0.99)  # share of the last 12 snapshots in this direction
CELLS: Final = 3 * len(RECENCY_EDGES) * (len(SHARE_EDGES) + 1)


def memory_cell(own: dict[str, Floats], back: dict[str, Floats]) -> Indices:
    """Return (C,) the cell of the memory table: state now (none, this way, other way) × recency × share of 12."""
    state = np.where(own["now"] > 0, 1, np.where(back["now"] > 0, 2, 0))
    recency = np.digitize(np.minimum(own["last"], back["last"]), RECENCY_EDGES) - 1
    share = np.digitize(own["share_12"], SHARE_EDGES)
    return ((state * len(RECENCY_EDGES) + recency) * (len(SHARE_EDGES) + 1) + share).astype(np.int64)
