"""From trained weights to a forecast: all pairs screened, the promising ones decoded.

The encoder runs once per origin. The screen then scores every ordered pair as a product of two short vectors, and the
best few debtors of every protocol join the candidates (every pair the window has seen, and popular debtors). Only
candidates are decoded in full; all other pairs have probability 0, and how many of the true exposures that costs is
printed as `candidate_recall`.
"""

from __future__ import annotations

from functools import partial
from threading import Lock
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from dexposure_core.forecast.known.candidates import exclusive, mirror_at
from dexposure_core.forecast.known.features import Features
from dexposure_core.forecast.known.offered import Offered, Pairs
from dexposure_core.forecast.known.pair_memory import FADES
from dexposure_core.forecast.learning.examples import batch
from dexposure_core.forecast.learning.turning import turned, usual
from dexposure_core.forecast.net.decoder import Sides
from dexposure_core.forecast.net.heads import KINDS, Network, amounts
from dexposure_core.forecast.record import Floats, Indices
from dexposure_core.forecast.weights import Weights
from dexposure_core.jobs import share

PROPOSED: Final = 10  # debtors that the screen proposes per protocol
ROWS: Final = 512  # creditors screened at once
PAIRS: Final = 32_768  # pairs decoded at once
LARGEST_LOG_USD: Final = 32.0  # log1p of 79 trillion USD: no exposure or TVL is forecast above it
SMALLEST_LOG_USD: Final = 1e-6
_THREADS: Final = Lock()  # torch's number of threads belongs to the whole process


class Scored(NamedTuple):
    """What a model says at every horizon: see `record.Forecast`.

    Attributes:
        key: (C,) creditor's row times the number of protocols, plus debtor's.
        probability, exposure_usd, summed_usd: (C, H).
        tvl_usd, summed_tvl_usd: (N, H).
    """

    key: Indices
    probability: Floats
    exposure_usd: Floats
    summed_usd: Floats
    tvl_usd: Floats
    summed_tvl_usd: Floats


def scored(weights: Weights, offered: Offered) -> Scored:
    """Return what the model says of every candidate pair and protocol."""
    past = offered.past
    network = weights.networks[past.origin.basis]
    with torch.inference_mode():
        protocols = batch(offered.protocols, past.origin, weights.about["sectors"])
        states = network.states(protocols)
        given = [offered.pairs, offered.beyond(proposed(network, states["never"]))]
        sides = network.sides(states)
        told = [_told(network, sides, pairs, max(past.size, 1)) for pairs in given]
        today = np.log1p(past.origin.tvl_usd)[:, None]
        correction = network.steps(states["amounts"], protocols)
        steps = [
            network.log_steps(protocols["booked"], correction, trust).double().numpy() for trust in _trusts(network)
        ]
    key = np.concatenate([pairs.key for pairs in given])
    order = np.argsort(key, kind="stable")  # a few sorted stretches, so this is a merge
    key, logit, way, *log_usd = key[order], *(np.concatenate(part)[order] for part in zip(*told, strict=True))
    probability = 1.0 / (1.0 + np.exp(-logit))
    if past.origin.basis == "flow":
        back = mirror_at(key, past.size)
        probability = turned(exclusive(probability, back), back, way, network.turn.double().numpy())
    usd, summed = (np.expm1(np.clip(size, SMALLEST_LOG_USD, LARGEST_LOG_USD)) for size in log_usd)
    tvl, summed_tvl = (np.expm1(np.clip(np.where(today > 0, today + s, 0.0), 0.0, LARGEST_LOG_USD)) for s in steps)
    return Scored(key, probability, usd, summed, tvl, summed_tvl)


def _trusts(network: Network) -> tuple[Tensor, Tensor]:
    """Return how far amounts are corrected: the typical ones, and those that sums are made with."""
    return amounts(network.shrink), network.summed


def proposed(network: Network, state: Tensor) -> Indices:
    """Return the keys of the best debtors of every protocol among ALL pairs, by the screen."""
    n = len(state)
    if n < 2:
        return np.zeros(0, dtype=np.int64)
    u, v = network.screen(state)
    found = []
    for start in range(0, n, ROWS):
        score = u[start : start + ROWS] @ v.T
        rows = torch.arange(len(score))
        score[rows, rows + start] = -torch.inf
        best = score.topk(min(PROPOSED, n - 1), dim=1, sorted=False).indices
        found.append(((rows + start)[:, None] * n + best).ravel())
    return np.asarray(torch.cat(found).numpy(), dtype=np.int64)


def _told(network: Network, sides: dict[str, Sides], pairs: Pairs, n: int) -> tuple[Floats, ...]:
    """Return log odds (C, H), the usual way of each pair (C,) and log1p USD, typical and for sums, in blocks.

    As many blocks at a time as torch has threads: a block is mostly numpy's work, done by one thread, so that is faster
    than many threads a block.
    """
    logit, typical, summed = (np.empty((len(pairs.key), network.horizons)) for _ in range(3))
    way = np.empty(len(pairs.key))

    def decode(start: int) -> None:
        rows = slice(start, start + PAIRS)
        with torch.inference_mode():
            logit[rows], way[rows], typical[rows], summed[rows] = _decoded(network, sides, pairs.features(rows), n)

    with _THREADS:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            share(threads, *(partial(decode, start) for start in range(0, len(pairs.key), PAIRS)))
        finally:
            torch.set_num_threads(threads)
    return logit, way, typical, summed


def _decoded(network: Network, sides: dict[str, Sides], given: Features, n: int) -> tuple[Floats, ...]:
    ends = torch.from_numpy(np.stack([given.key // n, given.key % n]))
    cell, pair = torch.from_numpy(given.cell), torch.from_numpy(given.pair)
    exists, size = network.decode(sides, pair, ends, cell)
    told = network.logits(network.memory(cell, pair), cell, exists, network.shrink)
    anchors = torch.from_numpy(given.anchors)
    log_usd = [network.log_sizes(cell, anchors, size, trust).numpy() for trust in _trusts(network)]
    return network.calibrated(cell, told).numpy(), usual(cell, pair), *log_usd


TARGETS: Final = (
    "exposures of today", "pairs seen before", "pairs never seen", "size of today's exposures", "size of others", "TVL",
)  # fmt: skip


START: Final = ("today's TVL", "TVL after today's flows, the largest left out", "TVL after today's flows")


def sources(network: Network, k: int) -> dict[str, str]:
    """Return, per target, what the k-th horizon is served from: which memory, and how far the model is trusted."""
    fade = FADES[int(network.fade[k])]
    size = "the last size" if fade == 0 else f"mean size, half-life {fade:g}" if np.isfinite(fade) else "mean size"
    tvl = START[int(network.booked[k])]
    leaning = ", leaning the usual way" if network.lean else ""
    odds = "hazard table" + (f" (directions {float(network.turn[k]):.0%})" if network.turn[k] else leaning)
    new = "hazard table and a regression on both ends" if network.regression[:, k].any() else "hazard table"
    memory = [odds, odds, new, size, size, tvl]
    trust = network.shrink[:, k].tolist()
    in_sums = [*trust[:KINDS], *network.summed[:, k].tolist()]
    return {
        target: kept if share == 0 else f"{kept}, corrected by the model ({_shares(share, summed)})"
        for target, kept, share, summed in zip(TARGETS, memory, trust, in_sums, strict=True)
    }


def _shares(share: float, in_sums: float) -> str:
    return f"{share:.0%}" if in_sums == share else f"{share:.0%}; {in_sums:.0%} in sums of USD"
