"""Which ordered pairs are scored at all, decided from what is known at the origin.

Two sets, joined: every pair the window saw in either direction (both orders of it), and for each protocol
a few debtors it might turn to: those most held in its own sector, most held overall, and those that gained
most holders over the last 12 snapshots. New exposures mostly go to issuers that others already hold.
How many of the true future exposures this catches is measured and printed (`candidate_recall`).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dexposure_core.forecast.known.window import Window, summed
from dexposure_core.forecast.record import Floats, Indices, distinct

POPULAR: Final = 20  # debtors of each kind offered to each protocol
GROWTH_LAG: Final = 12


def candidates(past: Window, popular: int = POPULAR) -> Indices:
    """Return (C,) sorted unique keys, creditor row × N + debtor row, of the pairs to score."""
    n = past.size
    pairs = [past.seen, mirrored(past.seen, n)]
    if n and len(past.key):
        pairs += [_crossed(np.arange(n), _overall(past, popular), n), *_by_sector(past, popular)]
    return distinct(np.concatenate(pairs))


def mirrored(key: Indices, n: int) -> Indices:
    """Return the keys of the same pairs the other way round."""
    return (key % max(n, 1)) * n + key // max(n, 1)


def mirror_at(key: Indices, n: int) -> Indices:
    """Return (C,) where each pair of the sorted `key` stands the other way round, -1 where it is not listed."""
    if not len(key):
        return np.zeros(0, dtype=np.int64)
    back = mirrored(key, n)
    at = np.minimum(np.searchsorted(key, back), len(key) - 1)
    return np.where(key[at] == back, at, -1)


def mirror_in_any_order(key: Indices, n: int) -> Indices:
    """Return what `mirror_at` does, for keys that need not be sorted."""
    order = np.argsort(key)
    at = mirror_at(key[order], n)
    found = np.empty_like(at)
    found[order] = np.where(at >= 0, order[at], -1)
    return found


def exclusive(probability: Floats, back: Indices) -> Floats:
    """Return probabilities, (C,) or (C, H), scaled so that the two directions of a pair sum to at most 1.

    `back` (C,) is where each pair stands the other way round, as `mirror_at` returns it.
    """
    if not len(back):
        return probability
    listed = (back >= 0).reshape(-1, *[1] * (probability.ndim - 1))
    return np.asarray(probability / np.maximum(1.0, probability + np.where(listed, probability[back], 0.0)))


def both_ways(key: Indices, past: Window) -> Indices:
    """Return the keys, on the flow basis with every pair the other way round too: only its direction is open."""
    return distinct(np.concatenate([key, mirrored(key, past.size)])) if past.origin.basis == "flow" else key


def in_degree(past: Window, lag: int) -> Indices:
    """Return (N,) how many creditors each protocol had `lag` snapshots before the origin."""
    return np.bincount(past.key[past.lag == lag] % past.size, minlength=past.size).astype(np.int64)


def _overall(past: Window, popular: int) -> Indices:
    now, before = in_degree(past, 0), in_degree(past, min(GROWTH_LAG, past.length - 1))
    strength = summed(past.origin.debtor, past.origin.exposure_usd, past.size)
    return np.union1d(_top(now, strength, popular), _top(now - before, strength, popular))


def _by_sector(past: Window, popular: int) -> list[Indices]:
    origin, found = past.origin, []
    sector = origin.sectors[origin.creditor]
    for name in sorted(set(origin.sectors)):
        own = sector == name
        degree = np.bincount(origin.debtor[own], minlength=past.size)
        strength = summed(origin.debtor[own], origin.exposure_usd[own], past.size)
        members = np.flatnonzero(origin.sectors == name)
        found.append(_crossed(members, _top(degree, strength, popular), past.size))
    return found


def _top(score: Indices, strength: Floats, popular: int) -> Indices:
    """Return the rows with the highest positive score; USD decides ties, so that names never do."""
    rows = np.flatnonzero(score > 0)
    return rows[np.lexsort((-strength[rows], -score[rows]))[:popular]]


def _crossed(creditors: Indices, debtors: Indices, n: int) -> Indices:
    key: Indices = (creditors[:, None] * n + debtors[None, :]).ravel()
    return np.asarray(key[key // n != key % n])
