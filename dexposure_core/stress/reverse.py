"""Reverse stress test: the smallest shock, in USD, that costs the system a given amount.

Candidates (protocols, sectors, tokens) can lose up to all of their value. Under linear DebtRank without its cap losses
add up: candidate c, losing all its value v_c, costs the system y_c = Σ_i A_i [(I − W)⁻¹ d_c]_i with d_c the distress it
strikes protocols with. The cheapest way to a loss L is then to take candidates by y_c / v_c, the last in part: a linear
programme whose greedy solution is exact. Caps only lower losses, so its cost is a lower bound for the true problem, and
for every rule that loses at most what linear DebtRank loses. The answer is the greedy order carried on until the rule
itself, caps and all, reaches L: an upper bound. Where no cap binds the two meet and the answer is exact; else the gap
between them is stated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from dexposure_core.errors import BadOption
from dexposure_core.network.snapshot import Floats, Indices, Snapshot
from dexposure_core.stress.engine import Channel, absorbing_value, channel, final
from dexposure_core.stress.rules import find_rule

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BOUNDED: Final = ("linear-debtrank", "debtrank-2012", "threshold", "eisenberg-noe")
"""Rules that never lose more than linear DebtRank without its cap (a clearing: without a cost of default)."""
_ROUNDS: Final = 5_000
_CLOSE: Final = 1e-10


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Something that can lose value, and what losing all of it does at once.

    Attributes:
        name: what a reader sees.
        value_usd: what it can lose.
        rows: (M,) protocols it strikes.
        fractions: (M,) share of its absorbing value (of its tokens, if it only issues) each of them loses.
    """

    name: str
    value_usd: float
    rows: Indices
    fractions: Floats


@dataclass(frozen=True, kw_only=True)
class Reverse:
    """The smallest shock found.

    Attributes:
        reached: whether the loss can be reached at all; if not, the shock is everything and the loss what it costs.
        shock: (candidate, share of its value lost), in the order taken.
        cost_usd: what these lose at once by the shock.
        loss_usd: what the system loses.
        bound_usd: no shock that costs less than this can reach the loss; NaN where no bound is known.
        gap: (cost − bound) / cost; 0: exact; NaN where no bound is known.
    """

    reached: bool
    shock: tuple[tuple[Candidate, float], ...]
    cost_usd: float
    loss_usd: float
    bound_usd: float
    gap: float


def reverse(
    snapshot: Snapshot, candidates: Sequence[Candidate], loss_usd: float, rule: str = "linear-debtrank",
    absorbing_usd: npt.ArrayLike | None = None, *, tokens_lose: npt.ArrayLike | None = None, **options: float,
) -> Reverse:  # fmt: skip
    """Return the cheapest shock found that costs the system `loss_usd`, gross over holders.

    Args:
        snapshot: the network.
        candidates: what may lose value.
        loss_usd: above 0.
        rule: name of one of `RULES`.
        absorbing_usd: (N,) what each protocol can lose; its TVL when None.
        tokens_lose: (E,) share of the debtor's distress that the tokens of each exposure lose; all when None.
        **options: the rule's options.

    Raises:
        UnknownRule, BadOption: as `contagion.run`; or no candidates, or a loss that is none.
    """
    if not (math.isfinite(loss_usd) and loss_usd > 0):
        raise BadOption(f"loss_usd = {loss_usd!r}; must be a finite amount above 0")
    usable = [each for each in candidates if each.value_usd > 0 and each.fractions.any()]
    if not usable:
        raise BadOption("Nothing that could lose value: give protocols, sectors or tokens")
    chosen = find_rule(rule)
    absorbing = absorbing_value(snapshot, absorbing_usd)
    net = channel(snapshot, chosen, absorbing, chosen.settings(options), tokens_lose=tokens_lose)
    values = np.array([each.value_usd for each in usable])
    linear = find_rule("linear-debtrank")
    through = {"pass_through": options["pass_through"]} if "pass_through" in options else {}
    costs = _uncapped(channel(snapshot, linear, absorbing, linear.settings(through), tokens_lose=tokens_lose), usable)
    with np.errstate(over="ignore"):  # what costs the system most for a dollar comes first, however much that is
        order = np.argsort(-costs / values, kind="stable")
    attempt = _Attempt(net, [usable[i] for i in order], values[order])
    bounded = rule in BOUNDED and net.options.get("alpha", 1.0) == net.options.get("beta", 1.0) == 1.0
    bound = _knapsack(values[order], costs[order], loss_usd) if bounded else math.nan
    budget = attempt.cheapest(loss_usd)
    shares = attempt.shares(budget)
    found = attempt.loss(budget)
    taken = tuple((attempt.candidates[i], float(share)) for i, share in enumerate(shares) if share > 0)
    cost = float(shares @ attempt.values)
    reached = found >= loss_usd * (1 - _CLOSE)
    bound = min(bound, cost) if reached else bound
    gap = (cost - bound) / cost if reached and not math.isnan(bound) else math.nan
    return Reverse(reached=reached, shock=taken, cost_usd=cost, loss_usd=found, bound_usd=bound, gap=gap)


class _Attempt:
    """Shocks along the greedy order, and what they cost the system."""

    def __init__(self, net: Channel, candidates: Sequence[Candidate], values: Floats) -> None:
        self.net, self.candidates, self.values = net, candidates, values
        self._ends = np.cumsum(values)
        self._strikes = _strikes(candidates, len(net.absorbing_usd))

    def shares(self, budget: float) -> Floats:
        """Return (C,) the share each candidate loses when `budget` USD are spent in order."""
        left = budget - (self._ends - self.values)
        return np.clip(left / self.values, 0.0, 1.0)

    def loss(self, budget: float) -> float:
        """Return the system's loss, USD."""
        struck = np.minimum(self._strikes @ self.shares(budget), 1.0)[:, None]
        _, end, _ = final(self.net, struck, np.zeros_like(struck))
        return float(self.net.absorbing_usd @ end.distress[:, 0])

    def cheapest(self, loss_usd: float) -> float:
        """Return the least budget that reaches the loss, or all of it where none does; losses grow with the budget."""
        low, high = 0.0, float(self._ends[-1])
        if self.loss(high) < loss_usd:
            return high
        while high - low > _CLOSE * high:
            middle = (low + high) / 2
            low, high = (low, middle) if self.loss(middle) >= loss_usd else (middle, high)
        return high


def _strikes(candidates: Sequence[Candidate], count: int) -> csr_array:
    """Return (N, C) what losing all of each candidate strikes each protocol with."""
    from scipy.sparse import csr_array

    ends = np.cumsum([0, *(len(each.rows) for each in candidates)])
    columns = np.repeat(np.arange(len(candidates)), np.diff(ends))
    rows, fractions = (
        np.concatenate(parts) for parts in zip(*((c.rows, c.fractions) for c in candidates), strict=True)
    )
    return csr_array((fractions, (rows, columns)), shape=(count, len(candidates)))


def _knapsack(values: Floats, costs: Floats, loss_usd: float) -> float:
    """Return the least Σ x with Σ x · costs / values >= loss_usd and 0 <= x <= values, sorted by costs / values."""
    with np.errstate(over="ignore"):
        reached = np.cumsum(costs)
    at = int(np.searchsorted(reached, loss_usd))
    if at == len(values):
        return float(values.sum())
    before = reached[at - 1] if at else 0.0
    return float(values[:at].sum() + (loss_usd - before) / costs[at] * values[at])


def _uncapped(net: Channel, candidates: Sequence[Candidate]) -> Floats:
    """Return (C,) what each costs the system under linear DebtRank without caps; infinite where only caps end it."""
    backwards, weight = net.impact.T.tocsr(), net.absorbing_usd.copy()
    step = weight
    for _ in range(_ROUNDS):  # Aᵀ (I + W + W² + …), term by term
        step = backwards @ step
        weight = weight + step
        if not np.isfinite(weight).all() or step.max(initial=0.0) <= _CLOSE * max(weight.max(initial=0.0), 1.0):
            break
    else:
        weight = np.where(step > 0, math.inf, weight)  # claims in a closed circle
    found: Floats = np.nan_to_num(_strikes(candidates, len(weight)).T @ weight, nan=math.inf)
    return found
