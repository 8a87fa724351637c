"""The one loop that every contagion rule runs in, for one scenario with its whole path or for many at once.

Round 0 is the shock. Then, until nothing is passed on any more or the rounds are used up, what debtors pass on
reaches their creditors, capped at what each has to lose. Losses are gross: a dollar held through a chain of
protocols is lost once by each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from dexposure_core.errors import BadOption
from dexposure_core.network.snapshot import Floats, Indices, Snapshot
from dexposure_core.stress.clearing import Books, Clearing, amounts, books_of
from dexposure_core.stress.rules import Marks, Options, Round, Rule

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Passes = Callable[[Round], Floats]
"""(round) → (N, K) what each protocol passes on next."""


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
    books: Books | None  # balance sheets, where the rule clears payments


class State(NamedTuple):
    """Where K scenarios stand after a round; arrays (N, K)."""

    distress: Floats
    passing: Floats  # to be passed on in the next round
    passed: Marks


def channel(
    snapshot: Snapshot,
    rule: Rule,
    absorbing_usd: Floats,
    options: Options,
    sheets: Mapping[str, npt.ArrayLike | None] | None = None,
    tokens_lose: npt.ArrayLike | None = None,
) -> Channel:
    """Return the network under a rule; creditors with A = 0 receive nothing.

    Args:
        snapshot: the network.
        rule: how distress travels.
        absorbing_usd: (N,) what each protocol can lose.
        options: every option of the rule.
        sheets: `external_assets_usd`, `external_liabilities_usd` (N,), for a rule that clears payments.
        tokens_lose: (E,) share of the debtor's distress that the tokens of each exposure lose, on top of pass_through;
            all of it when None. A rule that clears payments has none.

    Raises:
        BadOption: when the shares are not E numbers in 0..1, or the rule takes none.
    """
    can_lose = absorbing_usd > 0
    transfer = np.where(can_lose[snapshot.creditor], rule.transfer(snapshot, absorbing_usd), 0.0)
    # an issuer without assets is struck in its tokens; any other debtor passes its assets' distress through to them
    if "pass_through" in options:
        passed = options["pass_through"] * _shares(tokens_lose, len(transfer))
        transfer *= np.where(can_lose[snapshot.debtor], passed, 1.0)
    elif tokens_lose is not None:
        raise BadOption(f"Rule {rule.name} has no option 'tokens_lose'; tokens are claims on a protocol's assets there")
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        # a creditor with next to nothing to lose loses all of it at the slightest loss
        share = np.minimum(transfer / absorbing_usd[snapshot.creditor], np.finfo(np.float64).max)
    share = np.where(transfer > 0, share, 0.0)
    reach = np.zeros(len(absorbing_usd))  # the largest share any creditor can lose through each debtor
    np.maximum.at(reach, snapshot.debtor, share)
    books = None
    if rule.clears:
        books = books_of(snapshot, snapshot.matrix(), absorbing_usd, **(sheets or {}))
        reach = np.maximum(reach, 1.0)  # payments go on through protocols that book no loss
    return Channel(
        rule=rule,
        options=options,
        absorbing_usd=absorbing_usd,
        transfer_usd=transfer,
        impact=snapshot.matrix_of(share),
        unheard=np.flatnonzero(reach == 0),
        negligible=rule.tolerance / np.maximum(1.0, reach),
        books=books,
    )


def _shares(given: npt.ArrayLike | None, count: int) -> Floats | float:
    if given is None:
        return 1.0
    shares = np.asarray(given, dtype=np.float64)
    if shares.shape != (count,) or not ((shares >= 0) & (shares <= 1)).all():
        raise BadOption(f"tokens_lose: expected {count} shares from 0 to 1, one for each exposure")
    return shares


def strike(net: Channel, fractions: Floats, losses_usd: Floats) -> tuple[State, Passes]:
    """Return round 0 from (N, K) fractions and (N, K) direct losses in USD, and what the scenarios go on by."""
    absorbing = net.absorbing_usd[:, None]
    own = np.divide(losses_usd, absorbing, out=np.zeros_like(losses_usd), where=absorbing > 0)
    distress = np.minimum(1.0, fractions + own)
    passes: Passes
    if net.books is None:

        def passes(now: Round) -> Floats:
            return net.rule.passes(now, net.options)

    else:
        passes = Clearing(net.books, fractions, losses_usd, net.options)
    passed = np.zeros(distress.shape, dtype=bool)
    first = Round(np.zeros_like(distress), distress, fractions > 0, passed, _owns(net))
    return _next(net, passes, first), passes


def spread(net: Channel, passes: Passes, state: State) -> State:
    """Return the state one round later."""
    distress: Floats = net.impact @ state.passing
    distress += state.distress
    np.minimum(distress, 1.0, out=distress)
    unstruck = np.zeros(distress.shape, dtype=bool)
    return _next(net, passes, Round(state.distress, distress, unstruck, state.passed, _owns(net)))


def _next(net: Channel, passes: Passes, now: Round) -> State:
    passing = passes(now)
    passing[net.unheard] = 0.0
    return State(now.after, passing, now.passed | (passing > 0))


def settle(net: Channel, passes: Passes, start: State, record: Callable[[State], None]) -> tuple[State, Marks]:
    """Return the final state and (K,) whether each scenario came to rest before the rounds were used up.

    `record` is called with the state after each round that changed anything.
    """
    state = start
    moved: Marks = np.zeros(start.distress.shape[1], dtype=bool)
    for used in range(int(net.options["max_rounds"]) + 1):
        if not (state.passing > net.negligible[:, None]).any():
            return state, np.ones_like(moved)
        following = spread(net, passes, state)
        moved = np.any(following.distress > state.distress, axis=0)
        if net.books is not None:  # a payment that nobody books as a loss still moves the next one
            moved |= np.any(following.passing > net.negligible[:, None], axis=0)
        if not moved.any() or used == int(net.options["max_rounds"]):
            break
        state = following
        record(state)
    return state, ~moved


def final(net: Channel, fractions: Floats, losses_usd: Floats) -> tuple[State, State, Marks]:
    """Return round 0, the final state, and (K,) whether it is at rest, for scenarios whose path is not asked for.

    After the first round only protocols that can lose through others change, and in a network of tokens most of what
    is held was issued by protocols that hold nothing: the rounds that follow run among the others alone.
    """
    start, passes = strike(net, fractions, losses_usd)
    rounds = int(net.options["max_rounds"])
    if net.books is not None or not rounds:
        end, resting = settle(net, passes, start, lambda _state: None)
        return start, end, resting
    loses = np.flatnonzero(np.bincount(_rows(net.impact)[net.impact.data > 0], minlength=len(net.absorbing_usd)))
    inner = _among(net, loses, rounds - 1)
    live = np.flatnonzero((start.passing > net.negligible[:, None]).any(axis=0))
    begin = State(start.distress[:, live], start.passing[:, live], start.passed[:, live])
    after = np.minimum(1.0, begin.distress[loses] + net.impact[loses] @ begin.passing)
    now = Round(begin.distress[loses], after, np.zeros(after.shape, dtype=bool), begin.passed[loses], _owns(inner))
    resting = np.ones(start.distress.shape[1], dtype=bool)
    end, resting[live] = settle(inner, passes, _next(inner, passes, now), lambda _state: None)
    distress = start.distress.copy()
    distress[np.ix_(loses, live)] = end.distress
    return start, State(distress, start.passing, start.passed), resting


def _among(net: Channel, rows: Indices, rounds: int) -> Channel:
    """Return the channel between some protocols alone."""
    heard = np.ones(len(net.absorbing_usd), dtype=bool)
    heard[net.unheard] = False
    return replace(
        net, options=net.options | {"max_rounds": float(rounds)}, absorbing_usd=net.absorbing_usd[rows],
        impact=net.impact[rows][:, rows], unheard=np.flatnonzero(~heard[rows]), negligible=net.negligible[rows],
    )  # fmt: skip


def _rows(matrix: csr_array) -> Indices:
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def _owns(net: Channel) -> Marks:
    owns: Marks = net.absorbing_usd[:, None] > 0
    return owns


def absorbing_value(snapshot: Snapshot, given: npt.ArrayLike | None) -> Floats:
    """Return (N,) the loss-absorbing value in USD: TVL unless given.

    Raises:
        BadOption: when the given values are not N finite amounts >= 0.
    """
    if given is None:
        return snapshot.tvl_usd
    return amounts("absorbing_usd", given, len(snapshot.protocols))
