"""What a vintage shows, week by week, in the terms in which the real dataset is described.

All figures but TVL are those of the flow basis, because the published networks are weekly changes:

    same direction(h) = |E_t ∩ E_{t+h}| / |E_{t+h}|            ordered pairs (p, q); `same_pair` ignores the order
    error(h)          = |log(1 + w_{t+h}) − log(1 + w_t)|      over E_{t+h}, w_t = 0 where the pair is not in E_t
    loss(4)           = max(0, 1 − W_{t+4} / W_t)              W = a node's incident flow; gone = 1
    overlap(h)        = |N_t ∩ N_{t+h}| / |N_t|                N = nodes with a flow
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dexposure_core.measures import gini, hhi, pagerank
from dexposure_core.network.snapshot import Floats, Indices, Snapshot
from dexposure_core.pipeline.calibrate.weeks import Week

HORIZONS: Final = (1, 4, 8, 12)
LOSS_WEEKS: Final = 4
CLOSE_UP: Final = (dt.date(2025, 1, 6), dt.date(2025, 7, 21))  # the weeks of the reference extracts
LOSS_QUANTILES: Final = (50, 75, 90)
WEIGHT_QUANTILES: Final = (5, 25, 50, 75, 95)
ONLY_TOKENS: Final = "Primary Market Tokens"  # sector of a token that is its own issuer: no category in the dataset
_WIDE: Final = np.int64(1 << 31)


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Everything the figures are made of.

    Attributes:
        weeks: one row per date; columns as in `_flow_row` and `_against`, null where not defined.
        top: protocol → number of close-up weeks in which it is among the ten largest by incident flow.
        categories: category → mean number of nodes in the close-up weeks; "" for nodes without one.
    """

    weeks: pl.DataFrame
    top: Counter[str]
    categories: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class _Edges:
    """The flow network of one date in codes that mean the same on every date.

    Attributes:
        keys: (E,) creditor · 2³¹ + debtor, ascending.
        pairs: (E,) the same with the smaller code first, ascending.
        logs: (E,) log1p USD, in the order of `keys`.
        incident: (codes,) USD of flow in and out of each node.
    """

    keys: Indices
    pairs: Indices
    logs: Floats
    incident: Floats


@dataclass(kw_only=True)
class _Memory:
    codes: dict[str, int] = field(default_factory=dict)
    edges: dict[dt.date, _Edges] = field(default_factory=dict)
    top: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    close_ups: int = 0


def observe(weeks: Iterable[Week]) -> Observed:
    """Read all weeks once, ascending, keeping the last twelve."""
    memory, rows = _Memory(), []
    for week in weeks:
        row: dict[str, object] = {"date": week.date, **_stock_row(week.holdings), **week.measured}
        if week.flow is not None:
            row |= _flow_row(week.flow) | _remember(memory, week.flow)
        rows.append(row)
    count = max(memory.close_ups, 1)
    return Observed(
        weeks=pl.DataFrame(rows, infer_schema_length=None),
        top=memory.top,
        categories={name: number / count for name, number in memory.categories.items()},
    )


def _stock_row(snapshot: Snapshot) -> dict[str, object]:
    return {"tvl": float(snapshot.tvl_usd.sum()), "tvl_hhi": hhi(snapshot.tvl_usd)}


def _flow_row(snapshot: Snapshot) -> dict[str, object]:
    """Return what one flow network shows by itself."""
    nodes, edges = len(snapshot.protocols), len(snapshot.exposure_usd)
    row: dict[str, object] = {"nodes": nodes, "edges": edges, "per_node": edges / nodes if nodes else None}
    row["density"] = edges / (nodes * (nodes - 1)) if nodes > 1 else None
    row |= _weights(snapshot.exposure_usd) if edges else {}
    if CLOSE_UP[0] <= snapshot.date <= CLOSE_UP[1] and edges:
        rank, incident = pagerank(snapshot), _incident(snapshot)
        row |= {
            "max_pagerank": float(rank.max()),
            "pagerank_gini": gini(rank),
            "strength_gini": gini(incident),
            "flow_hhi": hhi(np.bincount(snapshot.creditor, weights=snapshot.exposure_usd, minlength=nodes)),
            "top10_share": float(np.sort(incident)[-10:].sum() / incident.sum()),
        }
    return row


def _weights(usd: Floats) -> dict[str, object]:
    spread = np.percentile(np.log1p(usd), WEIGHT_QUANTILES)
    quantiles = {f"log_weight_p{q}": float(value) for q, value in zip(WEIGHT_QUANTILES, spread, strict=True)}
    return {"flow_total": float(usd.sum()), "flow_mean": float(usd.mean()), **quantiles}


def _incident(snapshot: Snapshot) -> Floats:
    count = len(snapshot.protocols)
    both = np.concatenate([snapshot.creditor, snapshot.debtor])
    return np.asarray(np.bincount(both, weights=np.tile(snapshot.exposure_usd, 2), minlength=count), dtype=np.float64)


def _remember(memory: _Memory, snapshot: Snapshot) -> dict[str, object]:
    """Return the row of a date against the dates before it, and keep it for those after."""
    codes = memory.codes
    code = np.fromiter((codes.setdefault(str(p), len(codes)) for p in snapshot.protocols), dtype=np.int64)
    incident = _incident(snapshot)
    now = _edges(snapshot, code, incident, len(codes))
    row: dict[str, object] = {}
    for horizon in HORIZONS:
        before = memory.edges.get(snapshot.date - dt.timedelta(weeks=horizon))
        row |= {} if before is None else _against(before, now, horizon)
    memory.edges[snapshot.date] = now
    memory.edges.pop(snapshot.date - dt.timedelta(weeks=max(HORIZONS)), None)
    if CLOSE_UP[0] <= snapshot.date <= CLOSE_UP[1]:
        memory.close_ups += 1
        memory.top.update(str(snapshot.protocols[i]) for i in np.argsort(-incident, kind="stable")[:10])
        memory.categories.update(_categories(snapshot))
    return row


def _edges(snapshot: Snapshot, code: Indices, incident: Floats, count: int) -> _Edges:
    creditor, debtor = code[snapshot.creditor], code[snapshot.debtor]
    keys = creditor * _WIDE + debtor
    order = np.argsort(keys)
    low, high = np.minimum(creditor, debtor), np.maximum(creditor, debtor)
    whole = np.zeros(count)
    whole[code] = incident
    return _Edges(
        keys=keys[order], pairs=np.sort(low * _WIDE + high), logs=np.log1p(snapshot.exposure_usd)[order], incident=whole
    )


def _against(before: _Edges, now: _Edges, horizon: int) -> dict[str, object]:
    """Return the figures of a horizon, dated at its end."""
    place, found = _find(now.keys, before.keys)
    _, paired = _find(now.pairs, before.pairs)
    error = np.abs(now.logs - np.where(found, before.logs[place], 0.0))
    old = before.incident > 0
    still = now.incident[: len(old)] > 0
    row: dict[str, object] = {
        f"same_direction_{horizon}": float(found.mean()),
        f"same_pair_{horizon}": float(paired.mean()),
        f"mae_{horizon}": float(error.mean()),
        f"mse_{horizon}": float(np.square(error).mean()),
        f"flipped_{horizon}": float(now.logs[~found].mean()) if not found.all() else None,
        f"overlap_{horizon}": float(still[old].mean()),
    }
    return row | (_losses(before.incident[old], now.incident[: len(old)][old]) if horizon == LOSS_WEEKS else {})


def _find(wanted: Indices, among: Indices) -> tuple[Indices, npt.NDArray[np.bool_]]:
    place = np.minimum(np.searchsorted(among, wanted), len(among) - 1)
    return place, among[place] == wanted


def _losses(before: Floats, after: Floats) -> dict[str, object]:
    loss = np.clip(1 - after / before, 0.0, 1.0)
    spread = np.percentile(loss, LOSS_QUANTILES)
    quantiles = {f"loss_p{q}": float(value) for q, value in zip(LOSS_QUANTILES, spread, strict=True)}
    gone = float((after <= 0).mean())
    return {"loss_mean": float(loss.mean()), "loss_none": float((loss == 0).mean()), "loss_gone": gone, **quantiles}


def _categories(snapshot: Snapshot) -> Counter[str]:
    told = zip(snapshot.categories, snapshot.sectors, strict=True)
    return Counter("" if sector in (ONLY_TOKENS, "Unknown") else str(name) for name, sector in told)
