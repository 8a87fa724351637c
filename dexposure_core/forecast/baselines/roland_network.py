"""The network of the ROLAND-style baseline: states that live through the snapshots, and three decoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch_geometric.nn import GraphConv

from dexposure_core.forecast.net import message_files

LAYERS: Final = 2


class Network(nn.Module):
    """Graph layers with a memory each, then decoders of pairs and protocols; zero change before training."""

    def __init__(self, *, node: int, pair: int, hidden: int, horizons: int) -> None:
        super().__init__()
        self.hidden, self.horizons = hidden, horizons
        self.enter = nn.Linear(node, hidden)
        self.debtors = nn.ModuleList(GraphConv(hidden, hidden, aggr="mean") for _ in range(LAYERS))
        self.creditors = nn.ModuleList(GraphConv(hidden, hidden, aggr="mean") for _ in range(LAYERS))
        message_files.sweep()
        self.memory = nn.ModuleList(nn.GRUCell(hidden, hidden) for _ in range(LAYERS))
        self.pair = nn.Linear(pair, hidden)
        self.creditor = nn.Linear(hidden, hidden, bias=False)
        self.debtor = nn.Linear(hidden, hidden, bias=False)
        self.match = nn.Linear(hidden, hidden, bias=False)
        self.mix = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 2 * horizons)
        self.tvl = nn.Sequential(nn.Linear(hidden + node, hidden), nn.ReLU(), nn.Linear(hidden, horizons))

    def live(self, node: Tensor, edges: Tensor, weight: Tensor, before: Sequence[Tensor]) -> list[Tensor]:
        """Return the layers' states (N, hidden) after one more snapshot.

        Args:
            node: (N, features) of the snapshot's protocols.
            edges: (2, E), creditor rows above debtor rows.
            weight: (E,) how loudly each speaks.
            before: the layers' states of the same protocols before it; zeros for a new one.
        """
        state, after = torch.relu(self.enter(node)), []
        for debtors, creditors, memory, kept in zip(self.debtors, self.creditors, self.memory, before, strict=True):
            near = debtors(state, edges.flip(0), weight) + creditors(state, edges, weight)
            state = memory(torch.relu(near), kept)
            after.append(state)
        return after

    def decode(self, state: Tensor, node: Tensor, pair: Tensor, ends: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (C, horizons), changes of log size (C, horizons) and of log TVL (N, horizons)."""
        creditor, debtor = ends
        mixed = (
            self.pair(pair)
            + self.creditor(state)[creditor]
            + self.debtor(state)[debtor]
            + self.match(state)[creditor] * state[debtor]
        )
        said = self.out(torch.relu(self.mix(torch.relu(mixed))))
        return said[:, : self.horizons], said[:, self.horizons :], self.tvl(torch.cat([state, node], dim=1))
