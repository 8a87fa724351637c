"""Three heads on the encoder, each a correction to memory that starts at nothing.

    existence   logit P(p→q at t+h) = memory table[cell of the pair, h] + r_e(pair features, h_p, h_q)
    size        log1p USD at t+h    = anchor + r_w(pair features, h_p, h_q)
    TVL         log1p TVL at t+h    = log1p TVL today + r_v(h_p, mean of its debtors, mean of its creditors)

The last layer of every correction starts at zero, so an untrained model IS memory and only evidence moves it.
A pair is decoded from sums of per-protocol projections and a bilinear term, never from concatenated states:
scoring is then linear in the number of pairs (an MLP on concatenations costs nine times as much).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dexposure_core.forecast.encoder import Encoder
from dexposure_core.forecast.features import CELLS


class Correction(nn.Module):
    """Pair features and the states of the two ends → (C, outputs), zero before training."""

    def __init__(self, features: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.pair = nn.Linear(features, hidden)
        self.creditor = nn.Linear(hidden, hidden, bias=False)
        self.debtor = nn.Linear(hidden, hidden, bias=False)
        self.match = nn.Linear(hidden, hidden, bias=False)
        self.mix = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, outputs)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, pair: Tensor, state: Tensor, ends: Tensor) -> Tensor:
        """Return (C, outputs) for pairs (C, features) between states (N, hidden); ends (2, C) are their rows."""
        creditor, debtor = ends
        match = self.match(state)[creditor] * state[debtor]
        mixed = self.pair(pair) + self.creditor(state)[creditor] + self.debtor(state)[debtor] + match
        result: Tensor = self.out(torch.relu(self.mix(torch.relu(mixed))))
        return result


def exists_now(cell: Tensor) -> Tensor:
    """Return (C,) bool: the pair is an exposure at the origin, in this direction (memory cells are sorted by state)."""
    return (cell >= CELLS // 3) & (cell < 2 * (CELLS // 3))


def sized(cell: Tensor, shrink: Tensor) -> Tensor:
    """Return (C, horizons): how far the size correction of each pair is trusted."""
    return torch.where(exists_now(cell)[:, None], shrink[1], shrink[2])


class Network(nn.Module):
    """Encoder and heads of one basis, for all horizons at once.

    Buffers hold what was counted or measured on the training weeks, so that they travel with the weights:
    scaling of the features, the memory table (cells, horizons), the shrinkage of each correction and the
    mean factor of sizes (horizons,).
    """

    node_mean: Tensor
    node_scale: Tensor
    pair_mean: Tensor
    pair_scale: Tensor
    mean_factor: Tensor
    table: Tensor
    shrink: Tensor

    def __init__(self, *, node: int, pair: int, sectors: int, cells: int, horizons: int, hidden: int) -> None:
        super().__init__()
        self.encoder = Encoder(node, sectors, hidden)
        self.pairs = Correction(pair, hidden, 2 * horizons)
        last = nn.Linear(hidden, horizons)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.tvl = nn.Sequential(nn.Linear(node + 3 * hidden, hidden), nn.ReLU(), last)
        self.register_buffer("node_mean", torch.zeros(node))
        self.register_buffer("node_scale", torch.ones(node))
        self.register_buffer("pair_mean", torch.zeros(pair))
        self.register_buffer("pair_scale", torch.ones(pair))
        self.register_buffer("mean_factor", torch.ones(horizons))
        self.register_buffer("table", torch.zeros(cells, horizons))
        self.register_buffer("shrink", torch.ones(4, horizons))
        self.horizons = horizons

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return corrections: existence logits (C, horizons), log sizes (C, horizons), log TVL (N, horizons)."""
        node = ((batch["node"] - self.node_mean) / self.node_scale).clamp(-5, 5)
        pair = ((batch["pair"] - self.pair_mean) / self.pair_scale).clamp(-5, 5)
        edges, weight = batch["edges"], batch["weight"]
        state = self.encoder(node, batch["sector"], edges, weight)
        both = self.pairs(pair, state, batch["ends"])
        mean = self.encoder.mean
        around = [node, state, mean(state, edges.flip(0), weight), mean(state, edges, weight)]
        return both[:, : self.horizons], both[:, self.horizons :], self.tvl(torch.cat(around, dim=1))
