"""How far to trust what was trained, decided on the validation weeks after training.

Every correction (existence of exposures of the origin, of pairs seen before, of pairs never seen; size of what exists
now, of the rest; TVL; per horizon) is shrunk towards memory by the factor out of 0, 0.1, ¼, ½, ¾, 1 whose gain on the
validation weeks, less half its standard error, is largest: what is doubtful is trusted a little or not at all. Origins
less than h steps apart, whose targets overlap, count as one. A tenth of a correction needs no more than a gain: it
moves no probability far, but it ranks where memory is undecided.

Then the log odds are stretched and shifted, per kind of pair and horizon, towards what the validation weeks show; the
prior says that nothing needs to be changed (Platt scaling with a normal prior on stretch and shift).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import torch
from torch import Tensor

from dexposure_core.forecast.learning.examples import Example
from dexposure_core.forecast.learning.fitting import parts, remembered
from dexposure_core.forecast.net.heads import KINDS, Network, kinds

GRID: Final = (0.1, 0.25, 0.5, 0.75, 1.0)
DOUBT: Final = 0.5  # standard errors that a gain is marked down by
PRIOR: Final = (0.15, 0.3)  # standard deviations of stretch around 1 and of shift around 0
STEPS: Final = 12  # of Newton's method

Said = list[tuple[Tensor, Tensor, Tensor, Tensor]]


def said(network: Network, examples: Sequence[Example]) -> Said:
    """Return states, existence logits, sizes and TVL of every example, made once."""
    with torch.inference_mode():
        return [network(e.input, e.cell) for e in examples]


def choose_shrinkage(network: Network, examples: Sequence[Example], told: Said, horizons: Sequence[int]) -> None:
    """Set, per correction and horizon, how far it is trusted: see the module's text."""
    memory = _each(network, examples, told, torch.zeros_like(network.shrink))
    tried = ((f, _each(network, examples, told, torch.full_like(network.shrink, f))) for f in GRID)
    network.shrink.copy_(clearly_best(memory, tried, horizons))


def clearly_best(memory: Tensor, tried: Iterable[tuple[float, Tensor]], horizons: Sequence[int]) -> Tensor:
    """Return (parts, H) the factor tried that clearly loses least; 0 where none is clearly better than memory.

    Args:
        memory: (T, parts, H) what memory lost per origin; NaN where that is not known.
        tried: factors, the smallest first, and what was lost with them.
        horizons: (H,) steps ahead.
    """
    best, most = torch.zeros(memory.shape[1:]), torch.zeros(memory.shape[1:], dtype=memory.dtype)
    apart = ((~memory.isnan()).sum(dim=0) / torch.tensor(horizons)).clamp_min(1.0)  # targets that do not overlap
    for factor, lost in tried:
        gain = memory - lost
        mean = gain.nanmean(dim=0)
        error = ((gain - mean) ** 2).nanmean(dim=0).sqrt() / apart.sqrt()
        sure = mean - DOUBT * error
        best, most = torch.where(sure > most, factor, best), torch.maximum(sure.nan_to_num(-torch.inf), most)
        if factor == GRID[0]:
            best = torch.where(mean > 0, factor, best)
    return best


def _each(network: Network, examples: Sequence[Example], told: Said, shrink: Tensor) -> Tensor:
    with torch.inference_mode():
        return torch.stack([
            torch.where(e.use, parts(network, e, exists, size[e.sized], tvl, shrink), torch.nan)
            for e, (_, exists, size, tvl) in zip(examples, told, strict=True)
        ])  # fmt: skip


def calibrate(network: Network, examples: Sequence[Example], told: Said, horizons: Sequence[int]) -> None:
    """Set stretch and shift of the log odds; overlapping targets count less, by the length of the horizon."""
    for k, h in enumerate(horizons):
        rows = [(e, remembered(network, e)[:, k], s[1][:, k]) for e, s in zip(examples, told, strict=True) if e.use[k]]
        for kind in range(KINDS):
            logit, exists, weight = [], [], []
            for e, memory, correction in rows:
                own = kinds(e.cell) == kind
                logit.append((memory[own] + network.shrink[kind, k] * correction[own]).double())
                exists.append(e.exists[own, k].double())
                weight.append(e.count[own].double() / h)
            if rows:
                a, b = _platt(torch.cat(logit), torch.cat(exists), torch.cat(weight))
                network.stretch[kind, k], network.shift[kind, k] = a, b


def _platt(logit: Tensor, exists: Tensor, weight: Tensor) -> tuple[float, float]:
    """Return the stretch and shift with the largest posterior, by Newton's method."""
    centre = torch.tensor([1.0, 0.0], dtype=torch.float64)
    precision = torch.tensor(PRIOR, dtype=torch.float64) ** -2
    at, rows = centre.clone(), torch.stack([logit, torch.ones_like(logit)])
    for _ in range(STEPS):
        p = torch.sigmoid(at @ rows)
        slope = rows @ (weight * (p - exists)) + precision * (at - centre)
        curve = (rows * (weight * p * (1 - p))) @ rows.T + torch.diag(precision)
        at = at - torch.linalg.solve(curve, slope).clamp(-0.5, 0.5)
    return float(at[0].clamp(0.5, 2.0)), float(at[1].clamp(-2.0, 2.0))
