"""Named shocks that mean the same on every snapshot, so that results compare across weeks.

The three of DeXposure-FM (arXiv 2602.03981, section 6.2): the largest protocol by TVL loses half, the five largest
lose 30 %, every bridge loses everything. And three more: the ten largest lose 20 %, lending loses 30 %, and the tokens
of the stablecoin issuer of which protocols hold most lose a tenth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from dexposure_core.errors import UnknownScenario, find
from dexposure_core.network.snapshot import Indices, Snapshot
from dexposure_core.stress.shock import Shock


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A shock defined by a rule of selection.

    Attributes:
        name: key in tables, links and JSON.
        title: what a reader sees.
        help: who is selected and what happens to them.
        fraction: 0..1, what each selected protocol loses.
        select: rows of the protocols hit, in a given snapshot; may be empty.
    """

    name: str
    title: str
    help: str
    fraction: float
    select: Callable[[Snapshot], Indices]

    def shock(self, snapshot: Snapshot) -> Shock:
        """Return the shock in this snapshot; empty when it has no such protocol."""
        return Shock(fractions={str(snapshot.protocols[i]): self.fraction for i in self.select(snapshot)})


def largest(count: int) -> Callable[[Snapshot], Indices]:
    """Return a selection of the `count` largest protocols by TVL (TVL above 0; of equals the later row)."""

    def select(snapshot: Snapshot) -> Indices:
        rows = np.argsort(snapshot.tvl_usd, kind="stable")[::-1][:count]
        return rows[snapshot.tvl_usd[rows] > 0]

    return select


def category_contains(text: str) -> Callable[[Snapshot], Indices]:
    """Return a selection of every protocol whose fine category contains `text`, whatever its case."""

    def select(snapshot: Snapshot) -> Indices:
        hit = {name for name in set(snapshot.categories) if text in name.casefold()}
        return np.flatnonzero(np.fromiter(map(hit.__contains__, snapshot.categories), bool, len(snapshot.categories)))

    return select


def most_held(text: str) -> Callable[[Snapshot], Indices]:
    """Return a selection of the one protocol, of those whose fine category contains `text`, of which most is held."""

    def select(snapshot: Snapshot) -> Indices:
        rows = category_contains(text)(snapshot)
        owed = np.bincount(snapshot.debtor, weights=snapshot.exposure_usd, minlength=len(snapshot.protocols))[rows]
        return rows[[int(owed.argmax())]] if owed.any() else rows[:0]

    return select


SCENARIOS: Final[tuple[Scenario, ...]] = (
    Scenario(
        name="top-1",
        title="Largest protocol loses 50 %",
        help="The protocol with the largest TVL loses half of it.",
        fraction=0.5,
        select=largest(1),
    ),
    Scenario(
        name="top-5",
        title="Five largest protocols lose 30 %",
        help="Each of the five protocols with the largest TVL loses 30 % of it.",
        fraction=0.3,
        select=largest(5),
    ),
    Scenario(
        name="bridges",
        title="All bridges fail",
        help="Every protocol whose category contains 'bridge' loses everything.",
        fraction=1.0,
        select=category_contains("bridge"),
    ),
    Scenario(
        name="top-10",
        title="Ten largest protocols lose 20 %",
        help="Each of the ten protocols with the largest TVL loses 20 % of it.",
        fraction=0.2,
        select=largest(10),
    ),
    Scenario(
        name="lending",
        title="Lending protocols lose 30 %",
        help="Every protocol whose category contains 'lending' loses 30 % of its TVL.",
        fraction=0.3,
        select=category_contains("lending"),
    ),
    Scenario(
        name="stablecoin-depeg",
        title="The most held stablecoin falls by 10 %",
        help="Of the protocols whose category contains 'stablecoin', the tokens of the one held most lose a tenth.",
        fraction=0.1,
        select=most_held("stablecoin"),
    ),
)


def find_scenario(name: str) -> Scenario:
    """Return the scenario of that name.

    Raises:
        UnknownScenario: when there is none; names the closest one.
    """
    return find(name, SCENARIOS, "scenario", UnknownScenario)
