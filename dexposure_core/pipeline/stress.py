"""A stress test of a stored snapshot: names in, losses by protocol, sector and round out.

Here a fraction is a share of TVL, whatever part of TVL absorbs losses: with half of it absorbing, a protocol that loses
30 % of its TVL has lost 60 % of what it can lose. A protocol that only issues loses that share of its tokens' value.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dexposure_core import settings
from dexposure_core.errors import BadOption, UnknownProtocol, suggest
from dexposure_core.network import Snapshot
from dexposure_core.pipeline.stress_result import StressResult
from dexposure_core.store import Store
from dexposure_core.stress import Contagion, Shock, find_rule, find_scenario, run, token_shock
from dexposure_core.stress.shock import check_fraction

LARGEST_ABSORBING = 1e6


@dataclass(frozen=True, kw_only=True)
class _Ask:
    """A shock in the words of the snapshot, and what could not be expressed in them."""

    shock: Shock
    scenario: str | None
    protocols: dict[str, float]  # id → share of TVL
    tokens: dict[str, float]  # symbol → share of its value
    notes: tuple[str, ...]


def stress(
    store: Store,
    date: dt.date,
    basis: str = "holdings",
    *,
    scenario: str | None = None,
    protocols: Mapping[str, float] | None = None,
    tokens: Mapping[str, float] | None = None,
    rule: str = "linear-debtrank",
    absorbing_fraction: float = 1.0,
    pass_through: float = 1.0,
    snapshot: Snapshot | None = None,
    **options: float,
) -> StressResult:
    """Run one stress test: a standard scenario, or any mix of protocols and tokens.

    Args:
        store: where the snapshot is.
        date: snapshot date.
        basis: holdings or flow.
        scenario: name of one of `stress.SCENARIOS`; then neither protocols nor tokens.
        protocols: id or unique name (any case) → fraction 0..1 of its TVL.
        tokens: symbol → fraction 0..1 of its value; every holder loses that share of its holding at round 0.
        rule: name of one of `stress.RULES`.
        absorbing_fraction: share of TVL that absorbs losses, > 0.
        pass_through: share of a protocol's distress that its own tokens lose, 0..1; a clearing has none.
        snapshot: that snapshot, when it has been read already.
        **options: further options of the rule.

    Raises:
        UnknownDate, UnknownScenario, UnknownRule, UnknownProtocol, UnknownToken: no such thing; names the closest.
        BadOption: nothing or too much to shock, an ambiguous name, or a number outside its range.
    """
    _check_absorbing(absorbing_fraction)
    if scenario is not None and (protocols or tokens):
        raise BadOption(f"Give either the scenario '{scenario[:80]}' or protocols and tokens of your own, not both")
    chosen = find_rule(rule)
    if chosen.takes("distress_threshold"):
        options.setdefault("distress_threshold", settings.load().distress_threshold)
    snapshot = snapshot or store.snapshot(date, basis)
    own = scenario is None
    ask = _own(store, snapshot, protocols or {}, tokens or {}) if own else _standard(snapshot, str(scenario))
    contagion = run(
        snapshot, _relative(snapshot, ask.shock, absorbing_fraction), rule,
        absorbing_usd=snapshot.tvl_usd * absorbing_fraction,
        **options | chosen.through(pass_through),
    )  # fmt: skip
    if pass_through != 1 and not chosen.takes("pass_through"):
        ask = replace(
            ask, notes=(*ask.notes, "a pass-through does not apply: tokens are claims on a protocol's assets")
        )
    return _answer(store, snapshot, contagion, ask, absorbing_fraction)


def find_protocol(snapshot: Snapshot, text: str) -> str:
    """Return the id of the protocol with that id or, whatever its case, that name.

    Raises:
        UnknownProtocol: when there is none (names the closest), or several have the name (lists their ids).
    """
    ids = [str(p) for p in snapshot.protocols]
    if text in ids:
        return text
    wanted = text.strip().casefold()
    found = [p for p, name in zip(ids, snapshot.names, strict=True) if wanted in (p.casefold(), name.casefold())]
    if len(found) == 1:
        return found[0]
    short = text[:80]
    if found:
        raise UnknownProtocol(f"{len(found)} protocols are called '{short}': give an id, {', '.join(found[:8])}")
    hint = suggest(short, [*ids, *map(str, snapshot.names)])
    raise UnknownProtocol(f"No protocol '{short}' in the {snapshot.date} snapshot{hint}")


def _check_absorbing(value: float) -> None:
    if not 0 < value <= LARGEST_ABSORBING:
        raise BadOption(f"absorbing_fraction = {value!r}; must be above 0 (1: all of TVL absorbs losses)")


def _standard(snapshot: Snapshot, name: str) -> _Ask:
    scenario = find_scenario(name)
    shock = scenario.shock(snapshot)
    notes = () if shock.fractions else (f"no protocol of this snapshot is hit by the scenario {name}",)
    return _Ask(shock=shock, scenario=name, protocols=dict(shock.fractions), tokens={}, notes=notes)


def _own(store: Store, snapshot: Snapshot, protocols: Mapping[str, float], tokens: Mapping[str, float]) -> _Ask:
    if not protocols and not tokens:
        raise BadOption("Nothing to shock: give a scenario, protocols or tokens")
    fractions: dict[str, float] = {}
    for text, fraction in protocols.items():
        protocol = find_protocol(snapshot, text)
        if protocol in fractions:
            raise BadOption(f"Protocol '{protocol[:80]}' is shocked twice; give it once")
        fractions[protocol] = check_fraction(f"shock of '{text[:80]}'", fraction)
    losses: dict[str, float] = {}
    notes: list[str] = []
    present = set(snapshot.protocols)
    for token, fraction in tokens.items():
        held = dict(store.token_holders(snapshot.date, token).iter_rows())
        here = {protocol: usd for protocol, usd in held.items() if protocol in present}
        for protocol, loss in token_shock(snapshot, here, fraction).losses_usd.items():
            losses[protocol] = losses.get(protocol, 0.0) + loss
        if not here:
            notes.append(f"no protocol of this snapshot holds {token}")
        elif len(here) < len(held):
            notes.append(f"{len(held) - len(here)} holders of {token} are not in this snapshot and left out")
    shock = Shock(fractions=fractions, losses_usd=losses)
    return _Ask(shock=shock, scenario=None, protocols=fractions, tokens=dict(tokens), notes=tuple(notes))


def _relative(snapshot: Snapshot, shock: Shock, absorbing_fraction: float) -> Shock:
    """Return the shock with fractions of TVL turned into fractions of what absorbs losses."""

    def relative(protocol: str, fraction: float) -> float:
        owns = snapshot.tvl_usd[snapshot.row(protocol)] > 0
        return min(1.0, fraction / absorbing_fraction) if owns else fraction

    fractions = {protocol: relative(protocol, fraction) for protocol, fraction in shock.fractions.items()}
    return Shock(fractions=fractions, losses_usd=shock.losses_usd)


def _answer(
    store: Store, snapshot: Snapshot, contagion: Contagion, ask: _Ask, absorbing_fraction: float
) -> StressResult:
    stated_basis, _, *others = contagion.assumptions  # the second says only that absorbing values were given
    absorbs = f"a protocol can lose up to {100 * absorbing_fraction:g} % of its TVL"
    return StressResult(
        vintage=store.vintage,
        scenario=ask.scenario,
        protocols_shocked=ask.protocols,
        tokens_shocked=ask.tokens,
        absorbing_fraction=absorbing_fraction,
        contagion=contagion,
        snapshot=snapshot,
        assumptions=(stated_basis, absorbs, *others, *ask.notes),
    )
