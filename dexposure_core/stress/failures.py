"""Each protocol in turn: what its failure costs the others, and how often the others' failures hurt it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from dexposure_core.errors import BadOption
from dexposure_core.jobs import in_order
from dexposure_core.network.snapshot import Floats, Indices, Snapshot
from dexposure_core.settings import processors
from dexposure_core.stress.engine import Channel, absorbing_value, channel, final
from dexposure_core.stress.rules import find_rule

COLUMNS: Final = 32
SERIOUS: Final = 0.1
"""Distress from which on a protocol counts as hurt: a tenth of what it can lose."""


@dataclass(frozen=True, kw_only=True)
class Failures:
    """What the failure of each protocol alone does; arrays (N,), rows of the snapshot.

    Attributes:
        impact_usd: USD that all others lose when this one fails.
        hurt: how many others lose a tenth of what they have, or more.
        vulnerability: the mean share of what it can lose that it loses when one of the others fails.
        threats: how many others cost it a tenth of what it has, or more, by failing.
        worst: row of the protocol whose failure costs it most; -1 where none costs it anything.
    """

    impact_usd: Floats
    hurt: Indices
    vulnerability: Floats
    threats: Indices
    worst: Indices


def all_failures(
    snapshot: Snapshot, rule: str = "linear-debtrank", absorbing_usd: npt.ArrayLike | None = None, *,
    tokens_lose: npt.ArrayLike | None = None, fraction: float = 1.0,
    tick: Callable[[int, int], None] = lambda _done, _total: None, **options: float,
) -> Failures:  # fmt: skip
    """Let each protocol in turn lose `fraction` of what it has, and count what the others lose.

    Args:
        snapshot: the network.
        rule: name of one of `RULES`.
        absorbing_usd: (N,) what each protocol can lose; its TVL when None.
        tokens_lose: (E,) share of the debtor's distress that the tokens of each exposure lose; all when None.
        fraction: 0..1; 1: all.
        tick: told (protocols done, protocols).
        **options: the rule's options.

    Raises:
        UnknownRule, BadOption: as `contagion.run`.
    """
    if not 0 <= fraction <= 1:
        raise BadOption(f"fraction = {fraction!r}; must be a number from 0 to 1 (0.3 for 30 %)")
    chosen = find_rule(rule)
    absorbing = absorbing_value(snapshot, absorbing_usd)
    net = channel(snapshot, chosen, absorbing, chosen.settings(options), tokens_lose=tokens_lose)
    count = len(net.absorbing_usd)
    impact, hurt = np.zeros(count), np.zeros(count, dtype=np.int64)
    lost, threats = np.zeros(count), np.zeros(count, dtype=np.int64)
    most, worst = np.zeros(count), np.full(count, -1)
    for rows, share in _each(net, fraction):
        impact[rows] = net.absorbing_usd @ share
        serious = share >= SERIOUS
        hurt[rows] = serious.sum(axis=0)
        threats += serious.sum(axis=1)
        lost += share.sum(axis=1)
        here = share.argmax(axis=1)
        value = share[np.arange(count), here]
        better = value > most
        most[better], worst[better] = value[better], rows[here[better]]
        tick(int(rows[-1]) + 1, count)
    others = max(1, count - 1)
    return Failures(impact_usd=impact, hurt=hurt, vulnerability=lost / others, threats=threats, worst=worst)


def _each(net: Channel, fraction: float) -> Iterator[tuple[Indices, Floats]]:
    """Yield rows (K,) that fail, one a scenario, and (N, K) the share of what they have that the others lose."""
    count = len(net.absorbing_usd)
    jobs = (partial(_some, net, np.arange(at, min(at + COLUMNS, count)), fraction) for at in range(0, count, COLUMNS))
    yield from in_order(jobs, processors())


def _some(net: Channel, rows: Indices, fraction: float) -> tuple[Indices, Floats]:
    shocks = np.zeros((len(net.absorbing_usd), len(rows)))
    shocks[rows, np.arange(len(rows))] = fraction
    start, end, _ = final(net, shocks, np.zeros_like(shocks))
    share = end.distress - start.distress
    share[rows, np.arange(len(rows))] = 0.0  # what comes back to the one that failed is no loss of another
    return rows, share
