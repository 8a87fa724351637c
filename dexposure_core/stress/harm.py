"""What one protocol loses when others fail one at a time, without the paths of all the rest."""

from __future__ import annotations

import numpy as np

from dexposure_core.network.snapshot import Floats, Indices, Snapshot
from dexposure_core.stress.engine import absorbing_value, channel, final, spread, strike
from dexposure_core.stress.rules import find_rule


def harm(
    snapshot: Snapshot, protocol: str, failing: Indices, rule: str = "linear-debtrank", **options: float
) -> tuple[Floats, Floats]:
    """Return (K,) USD that a protocol loses in the first round, and in all, when each of K others fails whole, alone.

    The same as K times `run`, its TVL absorbing losses, but side by side and only among those whom losses reach.

    Args:
        snapshot: the network.
        protocol: whose losses.
        failing: (K,) rows of the protocols that fail, none of them its own.
        rule: name of one of `RULES`.
        **options: the rule's options, for example pass_through.

    Raises:
        UnknownRule, UnknownProtocol, BadOption: as of `run`.
    """
    row, chosen = snapshot.row(protocol), find_rule(rule)
    net = channel(snapshot, chosen, absorbing_value(snapshot, None), chosen.settings(options))
    fractions = np.zeros((len(snapshot.protocols), len(failing)))
    fractions[failing, np.arange(len(failing))] = 1.0
    start, passes = strike(net, fractions, np.zeros_like(fractions))
    first = spread(net, passes, start).distress[row] if net.options["max_rounds"] else start.distress[row]
    _, end, _ = final(net, fractions, np.zeros_like(fractions))
    absorbing = float(net.absorbing_usd[row])
    return first * absorbing, end.distress[row] * absorbing
