"""Training examples: model input at an origin and what happened at every horizon, as tensors.

Pairs the window has never seen are many and nearly all stay absent. For training one in seven of those is kept
and counts sevenfold, so that probabilities stay calibrated at the real base rate; every pair that came to
exist is kept. Validation keeps all pairs.

The common market move between origin and target is taken out of the targets: the median growth of the exposures
that last, and of TVL beyond what flows have already booked. Years of rising markets are no reason to expect the
next weeks to rise; what is left to learn is who grows or shrinks beside the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from dexposure_core.forecast.candidates import candidates
from dexposure_core.forecast.features import PAIR_FEATURES, Features, features
from dexposure_core.forecast.outcomes import look_up, outcome
from dexposure_core.forecast.record import Flags, Floats, Indices
from dexposure_core.forecast.window import net_inflow, window
from dexposure_core.network import Snapshot

KEPT_UNSEEN: Final = 1 / 7
_EITHER: Final = PAIR_FEATURES.index("either_seen")


def batch(given: Features, origin: Snapshot, sectors: Sequence[str]) -> dict[str, Tensor]:
    """Return the network's input; a sector the model does not know gets code 0."""
    code = {name: i + 1 for i, name in enumerate(sectors)}
    n = max(len(origin.protocols), 1)
    return {
        "node": torch.from_numpy(given.node).float(),
        "sector": torch.tensor([code.get(str(s), 0) for s in given.sector], dtype=torch.long),
        "edges": torch.from_numpy(np.stack([origin.creditor, origin.debtor])),
        "weight": torch.from_numpy(np.log1p(origin.exposure_usd)).float(),
        "pair": torch.from_numpy(given.pair).float(),
        "ends": torch.from_numpy(np.stack([given.key // n, given.key % n])),
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """One origin; C pairs, N protocols, H horizons.

    Attributes:
        input: the network's input.
        cell, anchor: (C,) the pair's memory cell and the size its head starts from.
        count: (C,) how many pairs each stands for.
        exists: (C, H) 0/1; `log_usd` (C, H) log1p of the size where it exists.
        tvl_step: (N, H) change of log1p TVL; `tvl_known` (N, H) whether there is one to learn from.
        use: (H,) whether this horizon's target belongs to the part of the data this example is for.
    """

    input: dict[str, Tensor]
    cell: Tensor
    anchor: Tensor
    count: Tensor
    exists: Tensor
    log_usd: Tensor
    tvl_step: Tensor
    tvl_known: Tensor
    use: Tensor


def example(
    history: Sequence[Snapshot],
    targets: Iterable[Snapshot | None],
    sectors: Sequence[str],
    rng: np.random.Generator | None,
) -> Example:
    """Return the example whose origin is the last of `history`; a target of None is a horizon not to be used.

    With `rng`, pairs never seen are thinned for training; without, all are kept.
    """
    origin, goals = history[-1], list(targets)
    past = window(history)
    key = candidates(past)
    seen = [_seen(origin, goal, key) for goal in goals]
    exists = np.stack([s[0] for s in seen], axis=1)
    whole = features(past, key)
    keep, count = _thinned(whole, exists, rng)
    given = whole.take(keep)
    return Example(
        input=batch(given, origin, sectors),
        cell=torch.from_numpy(given.cell),
        anchor=torch.from_numpy(given.anchor).float(),
        count=torch.from_numpy(count).float(),
        exists=torch.from_numpy(exists[keep]).float(),
        log_usd=torch.from_numpy(np.stack([s[1][keep] for s in seen], axis=1)).float(),
        tvl_step=torch.from_numpy(np.stack([s[2] for s in seen], axis=1)).float(),
        tvl_known=torch.from_numpy(np.stack([s[3] for s in seen], axis=1)),
        use=torch.tensor([goal is not None for goal in goals]),
    )


def _seen(origin: Snapshot, goal: Snapshot | None, key: Indices) -> tuple[Floats, Floats, Floats, Flags]:
    """Return existence and log size of the pairs, TVL step of the protocols and whether it is defined."""
    n = len(origin.protocols)
    if goal is None:
        return np.zeros(len(key)), np.zeros(len(key)), np.zeros(n), np.zeros(n, dtype=bool)
    after = outcome(origin, goal)
    exists, log_usd = look_up(key, after.key, after.log_usd)
    log_usd = np.where(exists, log_usd - _growth(origin, key, exists, log_usd), 0.0)
    today = np.log1p(origin.tvl_usd)
    known = after.stays & (today > 0) & (after.log_tvl > 0)
    step = after.log_tvl - today - _surprise(origin, (after.log_tvl - today)[known], known)
    return exists.astype(np.float64), log_usd, np.where(known, step, 0.0), known


def _growth(origin: Snapshot, key: Indices, exists: Flags, log_usd: Floats) -> float:
    """Return the median change of log1p USD of the exposures that exist at origin and target; 0 when none does."""
    now = origin.creditor * len(origin.protocols) + origin.debtor
    order = np.argsort(now)
    before, log_now = look_up(key, now[order], np.log1p(origin.exposure_usd)[order])
    both = before & exists
    return float(np.median((log_usd - log_now)[both])) if both.any() else 0.0


def _surprise(origin: Snapshot, steps: Floats, known: Flags) -> float:
    """Return the median step of log1p TVL beyond what the origin's flows have already booked."""
    if not len(steps):
        return 0.0
    booked = np.log1p(np.maximum(net_inflow(origin), -0.95))[known] if origin.basis == "flow" else np.zeros(1)
    return float(np.median(steps) - np.median(booked))


def _thinned(given: Features, exists: Floats, rng: np.random.Generator | None) -> tuple[Indices, Floats]:
    """Return the positions to keep and how many pairs each stands for."""
    size = len(given.key)
    if rng is None:
        return np.arange(size), np.ones(size)
    unseen = given.pair[:, _EITHER] == 0
    sure = ~unseen | exists.any(axis=1)
    keep = np.flatnonzero(sure | (rng.random(size) < KEPT_UNSEEN))
    return keep, np.where(sure[keep], 1.0, 1 / KEPT_UNSEEN)
