"""How far corrections of sizes and TVL are trusted where USD are summed.

Corrections of amounts are learnt, and trusted, on logarithms: a small exposure counts like a large one. A sum of USD is
made of few large ones, which move less than the corrections say. So what sums are made with
(`record.Forecast.summed_usd`, `summed_tvl_usd`) has a trust of its own: of the corrections as they are served, that
share of `trusting.GRID` which clearly lowers the absolute error in USD on the validation weeks, per horizon, for
today's exposures, for the others and for TVL. A tenth needs only a gain there, as everywhere; more has to be beyond
doubt. As in all that is learnt, the move that the whole market shares is left out of what came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from dexposure_core.forecast.learning.examples import Example
from dexposure_core.forecast.learning.fitting import remembered
from dexposure_core.forecast.learning.trusting import GRID, Said, clearly_best
from dexposure_core.forecast.net.heads import Network, amounts, exists_now


def choose_summed(network: Network, examples: Sequence[Example], told: Said, horizons: Sequence[int]) -> None:
    """Set the network's trust in sums; its corrections and probabilities have been chosen before."""
    trust = amounts(network.shrink)
    with torch.inference_mode():
        errors = torch.stack([_errors(network, e, said) for e, said in zip(examples, told, strict=True)])
    memory, tried = errors[:, 0], errors[:, 1:].unbind(dim=1)
    network.summed.copy_(clearly_best(memory, zip(GRID, tried, strict=True), horizons) * trust)


def _errors(network: Network, e: Example, said: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
    """Return (1 + len(GRID), 3, H) absolute errors over the USD that came; NaN where a horizon is not used.

    The first are those of memory's amounts, the others those of each share of the correction.
    """
    _, exists, size, tvl = said
    logit = network.logits(remembered(network, e), e.cell, exists, network.shrink)
    probability, now = torch.sigmoid(network.calibrated(e.cell, logit)).double(), exists_now(e.cell)
    came = e.exists * torch.expm1(e.log_usd.double())
    today = e.log_tvl[:, None].double()
    became = e.tvl_known * torch.expm1(today + e.tvl_step)
    every = []
    for share in (0.0, *GRID):
        trust = share * amounts(network.shrink)
        usd = torch.expm1(network.log_sizes(e.cell, e.anchors, size, trust).double())
        off = (probability * usd - came).abs() * e.count[:, None]
        later = e.tvl_known * torch.expm1(today + network.log_steps(e.input["booked"], tvl, trust))
        every.append(torch.stack(list(_over(off[now], off[~now], (later - became).abs(), came=came, became=became))))
    return torch.where(e.use, torch.stack(every), torch.nan)


def _over(now: Tensor, others: Tensor, tvl: Tensor, *, came: Tensor, became: Tensor) -> Iterator[Tensor]:
    """Yield (H,) the share that errors (rows, H) have in what came; NaN where nothing did."""
    for off, true in ((now, came), (others, came), (tvl, became)):
        yield off.sum(dim=0) / true.sum(dim=0)
