"""Training examples: model input at an origin and what happened at every horizon, as tensors.

Pairs the window has never seen are many and nearly all stay absent. For training one in seven of those is kept
and counts sevenfold, so that probabilities stay calibrated at the real base rate; every pair that came to
exist is kept. Some pairs outside the candidates are added, so that the decoder knows them when the screen proposes
such a pair. Validation keeps all candidates and nothing else.

The common market move between origin and target is taken out of the targets: the median growth of the exposures
that last, and of TVL beyond what flows have already booked. Years of rising markets are no reason to expect the
next weeks to rise; what is left to learn is who grows or shrinks beside the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from dexposure_core.forecast.judging.outcomes import look_up, outcome
from dexposure_core.forecast.known.candidates import both_ways, candidates
from dexposure_core.forecast.known.features import CELLS, Features, Origin, never
from dexposure_core.forecast.known.pair_cells import SHAPE
from dexposure_core.forecast.known.window import net_inflow, window
from dexposure_core.forecast.net.heads import kinds
from dexposure_core.forecast.record import Flags, Floats, Indices, distinct
from dexposure_core.network import Snapshot

KEPT_UNSEEN: Final = 1 / 7
LEAST_LEFT: Final = 0.05  # of TVL after the flows
KEPT: Final = ((0.0, 0.0), (0.3, 0.95), (1.0, 1.0))
"""Which flows TVL is taken to have moved by: net outflows up to this share of TVL, net inflows up to that; the choices.

What is sent in one step beyond a third of TVL, or received beyond all of it, is mostly passed on: TVL hardly moves.
"""
OUTSIDE: Final = 3  # pairs outside the candidates per protocol
RIVALS: Final = 20  # random pairs per protocol that births are told from


def batch(given: Features, origin: Snapshot, sectors: Sequence[str]) -> dict[str, Tensor]:
    """Return the network's input; a sector the model does not know gets code 0."""
    code = {name: i + 1 for i, name in enumerate(sectors)}
    n = max(len(origin.protocols), 1)
    return {
        "node": torch.from_numpy(given.node).float(),
        "weeks": torch.from_numpy(given.weeks).float(),
        "sector": torch.tensor([code.get(str(s), 0) for s in given.sector], dtype=torch.long),
        "edges": torch.from_numpy(np.stack([origin.creditor, origin.debtor])),
        "edge": torch.from_numpy(given.edge),
        "weight": torch.from_numpy(np.log1p(origin.exposure_usd)).float(),
        "pair": torch.from_numpy(given.pair),
        "ends": torch.from_numpy(np.stack([given.key // n, given.key % n])),
        "booked": torch.from_numpy(booked(origin)).float(),
    }


def booked(origin: Snapshot) -> Floats:
    """Return (N, choices of KEPT) the step of log1p TVL that the origin's flows have booked already; 0 on holdings.

    On the flow basis TVL is the opening balance of the week whose flows the exposures are.
    """
    if origin.basis != "flow":
        return np.zeros((len(origin.protocols), len(KEPT)))
    inflow = net_inflow(origin)[:, None]
    after = origin.tvl_usd[:, None] * np.maximum(1.0 + inflow, LEAST_LEFT)
    sent, received = np.array(KEPT).T
    return np.where((inflow >= -sent) & (inflow <= received), np.log1p(after) - np.log1p(origin.tvl_usd)[:, None], 0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """One origin; C pairs, N protocols, H horizons.

    Pairs come kind by kind (`heads.kinds`), within a kind in order of their key.

    Attributes:
        input: the network's input.
        cell: (C,) the pair's memory cell; anchors: (C, fades) the sizes its head may start from.
        count: (C,) how many pairs each stands for.
        exists: (C, H) 0/1; `log_usd` (C, H) log1p of the size where it exists.
        sized: (S,) positions of the pairs that exist at any horizon: only they have a size to learn from.
        log_tvl: (N,) log1p TVL at the origin.
        tvl_step: (N, H) change of log1p TVL; `tvl_known` (N, H) whether there is one to learn from.
        use: (H,) whether this horizon's target belongs to the part of the data this example is for.
        born: (2, B) pairs never seen that came to exist; rivals: (2, R) random pairs that did not.
        taught: (C, H) probability that earlier networks give each pair, learnt from in place of `exists`; None: not.
        memory: (C, H) log odds of memory, once that is counted; None: made anew whenever they are needed.
    """

    input: dict[str, Tensor]
    cell: Tensor
    anchors: Tensor
    count: Tensor
    exists: Tensor
    log_usd: Tensor
    sized: Tensor
    log_tvl: Tensor
    tvl_step: Tensor
    tvl_known: Tensor
    use: Tensor
    born: Tensor
    rivals: Tensor
    taught: Tensor | None = None
    memory: Tensor | None = None

    def on(self, device: torch.device) -> Example:
        """Return it with every tensor on a device; tensors that are there already are not copied."""
        moved: dict[str, Any] = {
            name: {k: t.to(device) for k, t in own.items()} if name == "input" else own.to(device)
            for name, own in ((field.name, getattr(self, field.name)) for field in fields(self))
            if own is not None
        }
        return Example(**moved)


def example(
    history: Sequence[Snapshot],
    targets: Iterable[Snapshot | None],
    sectors: Sequence[str],
    rng: np.random.Generator | None,
    most: int | None = None,
) -> Example:
    """Return the example whose origin is the last of `history`; a target of None is a horizon not to be used.

    With `rng`, pairs never seen are thinned for training and some others added; without, all candidates are kept. With
    `most`, at most about so many pairs that neither exist nor come to exist are kept, for networks of full size.
    """
    origin, goals = history[-1], list(targets)
    past = window(history)
    key, n = both_ways(candidates(past), past), max(past.size, 1)
    if rng is not None:
        key = distinct(np.concatenate([key, _random(n, OUTSIDE * past.size, rng)]))
    whole = Origin(past).features(key)
    seen = [_seen(origin, goal, key) for goal in goals]
    exists = np.stack([s[0] for s in seen], axis=1)
    keep, count = _thinned(whole, exists, rng, most)
    by_kind = np.argsort(kinds(torch.from_numpy(whole.cell[keep])).numpy(), kind="stable")
    keep, count = keep[by_kind], count[by_kind]
    given = whole.take(keep)
    born, rivals = _births(whole, exists, n, rng)
    return Example(
        input=batch(given, origin, sectors),
        cell=torch.from_numpy(given.cell),
        anchors=torch.from_numpy(given.anchors),
        count=torch.from_numpy(count).float(),
        exists=torch.from_numpy(exists[keep]).float(),
        sized=torch.from_numpy(np.flatnonzero(exists[keep].any(axis=1))),
        log_usd=torch.from_numpy(np.stack([s[1][keep] for s in seen], axis=1)).float(),
        log_tvl=torch.from_numpy(np.log1p(origin.tvl_usd)).float(),
        tvl_step=torch.from_numpy(np.stack([s[2] for s in seen], axis=1)).float(),
        tvl_known=torch.from_numpy(np.stack([s[3] for s in seen], axis=1)),
        use=torch.tensor([goal is not None for goal in goals]),
        born=born, rivals=rivals,
    )  # fmt: skip


def _random(n: int, count: int, rng: np.random.Generator) -> Indices:
    """Return keys of random ordered pairs of two different protocols."""
    if n < 2:
        return np.zeros(0, dtype=np.int64)
    creditor, away = rng.integers(0, n, count), rng.integers(1, n, count)
    return np.asarray(creditor * n + (creditor + away) % n)


def _births(whole: Features, exists: Floats, n: int, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
    born = whole.key[never(whole) & exists.any(axis=1)]
    rivals = _random(n, RIVALS * n, rng) if rng is not None else born[:0]
    rivals = rivals[~np.isin(rivals, whole.key[exists.any(axis=1)])]
    return torch.from_numpy(np.stack([born // n, born % n])), torch.from_numpy(np.stack([rivals // n, rivals % n]))


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
    return float(np.median(steps) - np.median(booked(origin)[known, -1]))


def _thinned(
    given: Features, exists: Floats, rng: np.random.Generator | None, most: int | None
) -> tuple[Indices, Floats]:
    """Return the positions to keep and how many pairs each stands for."""
    sure = exists.any(axis=1) | (given.cell < CELLS // SHAPE[0])  # came to exist, or exists at the origin
    rate = np.where(never(given), KEPT_UNSEEN if rng is not None else 1.0, 1.0)
    if most is not None:
        rate *= min(1.0, most / max(float(rate[~sure].sum()), 1.0))
    rate[sure] = 1.0
    drawn = (rng or np.random.default_rng(len(rate))).random(len(rate))
    keep = np.flatnonzero(drawn < rate)
    return keep, 1.0 / rate[keep]
