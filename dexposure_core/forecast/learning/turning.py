"""Which way a flow goes, once it is known how likely it goes at all.

Everything that tells the two directions of a pair apart (the table's cells, the network) is counted and learnt on weeks
whose flows share the market's sign: a few dozen weeks that stand for themselves, not hundreds of thousands of pairs. So
it says too much, and four steps ahead and more it ranks hardly better than a coin, while what the pair did over the
last year still tells a little. The direction of a pair seen before is therefore said anew,

    log(P(p → q) / P(q → p)) = turn · what was learnt + USUAL · log odds of its last 52 snapshots,

and the sum of both stays as it is. `turn` is START, or whichever of TURNS the validation weeks clearly like better.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from dexposure_core.forecast.known.candidates import mirror_in_any_order
from dexposure_core.forecast.known.features import PAIR_FEATURES
from dexposure_core.forecast.learning.examples import Example
from dexposure_core.forecast.learning.fitting import remembered
from dexposure_core.forecast.learning.trusting import Said
from dexposure_core.forecast.net.heads import EXISTENCE, Network, kinds
from dexposure_core.forecast.record import Floats, Indices

TURNS: Final = (0.25, 0.1, 0.5, 0.75, 1.0)
START: Final = TURNS[0]
USUAL: Final = 0.15
DOUBT: Final = 1.0  # standard errors that a gain is marked down by
SPAN: Final = 52
_OWN, _BACK = (PAIR_FEATURES.index(name) for name in (f"share_{SPAN}", f"reverse_share_{SPAN}"))
_LEAST: Final = 1e-9  # no probability counts as less, so that its logarithm stays finite


def usual(cell: Tensor, pair: Tensor) -> Floats:
    """Return (C,) log odds that a pair went this way over the last 52 snapshots; NaN where it was never seen.

    Each way is given half a snapshot more.
    """
    way = torch.log((SPAN * pair[:, _OWN] + 0.5) / (SPAN * pair[:, _BACK] + 0.5)).double()
    return way.masked_fill(kinds(cell) == EXISTENCE.index("never"), torch.nan).numpy()


def turned(probability: Floats, back: Indices, way: Floats, turn: Floats) -> Floats:
    """Return probabilities (C, H) with the direction of pairs seen before said anew.

    Args:
        probability: (C, H), of which the two directions of a pair sum to at most 1.
        back: (C,) where each pair stands the other way round, as `candidates.mirror_at` returns it.
        way: (C,) as `usual` returns it.
        turn: (H,) how far what was learnt is believed; 0: as it is.
    """
    own = np.flatnonzero(np.isfinite(way) & (back >= 0))
    other, said = back[own], probability.copy()
    for k in np.flatnonzero(turn):
        p, q = np.maximum(probability[own, k], _LEAST), np.maximum(probability[other, k], _LEAST)
        said[own, k] = (p + q) / (1.0 + np.exp(-_direction(p, q, way[own], turn[k])))
    return said


def choose_turn(network: Network, examples: Sequence[Example], told: Said, horizons: Sequence[int]) -> None:
    """Set how far what was learnt of directions is believed, per horizon: START where the validation weeks are unsure.

    Another of TURNS has to lose less (log loss of the directions that came) by more than a standard error; origins less
    than h steps apart, whose targets overlap, count as one.
    """
    if not network.lean:
        return
    with torch.inference_mode():
        lost = torch.stack([_lost(network, e, s[1]) for e, s in zip(examples, told, strict=True)])  # (T, TURNS, H)
    gain = lost[:, :1] - lost
    mean = gain.nanmean(dim=0)
    apart = ((~gain.isnan()).sum(dim=0) / torch.tensor(horizons)).clamp_min(1.0)
    error = ((gain - mean) ** 2).nanmean(dim=0).sqrt() / apart.sqrt()
    best = (mean - DOUBT * error).nan_to_num(0.0).argmax(dim=0)  # START gains nothing on itself, and comes first
    network.turn.copy_(torch.tensor(TURNS)[best])


def _direction(p: Floats, q: Floats, way: Floats, turn: float) -> Floats:
    return np.asarray(turn * np.log(p / q) + USUAL * way)


def _lost(network: Network, e: Example, correction: Tensor) -> Tensor:
    """Return (TURNS, H) mean log loss of the directions of flows that came; NaN where there are none.

    The other way round of a flow that came may have been thinned out; each that is left counts for those.
    """
    n, ends = max(len(e.input["node"]), 1), e.input["ends"].numpy()
    way, at = usual(e.cell, e.input["pair"]), mirror_in_any_order(ends[0] * n + ends[1], n)
    own = np.flatnonzero(np.isfinite(way) & (at >= 0))
    back = at[own]
    logit = network.logits(remembered(network, e), e.cell, correction, network.shrink)
    p = np.maximum(torch.sigmoid(network.calibrated(e.cell, logit)).double().numpy(), _LEAST)
    lost = torch.full((len(TURNS), network.horizons), torch.nan)
    for k in np.flatnonzero(e.use.numpy()):
        came = e.exists[own, k].numpy() > 0
        if not came.any():
            continue
        this, other, weight = own[came], back[came], e.count[back[came]].double().numpy()
        for i, turn in enumerate(TURNS):
            x = _direction(p[this, k], p[other, k], way[this], turn)
            lost[i, k] = float((weight * np.logaddexp(0.0, -x)).sum() / weight.sum())
    return lost
