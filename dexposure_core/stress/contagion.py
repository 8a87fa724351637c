"""Run a shock through the network, with its whole path; `many` has outcomes without.

Every result states its rule, basis, what absorbs losses and whether it came to rest. Total = direct + induced, always.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dexposure_core.errors import BadOption
from dexposure_core.network.snapshot import Basis, Floats, Snapshot
from dexposure_core.stress.clearing import Clearing
from dexposure_core.stress.engine import Channel, State, absorbing_value, channel, settle, strike
from dexposure_core.stress.rules import Options, Rule, find_rule
from dexposure_core.stress.scenarios import Scenario
from dexposure_core.stress.shock import Shock


@dataclass(frozen=True, kw_only=True)
class Contagion:
    """What a shock did, round by round; rows of (N,) arrays are those of the snapshot.

    Attributes:
        distress: (rounds + 1, N) share of its absorbing value each protocol has lost after each round, 0..1.
        passing: (rounds + 1, N) distress each protocol passes on to its creditors in the round that follows.
        absorbing_usd: (N,) what each protocol can lose.
        transfer_usd: (E,) USD a creditor loses per unit of distress its debtor passes on.
        direct_usd: (N,) USD lost at round 0.
        induced_usd: (N,) USD lost afterwards.
        total_usd: (N,) direct + induced.
        total_loss_usd: sum of total_usd, gross over holders.
        underlying_usd: the same net of re-used claims: what was lost at the bottom, by the protocols shocked and by the
            holders of struck tokens whose issuer has no assets of its own. Where one shocked protocol holds claims on
            another, that part is in it twice.
        loss_fraction: total loss as a share of system TVL; NaN when that is 0.
        rounds: rounds after round 0 in which something was lost.
        converged: whether the contagion came to rest before the rounds were used up.
        clearing_usd: (N,) what each protocol pays of what it owes; None under rules that clear no payments.
        rule, date, basis, scenario, shock, options: what was run; scenario is None for a shock of one's own.
        assumptions: what a reader of the numbers must know, one sentence each.
    """

    rule: str
    date: dt.date
    basis: Basis
    scenario: str | None
    shock: Shock
    options: Options
    distress: Floats
    passing: Floats
    absorbing_usd: Floats
    transfer_usd: Floats
    direct_usd: Floats
    induced_usd: Floats
    total_usd: Floats
    total_loss_usd: float
    underlying_usd: float
    loss_fraction: float
    rounds: int
    converged: bool
    assumptions: tuple[str, ...]
    clearing_usd: Floats | None = None

    @property
    def loss_by_round_usd(self) -> Floats:
        """(rounds + 1, N) USD newly lost by each protocol in each round; sums to `total_usd`."""
        return np.diff(self.distress, axis=0, prepend=np.zeros((1, self.distress.shape[1]))) * self.absorbing_usd


def run(
    snapshot: Snapshot,
    shock: Mapping[str, float] | Scenario | Shock,
    rule: str = "linear-debtrank",
    absorbing_usd: npt.ArrayLike | None = None,
    *,
    external_assets_usd: npt.ArrayLike | None = None,
    external_liabilities_usd: npt.ArrayLike | None = None,
    tokens_lose: npt.ArrayLike | None = None,
    **options: float,
) -> Contagion:
    """Run one shock through the network.

    Args:
        snapshot: the network.
        shock: {protocol id: fraction 0..1 of its absorbing value}, a `Scenario`, or a `Shock` (also USD losses).
            A protocol without absorbing value can be struck: its tokens lose the fraction, it books no loss itself.
        rule: name of one of `RULES`.
        absorbing_usd: (N,) what each protocol can lose; its TVL when None.
        external_assets_usd: (N,) assets beside claims on protocols, for clearing payments; see `clearing` without.
        external_liabilities_usd: (N,) what is owed to others than protocols, likewise.
        tokens_lose: (E,) share of the debtor's distress that the tokens of each exposure lose; all when None.
        **options: the rule's options, for example pass_through, max_rounds, distress_threshold.

    Raises:
        UnknownRule, UnknownProtocol: when there is no such rule or protocol; the closest one is named.
        BadOption: for an unknown option or a number outside its range.
    """
    chosen = find_rule(rule)
    sheets = {"external_assets_usd": external_assets_usd, "external_liabilities_usd": external_liabilities_usd}
    given_sheets = {name: values for name, values in sheets.items() if values is not None}
    if given_sheets and not chosen.clears:
        raise BadOption(f"Rule {chosen.name} has no option '{next(iter(given_sheets))}'; it clears no payments")
    given = _shock(snapshot, shock)
    absorbing = absorbing_value(snapshot, absorbing_usd)
    net = channel(snapshot, chosen, absorbing, chosen.settings(options), given_sheets, tokens_lose)
    fractions, losses = given.arrays(snapshot)
    start, passes = strike(net, fractions[:, None], losses[:, None])
    states = [start]
    _, converged = settle(net, passes, start, states.append)
    name = shock.name if isinstance(shock, Scenario) else None
    result = _result(snapshot, net, states, bool(converged[0]), name, given, tvl_absorbs=absorbing_usd is None)
    if net.books is None or not isinstance(passes, Clearing):
        return result
    return replace(result, clearing_usd=net.books.owes_usd * passes.paid[:, 0])


def _shock(snapshot: Snapshot, shock: Mapping[str, float] | Scenario | Shock) -> Shock:
    if isinstance(shock, Scenario):
        return shock.shock(snapshot)
    if isinstance(shock, Shock):
        return shock
    if isinstance(shock, Mapping):
        return Shock(fractions=shock)
    raise BadOption(f"shock: expected {{protocol id: fraction}}, a Scenario or a Shock, got {type(shock).__name__}")


def usd(net: Channel, distress: Floats) -> Floats:
    """Return (K,) USD lost at an (N, K) distress, added up in the same order on any machine."""
    lost: Floats = (net.absorbing_usd[:, None] * distress).sum(axis=0)
    return lost


def _result(
    snapshot: Snapshot,
    net: Channel,
    states: list[State],
    converged: bool,
    scenario: str | None,
    shock: Shock,
    *,
    tvl_absorbs: bool,
) -> Contagion:
    distress = np.concatenate([s.distress for s in states], axis=1).T
    direct = distress[0] * net.absorbing_usd
    induced = (distress[-1] - distress[0]) * net.absorbing_usd
    total = direct + induced
    system = float(snapshot.tvl_usd.sum())
    return Contagion(
        rule=net.rule.name,
        date=snapshot.date,
        basis=snapshot.basis,
        scenario=scenario,
        shock=shock,
        options=net.options,
        distress=distress,
        passing=np.concatenate([s.passing for s in states], axis=1).T,
        absorbing_usd=net.absorbing_usd,
        transfer_usd=net.transfer_usd,
        direct_usd=direct,
        induced_usd=induced,
        total_usd=total,
        total_loss_usd=float(total.sum()),
        underlying_usd=_underlying(snapshot, net, states),
        loss_fraction=float(total.sum()) / system if system > 0 else math.nan,
        rounds=len(states) - 1,
        converged=converged,
        assumptions=_assumptions(net.rule, net.options, snapshot.basis, tvl_absorbs=tvl_absorbs),
    )


def _underlying(snapshot: Snapshot, net: Channel, states: list[State]) -> float:
    """Return the loss at the bottom: direct losses, and what holders of struck issuers without assets lost of them."""
    direct = float(usd(net, states[0].distress)[0])
    issuers = (net.absorbing_usd == 0) & (states[0].distress[:, 0] > 0)
    if len(states) == 1 or not issuers.any():
        return direct
    struck = issuers[snapshot.debtor]
    asked = net.transfer_usd * states[0].passing[snapshot.debtor, 0]
    size = len(net.absorbing_usd)
    of_issuers, of_all = (
        np.bincount(snapshot.creditor, weights=asked * part, minlength=size) for part in (struck, np.ones(len(struck)))
    )
    lost = (states[1].distress - states[0].distress)[:, 0] * net.absorbing_usd
    share = np.divide(of_issuers, of_all, out=np.zeros(size), where=of_all > 0)
    return direct + float((lost * share).sum())


def _assumptions(rule: Rule, options: Options, basis: Basis, *, tvl_absorbs: bool) -> tuple[str, ...]:
    stock = "exposures are holdings in USD" if basis == "holdings" else "exposures are the period's net flows in USD"
    absorbs = "a protocol can lose up to its TVL" if tvl_absorbs else "what a protocol can lose was given"
    return (
        f"basis {basis}: {stock}",
        absorbs,
        *_recovery(options),
        "losses are gross over holders and include the initial loss",
        *rule.assumptions,
    )


def _recovery(options: Options) -> tuple[str, ...]:
    """Say what creditors get back of a debtor in distress."""
    if "alpha" in options:
        back = "{:g} % of other assets and {:g} % of payments received"
        return (f"in default a protocol recovers {back.format(100 * options['alpha'], 100 * options['beta'])}",)
    passed = f"a protocol's tokens lose {100 * options['pass_through']:g} % of its own distress (pass-through)"
    if options.get("lgd", 1.0) < 1:
        return passed, f"creditors of a failed protocol recover {100 * (1 - options['lgd']):g} %"
    return passed, "no recovery: what is lost stays lost"
