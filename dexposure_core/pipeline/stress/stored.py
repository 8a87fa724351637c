"""A stress test of a stored snapshot: names in, losses by protocol, sector and round out.

Here a fraction is a share of TVL, whatever part of TVL absorbs losses: with half of it absorbing, a protocol that loses
30 % of its TVL has lost 60 % of what it can lose. A protocol that only issues loses that share of its tokens' value.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

from dexposure_core.errors import BadOption
from dexposure_core.network import Snapshot
from dexposure_core.pipeline.stress.result import StressResult
from dexposure_core.pipeline.stress.scenario_file import find_replay
from dexposure_core.pipeline.stress.shocks import Breaks, Struck, find_protocol, translate, what_is_there
from dexposure_core.pipeline.stress.terms import LARGEST_ABSORBING, Terms
from dexposure_core.pipeline.tokens.kinds import tokens_lose
from dexposure_core.store import Store
from dexposure_core.stress import Contagion, Shock, find_rule, find_scenario, run

__all__ = ["LARGEST_ABSORBING", "Terms", "find_protocol", "run_named", "run_on", "stress"]


def stress(
    store: Store,
    date: dt.date,
    basis: str = "holdings",
    *,
    scenario: str | None = None,
    replay: str | None = None,
    protocols: Mapping[str, float] | None = None,
    tokens: Mapping[str, float] | None = None,
    breaks: Breaks | None = None,
    rule: str = "linear-debtrank",
    absorbing_fraction: float = 1.0,
    pass_through: float = 1.0,
    kinds: Mapping[str, float] | None = None,
    snapshot: Snapshot | None = None,
    **options: float,
) -> StressResult:
    """Run one stress test: a standard scenario, a past event, or any mix of protocols, sectors, chains and tokens.

    Args:
        store: where the snapshot is.
        date: snapshot date.
        basis: holdings or flow.
        scenario: name of one of `stress.SCENARIOS`; then nothing of one's own.
        replay: name of one of `scenario_file.replays()`, likewise; what the data lacks of it is left out and noted.
        protocols: id or unique name (any case) → fraction 0..1 of its TVL.
        tokens: symbol → fraction 0..1 of its value; every holder loses that share of its holding at round 0.
        breaks: the same and more (sectors, chains), instead of protocols and tokens.
        rule: name of one of `stress.RULES`.
        absorbing_fraction: share of TVL that absorbs losses, > 0.
        pass_through: share of a protocol's distress that its own tokens lose, 0..1; a clearing has none.
        kinds: kind of token → the same for its tokens, on top of it (see `tokens.kinds`).
        snapshot: that snapshot, when it has been read already.
        **options: further options of the rule.

    Raises:
        UnknownDate, UnknownRule, UnknownName: no such thing (scenario, protocol, token, ...); names the closest.
        BadOption: nothing or too much to shock, an ambiguous name, or a number outside its range.
    """
    named = scenario if scenario is not None else replay
    if named is not None and (protocols or tokens or breaks or (scenario is not None and replay is not None)):
        raise BadOption(f"Give either the scenario '{named[:80]}' or protocols and tokens of your own, not both")
    terms = Terms(
        rule=rule, absorbing_fraction=absorbing_fraction, pass_through=pass_through, options=tuple(options.items()),
        kinds=tuple((kinds or {}).items()),
    )  # fmt: skip
    snapshot = snapshot or store.snapshot(date, basis)
    what = find_replay(replay).breaks if replay else breaks or Breaks(protocols=protocols or {}, tokens=tokens or {})
    struck = struck_by(store, snapshot, what if scenario is None else scenario, lenient=replay is not None)
    return run_on(store, snapshot, struck, terms, scenario)


def run_named(store: Store, snapshot: Snapshot, what: str | Breaks, terms: Terms) -> StressResult:
    """Run a standard scenario by its name, or what breaks in a person's words.

    Raises:
        UnknownName, BadOption: as `stress`.
    """
    struck = struck_by(store, snapshot, what)
    return run_on(store, snapshot, struck, terms, what if isinstance(what, str) else None)


def struck_by(store: Store, snapshot: Snapshot, what: str | Breaks, *, lenient: bool = False) -> Struck:
    """Return the shock that a standard scenario, or what breaks, means on a snapshot.

    Args:
        store: a vintage.
        snapshot: one of its networks.
        what: the scenario's name, or what breaks.
        lenient: leave out what the data do not know, and note it (past events).

    Raises:
        UnknownName, BadOption: as `stress`.
    """
    if isinstance(what, str):
        return _standard(snapshot, what)
    here, lacking = what_is_there(store, snapshot, what) if lenient else (what, ())
    struck = translate(store, snapshot, here)
    return replace(struck, notes=(*lacking, *struck.notes))


def run_on(store: Store, snapshot: Snapshot, struck: Struck, terms: Terms, scenario: str | None = None) -> StressResult:
    """Run a shock on a snapshot, stored or forecast; arguments as of `stress`."""
    rule, options = terms.chosen()
    contagion = run(
        snapshot, _relative(snapshot, struck.shock, terms.absorbing_fraction), rule.name,
        absorbing_usd=snapshot.tvl_usd * terms.absorbing_fraction, tokens_lose=tokens_lose(store, snapshot, terms),
        **options,
    )  # fmt: skip
    return _answer(store.vintage, snapshot, contagion, struck, terms, scenario)


def _standard(snapshot: Snapshot, name: str) -> Struck:
    shock = find_scenario(name).shock(snapshot)
    notes = () if shock.fractions else (f"no protocol of this snapshot is hit by the scenario {name}",)
    return Struck(shock=shock, protocols=dict(shock.fractions), tokens={}, chains={}, notes=notes)


def _relative(snapshot: Snapshot, shock: Shock, absorbing_fraction: float) -> Shock:
    """Return the shock with fractions of TVL turned into fractions of what absorbs losses."""

    def relative(protocol: str, fraction: float) -> float:
        owns = snapshot.tvl_usd[snapshot.row(protocol)] > 0
        return min(1.0, fraction / absorbing_fraction) if owns else fraction

    fractions = {protocol: relative(protocol, fraction) for protocol, fraction in shock.fractions.items()}
    return Shock(fractions=fractions, losses_usd=shock.losses_usd)


def _answer(
    vintage: str, snapshot: Snapshot, contagion: Contagion, struck: Struck, terms: Terms, scenario: str | None
) -> StressResult:
    stated_basis, _, *others = contagion.assumptions  # the second says only that absorbing values were given
    absorbs = f"a protocol can lose up to {100 * terms.absorbing_fraction:g} % of its TVL"
    notes = (*struck.notes, *terms.notes(find_rule(terms.rule)))
    return StressResult(
        vintage=vintage,
        scenario=scenario,
        protocols_shocked=struck.protocols,
        tokens_shocked=struck.tokens,
        chains_shocked=struck.chains,
        absorbing_fraction=terms.absorbing_fraction,
        contagion=contagion,
        snapshot=snapshot,
        assumptions=(stated_basis, absorbs, *others, *notes),
        notes=notes,
    )
