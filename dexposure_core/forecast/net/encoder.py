"""The graph-tabular encoder: what a protocol is like, given its own numbers, its last weeks and its neighbours.

1. Attention over feature tokens. Every number of a protocol is a token, x·w + b with its own w and b; so are its sector
   and each of its recent snapshots. A few learnt queries read the tokens (multi-head attention, Vaswani et al. 2017;
   feature tokens as in Gorishniy et al. 2021) and are mixed into one state per protocol.
2. Message passing over the exposures of the origin, in both directions with weights of their own:

       h' = h + tanh(U·h + mean_w(g₊(e)⊙V₊·h_debtor + R₊·e) + mean_w(g₋(e)⊙V₋·h_creditor + R₋·e))

   where e are the features of the exposure, g a gate between 0 and 1, and mean_w weights each neighbour by log1p of the
   exposure, so that large exposures speak louder without silencing the rest.

Trained through torch-geometric's `MessagePassing` (`passing`); no sampling, the whole graph at once.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

QUERIES: Final = 4
HEADS: Final = 4
ROUNDS: Final = 2
ROWS: Final = 2048  # protocols read at once where nothing is learnt: what they need stays in the cache


class Exposures(nn.Module):
    """One direction of one round: the gated weighted mean of what a node's neighbours and exposures say."""

    def __init__(self, hidden: int, edge: int) -> None:
        super().__init__()
        self.value = nn.Linear(hidden, hidden, bias=False)
        self.gate = nn.Linear(edge, hidden)
        self.told = nn.Linear(edge, hidden, bias=False)

    def forward(self, state: Tensor, edges: Tensor, share: Tensor, edge: Tensor) -> Tensor:
        """Return (N, hidden).

        Args:
            state: (N, hidden).
            edges: (2, E), from the rows above to the rows below.
            share: (E,) weight of each edge among those that end in the same node.
            edge: (E, features).
        """
        value, gate, told = self.value(state), torch.sigmoid(self.gate(edge)), self.told(edge)
        if torch.is_grad_enabled():
            from dexposure_core.forecast.net.passing import gated_sum

            said: Tensor = gated_sum(edges, value, gate, told, share)
            return said
        said = value.index_select(0, edges[0]).mul_(gate).add_(told).mul_(share[:, None])  # `message`, without copies
        return torch.zeros_like(state).index_add_(0, edges[1], said)


def message(value: Tensor, gate: Tensor, told: Tensor, share: Tensor) -> Tensor:
    """Return (E, hidden) what is said along each edge: a gated value and the exposure's own part, weighted."""
    return (value * gate + told) * share[:, None]


def shares(edges: Tensor, weight: Tensor, nodes: int) -> Tensor:
    """Return (E,) each edge's weight over the sum of those that end in the same node."""
    total = weight.new_zeros(nodes).index_add_(0, edges[1], weight)
    return weight / total.index_select(0, edges[1]).clamp_min(1e-12)


class Tabular(nn.Module):
    """Numbers (N, features), sector (N,) and weeks (N, lags, K) of each protocol → (N, hidden), by attention."""

    def __init__(self, features: int, sectors: int, lags: int, week: int, hidden: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.randn(features, hidden) / hidden**0.5)
        self.shift = nn.Parameter(torch.zeros(features, hidden))
        self.unknown = nn.Parameter(torch.zeros(features, hidden))
        self.sector = nn.Embedding(sectors, hidden)
        self.week = nn.Linear(week, hidden)
        self.lag = nn.Parameter(torch.randn(lags, hidden) / hidden**0.5)
        self.queries = nn.Parameter(torch.randn(QUERIES, hidden) / hidden**0.5)
        self.key = nn.Linear(hidden, hidden, bias=False)
        self.value = nn.Linear(hidden, hidden, bias=False)
        self.enter = nn.Linear(features, hidden)
        self.mix = nn.Linear(QUERIES * hidden, hidden)
        wide = 2 * hidden
        self.deepen = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, wide), nn.GELU(), nn.Linear(wide, hidden))

    def forward(self, node: Tensor, sector: Tensor, weeks: Tensor, hidden_cells: Tensor | None = None) -> Tensor:
        """Return (N, hidden); `hidden_cells` (N, features) bool says which numbers it may not see."""
        if torch.is_grad_enabled() or hidden_cells is not None or len(node) <= ROWS:
            return self._read(node, sector, weeks, hidden_cells)
        blocks = [slice(start, start + ROWS) for start in range(0, len(node), ROWS)]
        return torch.cat([self._read(node[rows], sector[rows], weeks[rows], None) for rows in blocks])

    def _read(self, node: Tensor, sector: Tensor, weeks: Tensor, hidden_cells: Tensor | None) -> Tensor:
        """Return (N, hidden).

        The key and the value of a number's token are affine in the number, so what a query hears of numbers is worked
        out on the numbers themselves: their tokens are never made.
        """
        (n, features), width = node.shape, self.queries.shape[1]
        hidden = None if hidden_cells is None else hidden_cells[:, None]
        node = node if hidden_cells is None else node.masked_fill(hidden_cells, 0.0)
        others = torch.cat([self.sector(sector)[:, None], torch.tanh(self.week(weeks) + self.lag)], dim=1)
        asked = self._asked()
        shift = asked @ self.shift.T
        shift = shift if hidden is None else torch.where(hidden, asked @ self.unknown.T, shift)
        told = node[:, None] * (asked @ self.scale.T) + shift  # (N, queries × heads, features)
        share = torch.softmax(torch.cat([told, (others @ asked.T).transpose(1, 2)], dim=2), dim=2)
        own, rest = share[:, :, :features], share[:, :, features:]
        heard = (own * node[:, None]) @ self.scale + torch.bmm(rest, others)
        if hidden is None:
            heard = heard + own @ self.shift
        else:
            heard = heard + own.masked_fill(hidden, 0.0) @ self.shift + own.masked_fill(~hidden, 0.0) @ self.unknown
        value = self.value.weight.reshape(HEADS, -1, width)
        read = torch.einsum("nqhi,hdi->nqhd", heard.reshape(n, QUERIES, HEADS, width), value)
        state = torch.tanh(self.mix(read.reshape(n, QUERIES * width)) + self.enter(node))
        deeper: Tensor = state + self.deepen(state)
        return deeper

    def _asked(self) -> Tensor:
        """Return (queries × heads, hidden): what each query of each head looks for in a token."""
        width = self.queries.shape[1]
        key = self.key.weight.reshape(1, HEADS, -1, width)
        asked = (self.queries.reshape(QUERIES, HEADS, -1, 1) * key).sum(dim=2).reshape(QUERIES * HEADS, width)
        scaled: Tensor = asked / (width // HEADS) ** 0.5
        return scaled


class Encoder(nn.Module):
    """Protocols and exposures of an origin → (N, hidden) states."""

    def __init__(self, *, features: int, sectors: int, lags: int, week: int, edge: int, hidden: int) -> None:
        super().__init__()
        self.tabular = Tabular(features, sectors, lags, week, hidden)
        self.own = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(ROUNDS))
        self.debtors = nn.ModuleList(Exposures(hidden, edge) for _ in range(ROUNDS))
        self.creditors = nn.ModuleList(Exposures(hidden, edge) for _ in range(ROUNDS))

    def forward(self, batch: dict[str, Tensor], hidden_cells: Tensor | None = None) -> Tensor:
        """Return (N, hidden).

        Args:
            batch: standardised node (N, features), weeks (N, lags, week) and edge (E, edge); sector (N,) codes; edges
                (2, E), creditor rows above debtor rows; weight (E,) log1p USD.
            hidden_cells: (N, features) bool, numbers that are masked.
        """
        state: Tensor = self.tabular(batch["node"], batch["sector"], batch["weeks"], hidden_cells)
        there, edge = batch["edges"], batch["edge"]
        back = there.flip(0)
        share, share_back = (shares(e, batch["weight"], len(state)) for e in (there, back))
        for own, debtors, creditors in zip(self.own, self.debtors, self.creditors, strict=True):
            near = debtors(state, back, share_back, edge) + creditors(state, there, share, edge)
            state = state + torch.tanh(own(state) + near)
        return state
