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


def by_exposure(snapshot: Snapshot, contagion: Contagion) -> tuple[Indices, Floats]:
    """Return (E,) the first round in which an exposure carried a loss (0: in none) and USD carried over all rounds."""
    first, carried = np.zeros(len(snapshot.exposure_usd), dtype=np.int64), np.zeros(len(snapshot.exposure_usd))
    lost = contagion.loss_by_round_usd
    for number in range(1, contagion.rounds + 1):
        edges, parts = _passed(snapshot, contagion, number, lost[number])
        carried[edges] += parts
        first[edges] = np.where(first[edges] == 0, number, first[edges])
    return first, carried


def _round(snapshot: Snapshot, contagion: Contagion, number: int, lost: Floats, limit: int | None) -> Transmission:
    edges, parts = _passed(snapshot, contagion, number, lost)
    order = np.argsort(-parts, kind="stable")[:limit]
    chosen = edges[order]
    return Transmission(
        np.full(len(chosen), number), snapshot.debtor[chosen], snapshot.creditor[chosen], parts[order]
    )  # fmt: skip


def _passed(snapshot: Snapshot, contagion: Contagion, number: int, lost: Floats) -> tuple[Indices, Floats]:
    """Return the exposures that carried a loss in a round, and USD of each."""
    creditor, debtor = snapshot.creditor, snapshot.debtor
    asked = contagion.transfer_usd * contagion.passing[number - 1][debtor]
    edges = np.flatnonzero((asked > 0) & (lost[creditor] > 0))
    total = np.bincount(creditor[edges], weights=asked[edges], minlength=len(lost))
    return edges, lost[creditor[edges]] * (asked[edges] / total[creditor[edges]])
