"""What is counted rather than trained: scaling, the memory table, and how far to trust each correction.

The memory table is a birth-and-death table: for every cell of (state now, last seen, share of the last 12) the
share of training pairs that were an exposure h steps later. A cell with few pairs leans on its state and
recency, these on the state alone (five pseudo-pairs each), so no cell says exactly 0 or 1.

After training each correction (existence, size of what exists now, size of the rest, TVL; per horizon) is shrunk
towards memory by the factor out of 0, ¼, ½, ¾, 1 that does best on the validation weeks. A correction must help
clearly there, else it is switched off and the forecast is memory's: it must lower the loss by half a per cent and by
1.64 standard errors, where origins less than h steps apart, whose targets overlap, count as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from dexposure_core.forecast.examples import Example
from dexposure_core.forecast.features import CELLS, RECENCY_EDGES, SHARE_EDGES
from dexposure_core.forecast.heads import Network, exists_now, sized
from dexposure_core.forecast.record import Floats

PSEUDO: Final = 5.0
GRID: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
TVL_BETA: Final = 0.05  # log units at which the TVL loss turns from quadratic to absolute
MARGIN: Final = 0.005
CLEARLY: Final = 1.64


def scale(network: Network, examples: Sequence[Example]) -> None:
    """Set the mean and standard deviation of every feature over the training examples (a constant one: scale 1)."""
    for name in ("node", "pair"):
        rows = torch.cat([e.input[name][:: max(1, len(e.input[name]) // 2000)] for e in examples])
        spread = rows.std(dim=0, unbiased=False)
        network.get_buffer(f"{name}_mean").copy_(rows.mean(dim=0))
        network.get_buffer(f"{name}_scale").copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))


def count_table(network: Network, examples: Sequence[Example]) -> None:
    """Set the memory table: log odds of existence per cell and horizon, counted on the training examples."""
    total, exist = np.zeros((CELLS, network.horizons)), np.zeros((CELLS, network.horizons))
    for e in examples:
        cell, weight = e.cell.numpy(), e.count.numpy()
        for k in np.flatnonzero(e.use.numpy()):
            total[:, k] += np.bincount(cell, weight, CELLS)
            exist[:, k] += np.bincount(cell, weight * e.exists[:, k].numpy(), CELLS)
    rate = np.clip(_leaning(total, exist), 1e-6, 1 - 1e-6)
    network.table.copy_(torch.from_numpy(np.log(rate / (1 - rate))))


def _leaning(total: Floats, exist: Floats) -> Floats:
    shape = (3, len(RECENCY_EDGES), len(SHARE_EDGES) + 1, total.shape[1])
    n, k = total.reshape(shape), exist.reshape(shape)
    everywhere = (k.sum(axis=(0, 1, 2)) + 0.5) / (n.sum(axis=(0, 1, 2)) + 1.0)
    state = (k.sum(axis=(1, 2)) + PSEUDO * everywhere) / (n.sum(axis=(1, 2)) + PSEUDO)
    recent = (k.sum(axis=2) + PSEUDO * state[:, None]) / (n.sum(axis=2) + PSEUDO)
    cell = (k + PSEUDO * recent[:, :, None]) / (n + PSEUDO)
    rate: Floats = cell.reshape(total.shape)
    return rate


def losses(network: Network, e: Example, shrink: Tensor | None = None) -> Tensor:
    """Return (4, H) losses: existence (cross-entropy), size if it exists now, size of the rest, TVL; 0 where unused.

    The first three are per true exposure, so that they do not depend on how many candidates there are.
    """
    exists, size, tvl = network(e.input)
    if shrink is not None:
        exists, size, tvl = exists * shrink[0], size * sized(e.cell, shrink), tvl * shrink[3]
    logit = network.table[e.cell] + exists
    entropy = binary_cross_entropy_with_logits(
        logit, e.exists, weight=e.count[:, None].expand_as(logit), reduction="none"
    )
    size_loss = smooth_l1_loss(e.anchor[:, None] + size, e.log_usd, reduction="none", beta=0.5) * e.exists
    tvl_loss = smooth_l1_loss(tvl, e.tvl_step, reduction="none", beta=TVL_BETA) * e.tvl_known
    true = e.exists.sum(dim=0).clamp_min(1.0)
    known = e.tvl_known.sum(dim=0).clamp_min(1.0)
    now = exists_now(e.cell)[:, None]
    parts = [entropy / true, size_loss * now / true, size_loss * ~now / true, tvl_loss / known]
    return torch.stack([part.sum(dim=0) for part in parts]) * e.use


def mean_losses(network: Network, examples: Sequence[Example], shrink: Tensor | None = None) -> Tensor:
    """Return (4, H) losses, mean over the examples that use the horizon (NaN when none does)."""
    return _each(network, examples, shrink).nanmean(dim=0)


def _each(network: Network, examples: Sequence[Example], shrink: Tensor | None) -> Tensor:
    """Return (T, 4, H) losses per example; NaN where it does not use the horizon."""
    with torch.inference_mode():
        return torch.stack([torch.where(e.use, losses(network, e, shrink), torch.nan) for e in examples])


def choose_shrinkage(network: Network, examples: Sequence[Example], horizons: Sequence[int]) -> None:
    """Set, per correction and horizon, the factor of GRID with the least validation loss, 0 unless it clearly helps."""
    memory = _each(network, examples, torch.zeros_like(network.shrink))  # (T, 4, H)
    best = torch.zeros_like(network.shrink)
    most = torch.zeros_like(network.shrink)
    used = (~memory.isnan()).sum(dim=0)
    apart = (used / torch.tensor(horizons)).clamp_min(1.0)  # origins whose targets do not overlap
    for factor in GRID[1:]:
        gain = memory - _each(network, examples, torch.full_like(network.shrink, factor))
        mean = gain.nanmean(dim=0)
        error = ((gain - mean) ** 2).nanmean(dim=0).sqrt() / apart.sqrt()
        clear = (mean > MARGIN * memory.nanmean(dim=0)) & (mean > CLEARLY * error) & (mean > most)
        best, most = torch.where(clear, factor, best), torch.where(clear, mean, most)
    network.shrink.copy_(best)


def set_mean_factor(network: Network, examples: Sequence[Example]) -> None:
    """Set, per horizon, how much larger a mean size is than the typical (median) size that the head predicts.

    Over the true exposures of validation origins: Σ true / Σ predicted USD, divided by the growth of the whole
    network, Σ true / Σ today, because 24 weeks of a rising market are no reason to expect the next ones to rise.
    Medians over origins; 1 where there is none.
    """
    ratios: list[Tensor] = []
    growth: list[Tensor] = []
    with torch.inference_mode():
        for e in examples:
            size = e.anchor[:, None] + sized(e.cell, network.shrink) * network(e.input)[1]
            predicted = (torch.expm1(size.double().clamp(0, 32)) * e.exists).sum(dim=0)
            true = (torch.expm1(e.log_usd.double()) * e.exists).sum(dim=0)
            today = torch.expm1(e.input["weight"].double()).sum()
            fine = e.use & (predicted > 0) & (true > 0) & (today > 0)
            ratios.append(torch.where(fine, true / predicted, torch.nan))
            growth.append(torch.where(fine, true / today, torch.nan))
    factor = torch.stack(ratios).nanmedian(dim=0).values / torch.stack(growth).nanmedian(dim=0).values
    network.mean_factor.copy_(torch.nan_to_num(factor, nan=1.0).clamp(0.1, 10.0))


def relative(validation: Tensor, memory: Tensor) -> float:
    """Return the mean of loss over memory's loss: 1 means memory, below 1 better; NaN cells are left out."""
    ratio = validation / memory.clamp_min(1e-9)
    fine = torch.isfinite(ratio)
    return float(ratio[fine].mean()) if bool(fine.any()) else 1.0
