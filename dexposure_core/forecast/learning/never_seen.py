"""What memory says of pairs never seen: a logistic regression upon the hazard table.

The table knows little of a pair without a past: three-paths and how many of the creditor's sector hold the debtor, in a
few bins. Births are rare, so a network that must learn everything else about the two ends (sizes, popularity, ages,
turnover) from them leaves much to chance, most of all in who ranks first. Thirty-five numbers a horizon, fitted to the
same training weeks with a normal prior, are nearly free of it; the network then corrects those.

A horizon for which the regression does not lower the log loss of the validation weeks keeps the table alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from dexposure_core.forecast.learning.examples import Example
from dexposure_core.forecast.net.heads import EXISTENCE, Network, kinds

PRECISION: Final = 10.0  # of the normal prior around 0 of every coefficient but the constant, in units of its spread
STEPS: Final = 12  # of Newton's method
LONGEST: Final = 1.0  # a step in any coefficient
SETTLED: Final = 1e-4

Rows = tuple[Tensor, Tensor, Tensor, Tensor]


def fit_never_seen(network: Network, learn: Sequence[Example], check: Sequence[Example]) -> None:
    """Set the network's regression, per horizon, where it helps on `check`; feature scales and table come first."""
    network.regression.zero_()
    at = torch.zeros(len(network.regression), dtype=torch.float64)
    for k in range(network.horizons):
        at = _fitted(network, learn, k, at)
        if _loss(network, check, k, at) < _loss(network, check, k, torch.zeros_like(at)):
            network.regression[:, k] = at.float()


def _rows(network: Network, examples: Sequence[Example], k: int) -> Iterator[Rows]:
    """Yield, per example that uses horizon k: features with a constant, table's log odds, whether it came, weight."""
    for e in examples:
        own = torch.nonzero(kinds(e.cell) == EXISTENCE.index("never")).squeeze(1)
        if e.use[k] and len(own):
            given = torch.cat([network.strangers(e.input["pair"][own]), torch.ones(len(own), 1)], dim=1)
            yield given, network.table[e.cell[own], k], e.exists[own, k], e.count[own]


def _fitted(network: Network, examples: Sequence[Example], k: int, start: Tensor) -> Tensor:
    """Return the coefficients with the largest posterior, by Newton's method from `start`."""
    prior = torch.full((len(start),), PRECISION, dtype=torch.float64)
    prior[-1] = 0.0
    at = start.clone()
    for _ in range(STEPS):
        slope, curve = prior * at, torch.diag(prior + 1e-9)
        for given, table, came, count in _rows(network, examples, k):
            p = torch.sigmoid(table + given @ at.float())
            slope += (given.T @ (count * (p - came))).double()
            curve += ((given * (count * p * (1 - p))[:, None]).T @ given).double()
        step = torch.linalg.solve(curve, slope).clamp(-LONGEST, LONGEST)
        at = at - step
        if float(step.abs().max()) < SETTLED:
            break
    return at


def _loss(network: Network, examples: Sequence[Example], k: int, at: Tensor) -> float:
    total = 0.0
    for given, table, came, count in _rows(network, examples, k):
        logit = table + given @ at.float()
        total += float(binary_cross_entropy_with_logits(logit, came, weight=count, reduction="sum"))
    return total
