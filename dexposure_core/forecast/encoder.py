"""A small graph encoder: what a protocol is like, given its own numbers and those of its neighbours.

Two rounds of message passing over the exposures of the origin, in both directions with their own weights:

    h' = h + tanh(U·h + V₊·mean_w(h of debtors) + V₋·mean_w(h of creditors))

where mean_w weights each neighbour by log1p of the exposure, so that large exposures speak louder without
silencing the rest. Built on torch-geometric's `MessagePassing`; no sampling, the whole graph at once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing


class WeightedMean(MessagePassing):  # type: ignore[misc]  # torch_geometric has no stubs
    """Mean over a node's neighbours, weighted by the edges."""

    def __init__(self) -> None:
        super().__init__(aggr="add")

    def forward(self, state: Tensor, edges: Tensor, weight: Tensor) -> Tensor:
        """Return (N, H): for each node the weighted mean of `state` (N, H) over edges (2, E) that end in it."""
        total = torch.zeros(len(state), dtype=state.dtype).index_add_(0, edges[1], weight)
        share = weight / total[edges[1]].clamp_min(1e-12)
        mean: Tensor = self.propagate(edges, x=state, share=share)
        return mean

    def message(self, x_j: Tensor, share: Tensor) -> Tensor:
        """Return each edge's message: the neighbour's state times its share."""
        return x_j * share[:, None]


class Encoder(nn.Module):
    """Protocol features and sector → (N, hidden) states after `rounds` of message passing."""

    def __init__(self, features: int, sectors: int, hidden: int, rounds: int = 2) -> None:
        super().__init__()
        self.enter = nn.Linear(features, hidden)
        self.sector = nn.Embedding(sectors, hidden)
        self.own = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(rounds))
        self.debtors = nn.ModuleList(nn.Linear(hidden, hidden, bias=False) for _ in range(rounds))
        self.creditors = nn.ModuleList(nn.Linear(hidden, hidden, bias=False) for _ in range(rounds))
        self.mean = WeightedMean()

    def forward(self, node: Tensor, sector: Tensor, edges: Tensor, weight: Tensor) -> Tensor:
        """Return (N, hidden).

        Args:
            node: (N, features), standardised.
            sector: (N,) int codes.
            edges: (2, E) int, creditor rows above debtor rows.
            weight: (E,) log1p USD.
        """
        state = torch.tanh(self.enter(node) + self.sector(sector))
        back = edges.flip(0)
        for own, debtors, creditors in zip(self.own, self.debtors, self.creditors, strict=True):
            near = debtors(self.mean(state, back, weight)) + creditors(self.mean(state, edges, weight))
            state = state + torch.tanh(own(state) + near)
        return state
