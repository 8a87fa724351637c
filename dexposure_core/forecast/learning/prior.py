"""Made-up graph-tabular tasks: what the encoder is taught before it sees any exposure.

Each task is a random world of its own. Protocols have a hidden nature z; their numbers are random smooth functions of z
(a small random network per task, in the spirit of prior-fitted networks), their weeks an autoregression that starts
from it; who holds whom follows from how natures match and from popularity that grows with itself; and some numbers
are means over the neighbours. To fill a masked number in, or to tell a pair from a random one, the encoder must read
the other numbers and the graph. Nothing here is taken from data.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor

from dexposure_core.forecast.known.features import EDGE_FEATURES
from dexposure_core.forecast.known.node_features import LAGS, NODE_FEATURES, WEEK_FEATURES
from dexposure_core.forecast.record import Floats, Indices

NODES: Final = (60, 240)
NATURE: Final = 6
DEGREE: Final = (2.0, 8.0)
MEMORY: Final = (0.5, 0.99)  # autocorrelation of the weeks
NOISE: Final = 0.3
OF_NEIGHBOURS: Final = 0.3  # share of the numbers that are means over debtors or creditors


def task(sectors: int, rng: np.random.Generator) -> dict[str, Tensor]:
    """Return one task as a batch for the encoder: node, sector, weeks, edges, edge, weight; already standardised."""
    n = int(rng.integers(*NODES))
    nature = rng.normal(size=(n, NATURE))
    creditor, debtor, match = _holdings(nature, rng)
    weight = np.exp(0.5 * match + 0.5 * rng.normal(size=len(match)))
    node = _numbers(nature, len(NODE_FEATURES), rng)
    _mean_over_neighbours(node, creditor, debtor, rng)
    edge = _numbers(np.concatenate([nature[creditor], nature[debtor]], axis=1), len(EDGE_FEATURES), rng)
    arrays = {"node": _standard(node), "weeks": _weeks(nature, rng), "edge": _standard(edge)}
    kinds = nature @ rng.normal(size=(NATURE, sectors))
    return {
        **{name: torch.from_numpy(values).float() for name, values in arrays.items()},
        "weight": torch.from_numpy(weight).float(),
        "sector": torch.from_numpy(kinds.argmax(axis=1)), "edges": torch.from_numpy(np.stack([creditor, debtor])),
    }  # fmt: skip


def _holdings(nature: Floats, rng: np.random.Generator) -> tuple[Indices, Indices, Floats]:
    """Return creditors and debtors of the exposures and how well each pair matches."""
    n = len(nature)
    match = (nature @ rng.normal(size=(NATURE, NATURE)) / NATURE) @ nature.T
    score = match + rng.gumbel(size=(n, n)) + rng.exponential(1.5, n)  # a few popular debtors
    np.fill_diagonal(score, -np.inf)
    count = int(n * rng.uniform(*DEGREE))
    top = np.argpartition(-score, count, axis=None)[:count]
    return top // n, top % n, match.ravel()[top]


def _numbers(given: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Return (N, count) random smooth functions of `given` (N, K), with noise."""
    wide = 2 * given.shape[1]
    first = np.tanh(given @ rng.normal(size=(given.shape[1], wide)) + rng.normal(size=wide))
    chosen = rng.normal(size=(wide, count)) * (rng.random((wide, count)) < 0.4)
    return np.asarray(first @ chosen + NOISE * rng.normal(size=(len(given), count)))


def _mean_over_neighbours(node: Floats, creditor: Indices, debtor: Indices, rng: np.random.Generator) -> None:
    for k in np.flatnonzero(rng.random(node.shape[1]) < OF_NEIGHBOURS):
        here, there = (creditor, debtor) if rng.random() < 0.5 else (debtor, creditor)
        total = np.bincount(here, node[there, rng.integers(node.shape[1])], len(node))
        node[:, k] = total / np.maximum(np.bincount(here, minlength=len(node)), 1)


def _weeks(nature: Floats, rng: np.random.Generator) -> Floats:
    """Return (N, lags, K) autoregressions, newest first, that start from functions of the nature."""
    values = _standard(_numbers(nature, len(WEEK_FEATURES), rng))
    found = [values]
    for step in np.diff(LAGS):
        keep = rng.uniform(*MEMORY, len(WEEK_FEATURES)) ** step
        values = keep * values + np.sqrt(1.0 - keep**2) * rng.normal(size=values.shape)
        found.append(values)
    return np.stack(found, axis=1)


def _standard(values: Floats) -> Floats:
    spread = values.std(axis=0) if len(values) else np.ones(values.shape[1])
    mean = values.mean(axis=0) if len(values) else 0.0
    return np.asarray(np.clip((values - mean) / np.maximum(spread, 1e-6), -5, 5))
