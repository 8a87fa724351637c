"""The losses of training, and what is counted before it: scaling, the memory table, the size to start from.

The memory table is the hazard table, nested in the model: for every cell (`pair_cells`) the share of training pairs
that were an exposure h steps later, an inner cell leaning on the outer one. How deep to look and how much to lean is
chosen per horizon on the validation weeks, and so is the fading mean that a size starts from: persistence and the EWMA
are among the choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid, smooth_l1_loss

from dexposure_core.forecast.baselines.counting import Cells
from dexposure_core.forecast.known.features import CELLS
from dexposure_core.forecast.known.pair_cells import SHAPE
from dexposure_core.forecast.known.pair_memory import FADES
from dexposure_core.forecast.learning.examples import KEPT, Example
from dexposure_core.forecast.net.heads import EXISTENCE, KINDS, Network, amounts, kinds
from dexposure_core.forecast.record import Floats

DEPTHS: Final = (1, 2, 3, 4)
PSEUDO: Final = (2.0, 10.0, 50.0, 200.0)
SIZE_BETA: Final = 0.5  # log units at which the size loss turns from quadratic to absolute
TVL_BETA: Final = 0.02
LEAST_LOSS: Final = 1e-6  # what memory loses counts as at least this, so that ratios stay finite
LEAN: Final = 0.05
SURE: Final = 1e-5  # no probability of the table is nearer to 0 or 1


def scale(network: Network, examples: Sequence[Example]) -> None:
    """Set the mean and standard deviation of every feature over the training examples (a constant one: scale 1)."""
    for name in ("node", "pair", "edge"):
        rows = torch.cat([e.input[name][:: max(1, len(e.input[name]) // 2000)] for e in examples])
        if not len(rows):
            continue
        spread = rows.std(dim=0, unbiased=False)
        network.get_buffer(f"{name}_mean").copy_(rows.mean(dim=0))
        network.get_buffer(f"{name}_scale").copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))


def count_table(network: Network, learn: Sequence[Example], check: Sequence[Example]) -> None:
    """Set the memory table: log odds of existence per cell and horizon, counted on `learn`, set up on `check`."""
    depths = DEPTHS[:1] if "history" in network.without else DEPTHS
    for k in range(network.horizons):
        counted = _counted(learn, k)
        told, came = _counted(check, k)
        best = (np.inf, np.zeros(CELLS))
        for depth, pseudo in product(depths, PSEUDO):
            rate = Cells(total=counted[0], true=counted[1]).rates(depth, pseudo)
            full = np.broadcast_to(rate.reshape(rate.shape + (1,) * (len(SHAPE) - depth)), SHAPE)
            p = np.clip(full, SURE, 1 - SURE)
            lost = float(-(came * np.log(p) + (told - came) * np.log1p(-p)).sum())
            best = min(best, (lost, p.ravel()), key=lambda found: found[0])
        network.table[:, k].copy_(torch.from_numpy(np.log(best[1] / (1 - best[1]))))


def lean(network: Network, basis: str) -> None:
    """Set how far the log odds of a flow lean to the way it usually went: too little to matter for any probability.

    Most weeks say nothing about the direction of a flow, so that a table's cells are all one half there and rank
    nothing. What little there is to know then ranks: which way the pair went more often.
    """
    if basis == "flow" and "history" not in network.without:
        network.lean.fill_(LEAN)


def _counted(examples: Sequence[Example], k: int) -> tuple[Floats, Floats]:
    total, exist = np.zeros(CELLS), np.zeros(CELLS)
    for e in examples:
        if e.use[k]:
            cell, weight = e.cell.numpy(), e.count.numpy()
            total += np.bincount(cell, weight, CELLS)
            exist += np.bincount(cell, weight * e.exists[:, k].numpy(), CELLS)
    return total.reshape(SHAPE), exist.reshape(SHAPE)


def choose_anchor(network: Network, check: Sequence[Example]) -> None:
    """Set, per horizon, what sizes and TVL start from: whichever is nearest (absolute log) on the validation weeks.

    Of sizes a fading mean; of TVL today's, or that after the origin's flows (see `examples.KEPT`).
    """
    lost = torch.zeros(len(FADES), network.horizons, dtype=torch.float64)
    off = torch.zeros(len(KEPT), network.horizons, dtype=torch.float64)
    for e in check:
        missed = (e.anchors[:, :, None] - e.log_usd[:, None, :]).abs() * e.exists[:, None, :]
        lost += missed.sum(dim=0) * e.use
        stepped = (e.input["booked"][:, :, None] - e.tvl_step[:, None, :]).abs() * e.tvl_known[:, None, :]
        off += stepped.sum(dim=0) * e.use
    network.fade.copy_(lost.argmin(dim=0))
    network.booked.copy_(off.argmin(dim=0))


def losses(network: Network, e: Example, shrink: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return (PARTS, H) losses (existence per kind of pair; size of today's exposures, of the others; TVL) and screen.

    Those of pairs are per true exposure, so that they do not depend on how many candidates there are; 0 where unused.
    """
    state, exists, size, tvl = network(e.input, e.cell, e.sized)
    trusted = torch.ones_like(network.shrink) if shrink is None else shrink
    return parts(network, e, exists, size, tvl, trusted) * e.use, screened(network, e, state)


def remembered(network: Network, e: Example) -> Tensor:
    """Return (C, H) log odds of memory."""
    return network.memory(e.cell, e.input["pair"]) if e.memory is None else e.memory


def parts(network: Network, e: Example, exists: Tensor, size: Tensor, tvl: Tensor, shrink: Tensor) -> Tensor:
    """Return (PARTS, H) losses of corrections as far as they are trusted; `size` is of the pairs `e.sized`."""
    logit = network.logits(remembered(network, e), e.cell, exists, shrink)
    weight = e.count[:, None].expand_as(logit)
    goal = e.exists if e.taught is None else e.taught
    entropy = binary_cross_entropy_with_logits(logit, goal, weight=weight, reduction="none")
    log_usd = network.log_sizes(e.cell[e.sized], e.anchors[e.sized], size, amounts(shrink))
    off = smooth_l1_loss(log_usd, e.log_usd[e.sized], reduction="none", beta=SIZE_BETA) * e.exists[e.sized]
    moved = network.log_steps(e.input["booked"], tvl, amounts(shrink))
    step = smooth_l1_loss(moved, e.tvl_step, reduction="none", beta=TVL_BETA) * e.tvl_known
    true, known = e.exists.sum(dim=0).clamp_min(1.0), e.tvl_known.sum(dim=0).clamp_min(1.0)
    kind = kinds(e.cell)
    by_kind = entropy.new_zeros(KINDS, network.horizons).index_add_(0, kind, entropy)
    sizes = off.new_zeros(2, network.horizons).index_add_(0, kind[e.sized].clamp_max(1), off)
    return torch.cat([by_kind / true, sizes / true, (step.sum(dim=0) / known)[None]])


def screened(network: Network, e: Example, state: Tensor) -> Tensor:
    """Return the mean log loss of telling births from random pairs; 0 without births."""
    if not e.born.shape[1] or not e.rivals.shape[1]:
        return state.new_zeros(())
    born, rival = network.screen.of(state, e.born), network.screen.of(state, e.rivals)
    lost: Tensor = -(logsigmoid(born).mean() + logsigmoid(-rival).mean())
    return lost


def each(network: Network, examples: Sequence[Example], shrink: Tensor | None) -> Tensor:
    """Return (T, PARTS, H) losses per example; NaN where it does not use the horizon."""
    with torch.inference_mode():
        return torch.stack([torch.where(e.use, losses(network, e, shrink)[0], torch.nan) for e in examples])


def mean_losses(network: Network, examples: Sequence[Example], shrink: Tensor | None = None) -> Tensor:
    """Return (PARTS, H) losses, mean over the examples that use the horizon (NaN when none does)."""
    return each(network, examples, shrink).nanmean(dim=0)


def relative(validation: Tensor, memory: Tensor) -> dict[str, float]:
    """Return per branch the mean of loss over memory's loss: 1 means memory, below 1 better; NaN cells are left out."""
    ratio = validation / memory.clamp_min(LEAST_LOSS)
    rows = {name: ratio[k] for k, name in enumerate(EXISTENCE)} | {"amounts": ratio[KINDS:]}
    return {name: _mean(row) for name, row in rows.items()}


def _mean(ratio: Tensor) -> float:
    fine = torch.isfinite(ratio)
    return float(ratio[fine].mean()) if bool(fine.any()) else 1.0
