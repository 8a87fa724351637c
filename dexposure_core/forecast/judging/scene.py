"""What is the same for all forecasters at one origin: which pairs are scored, and what became of them.

Only the evaluator sees this. Pairs are candidates of the origin, made from what was known then, and every exposure
that came to exist between its protocols, whether anybody listed it or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np

from dexposure_core.forecast.judging.metrics import LASTING
from dexposure_core.forecast.judging.outcomes import Outcome, outcome
from dexposure_core.forecast.known.candidates import candidates, mirrored
from dexposure_core.forecast.known.window import window
from dexposure_core.forecast.record import Flags, Floats, Indices, distinct
from dexposure_core.network import Snapshot

NEGATIVES: Final = 5  # random pairs per true exposure, as in the paper
UNSEEN: Final = 20  # popular pairs per new exposure


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """What an origin knows; all keys are creditor row × N + debtor row, sorted.

    Attributes:
        origin: the last snapshot a forecaster sees.
        listed: (C,) keys of the candidates.
        seen: (S,) keys of pairs the window has seen; `either`: in either direction.
        now: (E,) keys of the exposures of the origin.
    """

    origin: Snapshot
    listed: Indices
    seen: Indices
    either: Indices
    now: Indices

    @staticmethod
    def of(past: Sequence[Snapshot]) -> Ground:
        """Return what the last snapshot of `past` knows."""
        recent = window(past)
        seen = recent.seen
        either = distinct(np.concatenate([seen, mirrored(seen, recent.size)]))
        now = np.sort(recent.key[recent.lag == 0])
        return Ground(origin=recent.origin, listed=candidates(recent), seen=seen, either=either, now=now)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """Everything that is the same for all forecasters at one origin and horizon.

    Attributes:
        origin: the last snapshot they saw.
        after: what happened.
        pairs: (U,) sorted keys that are scored.
        true: (U,) which came to exist.
        now: (U,) which exist at the origin.
        seen: (U,) which the window has seen, in either direction.
        flicker: (U,) which died and came back, or came and went, just after the target; None: not known yet.
        usd: (U,) USD at the target, 0 where not true.
        former: (U,) which the window has seen in this direction and do not exist at the target.
        random: (R,) keys of random pairs without exposure at the target, -1 where an entrant is involved.
        unseen: (V,) keys of popular pairs the window has not seen and that do not exist at the target.
    """

    origin: Snapshot
    after: Outcome
    pairs: Indices
    true: Flags
    now: Flags
    seen: Flags
    flicker: Flags | None
    usd: Floats
    former: Flags
    random: Indices
    unseen: Indices

    @staticmethod
    def of(past: Sequence[Snapshot], target: Snapshot, seed: int, later: Sequence[Snapshot] = ()) -> Scene:
        """Return the scene of an origin (the last of `past`) and its target; `later`: the snapshots just after it."""
        return Scene.on(Ground.of(past), target, seed, later)

    @staticmethod
    def on(ground: Ground, target: Snapshot, seed: int, later: Sequence[Snapshot] = ()) -> Scene:
        """Return the scene of a target as seen from `ground`; flicker is known when `later` holds LASTING snapshots."""
        n = len(ground.origin.protocols)
        after = outcome(ground.origin, target)
        pairs = distinct(np.concatenate([ground.listed, after.key]))
        true, now = within(pairs, after.key), within(pairs, ground.now)
        usd = np.zeros(len(pairs))
        usd[true] = np.expm1(after.log_usd)
        rng = np.random.default_rng([seed, ground.origin.date.toordinal(), target.date.toordinal()])
        return Scene(
            origin=ground.origin, after=after, pairs=pairs, true=true, now=now, seen=within(pairs, ground.either),
            flicker=_flicker(ground.origin, pairs, true, now, later[:LASTING]) if len(later) >= LASTING else None,
            usd=usd, former=within(pairs, ground.seen) & ~true, random=_random_pairs(after, n, rng),
            unseen=_unseen_pairs(ground, after, rng),
        )  # fmt: skip


def within(key: Indices, table: Indices) -> Flags:
    """Return (C,) whether each of `key` is in the sorted `table`."""
    if not len(table):
        return np.zeros(len(key), dtype=bool)
    return np.asarray(table[np.minimum(np.searchsorted(table, key), len(table) - 1)] == key)


def _flicker(origin: Snapshot, pairs: Indices, true: Flags, now: Flags, later: Sequence[Snapshot]) -> Flags:
    there = [within(pairs, outcome(origin, s).key) for s in later]
    back, stayed = reduce(np.logical_or, there), reduce(np.logical_and, there)
    return np.asarray((now & ~true & back) | (~now & true & ~stayed))


def _random_pairs(after: Outcome, n: int, rng: np.random.Generator) -> Indices:
    """Draw pairs among the protocols of origin and target, true ones and self-loops left out."""
    everyone = n + len(after.entrant_log_tvl)
    wanted = NEGATIVES * (len(after.key) + len(after.entrant_log_usd))
    ends = rng.integers(0, max(everyone, 1), (2, 2 * wanted))
    known = (ends < n).all(axis=0)
    key = np.where(known, ends[0] * n + ends[1], -1)
    fine = (ends[0] != ends[1]) & ~within(key, after.key)
    return np.asarray(key[fine][:wanted])


def _unseen_pairs(ground: Ground, after: Outcome, rng: np.random.Generator) -> Indices:
    """Draw pairs as busy as real ones (ends by degree) that neither the window nor the target has."""
    n = len(ground.origin.protocols)
    wanted = UNSEEN * int((~within(after.key, ground.either)).sum())
    if not wanted or not len(ground.now):
        return np.zeros(0, dtype=np.int64)
    drawn = rng.integers(0, len(ground.now), (2, 8 * wanted))
    creditor, debtor = ground.now[drawn[0]] // n, ground.now[drawn[1]] % n
    key = distinct(creditor * n + debtor)
    fine = (key // n != key % n) & ~within(key, ground.either) & ~within(key, after.key)
    return np.sort(rng.permutation(key[fine])[:wanted])
