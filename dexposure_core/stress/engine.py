"""The one loop that every contagion rule runs in, for one scenario with its whole path or for many at once.

Round 0 is the shock. Then, until nothing is passed on any more or the rounds are used up, what debtors pass on
reaches their creditors, capped at what each has to lose. Losses are gross: a dollar held through a chain of
protocols is lost once by each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from dexposure_core.errors import BadOption
from dexposure_core.network.snapshot import Floats, Indices, Snapshot
from dexposure_core.stress.rules import Marks, Options, Round, Rule

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, kw_only=True)
class Channel:
    """The network as a rule sees it: who can lose what through whom."""

    rule: Rule
    options: Options
    absorbing_usd: Floats  # (N,)
    transfer_usd: Floats  # (E,) USD lost by the creditor per unit of distress the debtor passes on
    impact: csr_array  # (N, N) the same as a share of the creditor's absorbing value
    unheard: Indices  # rows of protocols through which nobody can lose
    negligible: Floats  # (N,) what a protocol may still pass on without moving any creditor by more than the tolerance


class State(NamedTuple):
    """Where K scenarios stand after a round; arrays (N, K)."""

    distress: Floats
    passing: Floats  # to be passed on in the next round
    passed: Marks


def channel(snapshot: Snapshot, rule: Rule, absorbing_usd: Floats, options: Options) -> Channel:
    """Return the network under a rule; creditors with A = 0 receive nothing."""
    from scipy.sparse import csr_array

    can_lose = absorbing_usd > 0
    transfer = np.where(can_lose[snapshot.creditor], rule.transfer(snapshot, absorbing_usd), 0.0)
    # an issuer without assets is struck in its tokens; any other debtor passes its assets' distress through to them
    transfer *= np.where(can_lose[snapshot.debtor], options["pass_through"], 1.0)
    keep = transfer > 0
    creditor, debtor = snapshot.creditor[keep].astype(np.int32), snapshot.debtor[keep].astype(np.int32)
    size = (len(absorbing_usd), len(absorbing_usd))
    with np.errstate(over="ignore"):  # a creditor with next to nothing to lose loses all of it at the slightest loss
        share = np.minimum(transfer[keep] / absorbing_usd[creditor], np.finfo(np.float64).max)
    impact = csr_array((share, (creditor, debtor)), shape=size)
    reach = np.zeros(len(absorbing_usd))  # the largest share any creditor can lose through each debtor
    np.maximum.at(reach, debtor, share)
    return Channel(
        rule=rule,
        options=options,
        absorbing_usd=absorbing_usd,
        transfer_usd=transfer,
        impact=impact,
        unheard=np.flatnonzero(reach == 0),
        negligible=rule.tolerance / np.maximum(1.0, reach),
    )


def strike(net: Channel, fractions: Floats, losses_usd: Floats) -> State:
    """Return round 0 from (N, K) fractions and (N, K) direct losses in USD."""
    absorbing = net.absorbing_usd[:, None]
    own = np.divide(losses_usd, absorbing, out=np.zeros_like(losses_usd), where=absorbing > 0)
    distress = np.minimum(1.0, fractions + own)
    passed = np.zeros(distress.shape, dtype=bool)
    return _next(net, Round(np.zeros_like(distress), distress, fractions > 0, passed))


def spread(net: Channel, state: State) -> State:
    """Return the state one round later."""
    distress: Floats = net.impact @ state.passing
    distress += state.distress
    np.minimum(distress, 1.0, out=distress)
    return _next(net, Round(state.distress, distress, np.zeros(distress.shape, dtype=bool), state.passed))


def _next(net: Channel, now: Round) -> State:
    passing = net.rule.passes(now, net.options)
    passing[net.unheard] = 0.0
    return State(now.after, passing, now.passed | (passing > 0))


def settle(net: Channel, start: State, record: Callable[[State], None]) -> tuple[State, Marks]:
    """Return the final state and (K,) whether each scenario came to rest before the rounds were used up.

    `record` is called with the state after each round that changed anything.
    """
    state = start
    moved: Marks = np.zeros(start.distress.shape[1], dtype=bool)
    for used in range(int(net.options["max_rounds"]) + 1):
        if not (state.passing > net.negligible[:, None]).any():
            return state, np.ones_like(moved)
        following = spread(net, state)
        moved = np.any(following.distress > state.distress, axis=0)
        if not moved.any() or used == int(net.options["max_rounds"]):
            break
        state = following
        record(state)
    return state, ~moved


def absorbing_value(snapshot: Snapshot, given: npt.ArrayLike | None) -> Floats:
    """Return (N,) the loss-absorbing value in USD: TVL unless given.

    Raises:
        BadOption: when the given values are not N finite amounts >= 0.
    """
    if given is None:
        return snapshot.tvl_usd
    values = np.asarray(given, dtype=np.float64)
    if values.shape != snapshot.tvl_usd.shape:
        raise BadOption(f"absorbing_usd: expected {len(snapshot.tvl_usd)} amounts, got shape {values.shape}")
    fine = np.isfinite(values) & (values >= 0)
    if not fine.all():
        first = int((~fine).argmax())
        raise BadOption(f"absorbing_usd[{first}] = {values[first]}; must be finite and >= 0")
    return values
