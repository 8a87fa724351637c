"""Who passed how much to whom, in which round.

What a creditor loses in a round is divided among the debtors that passed something on to it, in proportion to what
each would have cost it; where the creditor had less left to lose than that, every part shrinks alike. The parts of
a creditor therefore sum to its induced loss.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dexposure_core.network.snapshot import Floats, Indices, Snapshot
from dexposure_core.stress.contagion import Contagion


class Transmission(NamedTuple):
    """Losses passed on, ordered by round and then by size; arrays (M,), protocols as rows of the snapshot."""

    round: Indices
    debtor: Indices
    creditor: Indices
    loss_usd: Floats


def transmission(snapshot: Snapshot, contagion: Contagion, limit: int | None = None) -> Transmission:
    """Return the losses passed along each exposure in each round, at most the `limit` largest of a round.

    Args:
        snapshot: the network on which the contagion was run.
        contagion: its outcome.
        limit: how many of each round; None: all.
    """
    lost = contagion.loss_by_round_usd
    parts = [_round(snapshot, contagion, t, lost[t], limit) for t in range(1, contagion.rounds + 1)]
    if not parts:
        none = np.empty(0, dtype=np.int64)
        return Transmission(none, none, none, np.empty(0))
    return Transmission(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _round(snapshot: Snapshot, contagion: Contagion, number: int, lost: Floats, limit: int | None) -> Transmission:
    creditor, debtor = snapshot.creditor, snapshot.debtor
    asked = contagion.transfer_usd * contagion.passing[number - 1][debtor]
    edges = np.flatnonzero((asked > 0) & (lost[creditor] > 0))
    total = np.bincount(creditor[edges], weights=asked[edges], minlength=len(lost))
    parts = lost[creditor[edges]] * (asked[edges] / total[creditor[edges]])
    order = np.argsort(-parts, kind="stable")[:limit]
    chosen = edges[order]
    return Transmission(np.full(len(chosen), number), debtor[chosen], creditor[chosen], parts[order])
