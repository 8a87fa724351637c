"""The task heads: corrections to memory, for pairs and for protocols.

Memory is nested: the existence of a pair starts from the log odds of its cell in a table counted on the training weeks
(of a pair never seen, from those of a logistic regression upon it, see `never_seen`), its size from its own (fading
mean) size, a protocol's TVL from today's. The heads add to that, and their last layers start at zero, so before
training the model is memory itself.

A pair is decoded from its own features and from the states of its two ends (see `decoder`).

There are four branches: the existence of today's exposures, of pairs seen before, of pairs never seen, and amounts
(sizes, TVL). Deaths, returns and births are learnt, and overlearnt, at another pace than how much. The three of
existence share one encoder while they are trained (`tied`), but each keeps it as it was when that branch was best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

import torch
from torch import Tensor, nn

from dexposure_core.forecast.known.features import CELLS, HISTORY, OF_ENDS, PAIR_FEATURES
from dexposure_core.forecast.known.pair_cells import NEVER, SHAPE
from dexposure_core.forecast.net.decoder import Correction, Screen, Sides
from dexposure_core.forecast.net.encoder import Encoder, shares

KINDS: Final = 3  # of pairs: exposures of the origin; seen before; never seen
PARTS: Final = 6  # corrections trusted apart: existence per kind, size of today's exposures, of the others, TVL
LEANING: Final = ((4, "share_4"), (12, "share_12"), (52, "share_52"))
"""Snapshots, and the features that say in which share of them a pair went this way."""
_PER_STATE: Final = CELLS // SHAPE[0]
_PAST: Final = [k for k, name in enumerate(PAIR_FEATURES) if name in HISTORY]
OF_STRANGERS: Final = (
    "paths", "paths_per_debt", "paths_per_both", "sector_popularity", "same_sector", "creditor_log_mean",
    *(f"{end}_{name}" for end in ("creditor", "debtor") for name in OF_ENDS),
)  # fmt: skip
"""All features that a pair without a past has."""
_STRANGERS: Final = torch.tensor([PAIR_FEATURES.index(name) for name in OF_STRANGERS])
EXISTENCE: Final = ("now", "seen", "never")  # kinds of pairs in order of their number
BRANCHES: Final = {
    **{kind: (f"encoders.{kind}", f"exists.{kind}") for kind in EXISTENCE[:-1]},
    "never": ("encoders.never", "exists.never", "screen"), "amounts": ("encoders.amounts", "size", "tvl"),
}  # fmt: skip
"""Branches and their modules."""
ABLATIONS: Final = ("graph", "history", "tabular")  # what a network can be made without, to see what it is worth
AMOUNTS: Final = "amounts"  # without this branch a network says whether pairs exist, and nothing of sizes


def kinds(cell: Tensor) -> Tensor:
    """Return (C,) the kind of each pair: 0 an exposure of the origin (this way), 1 seen before, 2 never seen."""
    return (cell >= _PER_STATE).long() + (cell >= NEVER * _PER_STATE)


def usual_way(pair: Tensor) -> Tensor:
    """Return (C,) log odds that pairs (C, features) went this way rather than the other, as often as they did lately.

    The mean over the last 4, 12 and 52 snapshots, each with half a snapshot more on either side; 0 of pairs never seen.
    """
    found = pair.new_zeros(len(pair))
    for span, name in LEANING:
        own, back = (pair[:, PAIR_FEATURES.index(name)] for name in (name, f"reverse_{name}"))
        found += torch.log((span * own + 0.5) / (span * back + 0.5)) / len(LEANING)
    return found


def amounts(shrink: Tensor) -> Tensor:
    """Return (3, horizons), of (PARTS, horizons), those of sizes of today's exposures, of the others, and of TVL."""
    return shrink[KINDS:]


def exists_now(cell: Tensor) -> Tensor:
    """Return (C,) bool: the pair is an exposure at the origin, in this direction."""
    return kinds(cell) == 0


class Network(nn.Module):
    """Encoder and heads of one basis, for all horizons at once.

    Buffers hold what was counted or measured on the training weeks, so that they travel with the weights: scaling of
    the features, the memory table (cells, horizons), the regression that pairs never seen add to it (features and a
    constant, horizons) and how far it leans to the usual way of a pair (), the mean size that sizes start from
    (horizons,), which of the origin's flows the TVL it starts from has booked (horizons, a choice of `examples.KEPT`),
    how far each correction is trusted (PARTS, horizons), how far those of amounts are in sums of USD (PARTS - KINDS,
    horizons), the stretch and shift of log odds (KINDS, horizons) and how far what was learnt of the direction of flows
    is believed (horizons, 0: as it is, see `turning`).
    """

    node_mean: Tensor
    node_scale: Tensor
    pair_mean: Tensor
    pair_scale: Tensor
    edge_mean: Tensor
    edge_scale: Tensor
    table: Tensor
    regression: Tensor
    lean: Tensor
    fade: Tensor
    booked: Tensor
    shrink: Tensor
    summed: Tensor
    stretch: Tensor
    shift: Tensor
    turn: Tensor

    def __init__(
        self, *, node: int, pair: int, edge: int, sectors: int, lags: int, week: int, cells: int, horizons: int,
        hidden: int, without: Sequence[str] = (),
    ) -> None:  # fmt: skip
        super().__init__()
        self.without = frozenset(without)
        self.encoders = nn.ModuleDict({
            name: Encoder(features=node, sectors=sectors, lags=lags, week=week, edge=edge, hidden=hidden)
            for name in BRANCHES
        })  # fmt: skip
        self.exists = nn.ModuleDict({kind: Correction(pair, hidden, horizons) for kind in EXISTENCE})
        self.size = Correction(pair, hidden, horizons)
        self.screen = Screen(hidden)
        last = nn.Linear(hidden, horizons)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.tvl = nn.Sequential(nn.Linear(node + 3 * hidden, hidden), nn.ReLU(), last)
        for name, size in (("node", node), ("pair", pair), ("edge", edge)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_scale", torch.ones(size))
        self.register_buffer("table", torch.zeros(cells, horizons))
        self.register_buffer("regression", torch.zeros(len(OF_STRANGERS) + 1, horizons))
        self.register_buffer("lean", torch.zeros(()))
        self.register_buffer("fade", torch.zeros(horizons, dtype=torch.long))
        self.register_buffer("booked", torch.zeros(horizons, dtype=torch.long))
        self.register_buffer("shrink", torch.ones(PARTS, horizons))
        self.register_buffer("summed", torch.ones(PARTS - KINDS, horizons))
        self.register_buffer("stretch", torch.ones(KINDS, horizons))
        self.register_buffer("shift", torch.zeros(KINDS, horizons))
        self.register_buffer("turn", torch.zeros(horizons))
        self.horizons, self.hidden = horizons, hidden

    def scaled(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the batch with standardised node and edge features, without what the network is made without."""
        given = {**batch, **{name: self._standard(name, batch[name]) for name in ("node", "edge")}}
        if "graph" in self.without:
            given |= {name: given[name][..., :0] for name in ("edges", "weight")} | {"edge": given["edge"][:0]}
        if "tabular" in self.without:
            given["node"] = torch.zeros_like(given["node"])
        if self.without & {"tabular", "history"}:
            given["weeks"] = torch.zeros_like(given["weeks"])
        return given

    def _standard(self, name: str, values: Tensor) -> Tensor:
        return (values - self.get_buffer(f"{name}_mean")).div_(self.get_buffer(f"{name}_scale")).clamp_(-5, 5)

    def tied(self) -> Network:
        """Return itself with one encoder for the three branches of existence, as it is trained."""
        for kind in EXISTENCE[1:]:
            self.encoders[kind] = self.encoders[EXISTENCE[0]]
        return self

    def encoder(self, branch: str) -> Encoder:
        """Return the encoder of a branch."""
        return cast("Encoder", self.encoders[branch])

    def states(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return (N, hidden) per branch, for a batch as it comes."""
        given, made = self.scaled(batch), {}
        for name, encoder in self.encoders.items():
            if name not in self.without and id(encoder) not in made:
                made[id(encoder)] = encoder(given)
        nothing = given["node"].new_zeros(len(given["node"]), self.hidden)
        return {name: made.get(id(encoder), nothing) for name, encoder in self.encoders.items()}

    def sides(self, states: dict[str, Tensor]) -> dict[str, Sides]:
        """Return what the states of each branch bring to pairs, worked out once per protocol."""
        heads = {**self.exists, AMOUNTS: self.size}
        return {name: cast("Correction", head).sides(states[name]) for name, head in heads.items()}

    def decode(
        self, states: Mapping[str, Tensor | Sides], pair: Tensor, ends: Tensor, cell: Tensor,
        sized: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Return corrections of existence logits (C, horizons) and of log sizes (S, horizons).

        `states` may be their `sides` as well. Sizes are those of the pairs at the positions `sized` (S,), None: of all.
        """
        given = self._standard("pair", pair)
        if "history" in self.without:
            given[:, _PAST] = 0.0
        kind = kinds(cell)
        order = None if bool((kind[1:] >= kind[:-1]).all()) else torch.argsort(kind, stable=True)
        ours, of = (given, ends) if order is None else (given.index_select(0, order), ends.index_select(1, order))
        count = [int((kind == k).sum()) for k in range(KINDS)]
        own = zip(EXISTENCE, torch.split(ours, count), torch.split(of, count, dim=1), strict=True)
        said = torch.cat([self.exists[name](pairs, states[name], of) for name, pairs, of in own])
        if order is not None:
            said = torch.empty_like(said).index_copy_(0, order, said)
        if sized is not None:
            given, ends = given.index_select(0, sized), ends.index_select(1, sized)
        return said, self.size(given, states[AMOUNTS], ends)

    def steps(self, state: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Return (N, horizons) changes of log TVL from the states of amounts."""
        given = self.scaled(batch)
        edges, weight = given["edges"], given["weight"]
        around = [given["node"], state]
        for there in (edges.flip(0), edges):
            near = state.index_select(0, there[0]) * shares(there, weight, len(state))[:, None]
            around.append(torch.zeros_like(state).index_add_(0, there[1], near))
        change: Tensor = self.tvl(torch.cat(around, dim=1))
        return change

    def forward(
        self, batch: dict[str, Tensor], cell: Tensor, sized: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the states (N, hidden) that the screen reads, then the corrections.

        These are of existence logits (C, horizons), of log sizes (S, horizons; see `decode`) and of log TVL (N,
        horizons).
        """
        states = self.states(batch)
        exists, size = self.decode(states, batch["pair"], batch["ends"], cell, sized)
        return states["never"], exists, size, self.steps(states["amounts"], batch)

    def strangers(self, pair: Tensor) -> Tensor:
        """Return (C, OF_STRANGERS) what the regression reads of pairs (C, features), standardised."""
        mean, scale = self.pair_mean[_STRANGERS], self.pair_scale[_STRANGERS]
        given = pair.T[_STRANGERS]  # a feature at a time, as they lie in memory
        return given.sub_(mean[:, None]).div_(scale[:, None]).clamp_(-5, 5).T

    def memory(self, cell: Tensor, pair: Tensor) -> Tensor:
        """Return (C, horizons) log odds of memory.

        Those of the pair's cell, leaning the way it usually went; of a pair never seen moved by the regression.
        """
        found = self.table[cell]
        if self.lean:
            found += self.lean * usual_way(pair)[:, None]
        never = kinds(cell) == EXISTENCE.index("never")
        if not never.any():
            return found
        moved = self.strangers(pair) @ self.regression[:-1] + self.regression[-1]
        return found.add_(torch.where(never[:, None], moved, 0.0))

    def logits(self, memory: Tensor, cell: Tensor, correction: Tensor, shrink: Tensor) -> Tensor:
        """Return (C, horizons) log odds: memory's, corrected as far as trusted."""
        return memory + shrink[:KINDS][kinds(cell)] * correction

    def calibrated(self, cell: Tensor, logit: Tensor) -> Tensor:
        """Return (C, horizons) log odds stretched and shifted as the validation weeks asked for."""
        kind = kinds(cell)
        return self.stretch[kind] * logit + self.shift[kind]

    def log_sizes(self, cell: Tensor, anchors: Tensor, correction: Tensor, trust: Tensor) -> Tensor:
        """Return (C, horizons) log1p USD: a mean size of the pair's own, corrected as far as `trust` (3, horizons)."""
        trusted = torch.where(exists_now(cell)[:, None], trust[0], trust[1])
        return anchors[:, self.fade] + trusted * correction

    def log_steps(self, booked: Tensor, correction: Tensor, trust: Tensor) -> Tensor:
        """Return (N, horizons) changes of log TVL: what flows have booked (N, choices), corrected as far as trusted."""
        return booked[:, self.booked] + trust[-1] * correction
