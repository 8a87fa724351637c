"""What breaks, in the words of an address, and how far its outcome depends on what is assumed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from dexposure_core.network import Snapshot
from dexposure_core.pipeline.stress.result import StressResult
from dexposure_core.pipeline.stress.scenario_file import find_replay, parse_breaks
from dexposure_core.pipeline.stress.shocks import Breaks, Struck
from dexposure_core.pipeline.stress.stored import run_on, struck_by
from dexposure_core.pipeline.stress.terms import Terms
from dexposure_core.store import Store
from dexposure_core.stress import RULES, Rule

CAPACITIES: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
SHARES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
THRESHOLDS: Final = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
PANELS: Final = ("capacity", "pass_through", "recovery", "threshold")


@dataclass(frozen=True, kw_only=True)
class Shocked:
    """What breaks, in the words of an address: a scenario, a past event, one thing losing a fraction, or a mix.

    Attributes:
        kind: scenario, event, protocol, token, sector, chain or mix.
        name: the name of the scenario, event, sector or chain, the protocol's id, the token's symbol, or the mix as
            `scenario_file.breaks_text` writes it.
        fraction: 0..1; of no meaning for a scenario, an event and a mix.
    """

    kind: str
    name: str
    fraction: float = 1.0

    def what(self) -> str | Breaks:
        """Return the name of a standard scenario, or what breaks.

        Raises:
            UnknownScenario, BadInput: no such past event, or a mix that cannot be read.
        """
        if self.kind == "scenario":
            return self.name
        if self.kind == "event":
            return find_replay(self.name).breaks
        if self.kind == "mix":
            return parse_breaks(self.name)
        share = {self.name: self.fraction}
        own = {"protocol": Breaks(protocols=share), "token": Breaks(tokens=share), "sector": Breaks(sectors=share)}
        return own.get(self.kind) or Breaks(chains=share)

    def struck(self, store: Store, snapshot: Snapshot) -> Struck:
        """Return the shock it means on a snapshot; of a past event what the data know.

        Raises:
            UnknownName, BadOption, BadInput: as `pipeline.stress.stored`.
        """
        return struck_by(store, snapshot, self.what(), lenient=self.kind == "event")

    def run(self, store: Store, snapshot: Snapshot, terms: Terms) -> StressResult:
        """Return the outcome on a snapshot; raises as `struck`."""
        scenario = self.name if self.kind == "scenario" else None
        return run_on(store, snapshot, self.struck(store, snapshot), terms, scenario)


def sensitivity(store: Store, snapshot: Snapshot, shock: Shocked, terms: Terms) -> pl.DataFrame:
    """Return how the loss depends on what is assumed: one row per panel, rule and value.

    Columns: panel (one of `PANELS`), rule, value (share of TVL that absorbs; share of distress passed on; what a debtor
    in distress still pays: of its debt under threshold, of its assets under clearing; threshold of distress),
    direct_usd, induced_usd, loss_usd, loss_fraction, converged. What a panel does not vary is as in `terms`, whose own
    values are among those tried.
    """
    struck = shock.struck(store, snapshot)
    rows = []
    for panel, rule, value, tried in _tries(terms):
        c = run_on(store, snapshot, struck, tried).contagion
        rows.append({
            "panel": panel, "rule": rule, "value": value, "direct_usd": float(c.direct_usd.sum()),
            "induced_usd": float(c.induced_usd.sum()), "loss_usd": c.total_loss_usd, "loss_fraction": c.loss_fraction,
            "converged": c.converged,
        })  # fmt: skip
    return pl.DataFrame(rows)


def _tries(terms: Terms) -> Iterator[tuple[str, str, float, Terms]]:
    """Yield (panel, rule, value, terms)."""
    for rule in RULES:
        own = terms.options if rule.name == terms.rule else ()
        # under clearing tokens are claims on assets, of whatever kind
        here = replace(terms, rule=rule.name, options=own, kinds=() if rule.clears else terms.kinds)
        for panel, tries in zip(PANELS, (_capacities, _passed_on, _recoveries, _thresholds), strict=True):
            yield from ((panel, rule.name, value, tried) for value, tried in tries(rule, here))


def _capacities(_rule: Rule, here: Terms) -> Iterator[tuple[float, Terms]]:
    for value in _among(CAPACITIES, here.absorbing_fraction):
        yield value, replace(here, absorbing_fraction=value)


def _passed_on(rule: Rule, here: Terms) -> Iterator[tuple[float, Terms]]:
    if rule.takes("pass_through"):
        for value in _among(SHARES, here.pass_through):
            yield value, replace(here, pass_through=value)


def _recoveries(rule: Rule, here: Terms) -> Iterator[tuple[float, Terms]]:
    for value in _among(SHARES, _recovered(rule, dict(here.options))):
        if options := _recovery(rule, value):
            yield value, _with(here, options)


def _thresholds(rule: Rule, here: Terms) -> Iterator[tuple[float, Terms]]:
    if rule.takes("distress_threshold"):
        for value in _among(THRESHOLDS, terms_threshold(here)):
            yield value, _with(here, {"distress_threshold": value})


def _with(terms: Terms, options: dict[str, float]) -> Terms:
    return replace(terms, options=tuple((dict(terms.options) | options).items()))


def _recovery(rule: Rule, value: float) -> dict[str, float]:
    """Return the options that say how much of it a debtor in distress still pays; none where a rule knows none."""
    if rule.takes("lgd"):
        return {"lgd": 1.0 - value}
    return {"alpha": value, "beta": value} if rule.clears else {}


def _recovered(rule: Rule, options: dict[str, float]) -> float:
    if rule.takes("lgd"):
        return 1.0 - options.get("lgd", 1.0)
    return options.get("alpha", 1.0)


def terms_threshold(terms: Terms) -> float:
    """Return from which share of its capacity lost on a protocol is in distress, by the terms or the settings."""
    return float(terms.chosen()[1]["distress_threshold"])


def _among(values: Sequence[float], own: float) -> list[float]:
    return sorted({*values, own})
