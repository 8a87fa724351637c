"""Pairs that are alike in what counts most for birth and death: nested cells, coarse first.

A pair's state; then its age (of a living pair), its gap (of one seen before) or the younger end's age (of one never
seen); then in how many of the last 12 snapshots it was there, on the flow basis this way and either way; then its size
when last seen. The hazard table counts births and deaths per cell; the model starts from the same counts.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dexposure_core.forecast.known.candidates import mirrored
from dexposure_core.forecast.known.pair_memory import PairMemory
from dexposure_core.forecast.known.window import MEMORY, Window
from dexposure_core.forecast.record import Flags, Floats, Indices

STATES: Final = 5  # now; now the other way; seen this way; seen the other way only; never seen
NEVER: Final = 4
TIMES: Final = (1, 2, 4, 8, 16, 32)  # snapshots of age or gap
SHARES: Final = (0.01, 0.26, 0.51, 0.76, 0.99)  # of the last 12 snapshots
SIZES: Final = tuple(float(np.log(10.0) * k) for k in (3, 4, 5, 6, 7, 8))  # log1p of 1,000 to 100 million USD
SHAPE: Final = (STATES, len(TIMES) + 1, (len(SHARES) + 1) ** 2, len(SIZES) + 1)
PATHS: Final = tuple(0.5 * 2 ** (k / 2) for k in range((len(SHARES) + 1) ** 2 - 1))  # three-paths, finely
HOLDERS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # creditors of a debtor in the creditor's sector

Codes = tuple[Indices, Indices, Indices, Indices]


Found = tuple[tuple[Indices, Flags], tuple[Indices, Flags]]


def pair_cells(past: Window, seen: PairMemory, key: Indices, log_last: Floats, found: Found | None = None) -> Codes:
    """Return the four codes of each pair.

    Args:
        past: the window.
        seen: its memory of pairs.
        key: (C,) the pairs.
        log_last: (C,) their log1p USD when last seen.
        found: where memory has them, and has them the other way round (`PairMemory.find`); None: it is asked now.
    """
    (at, own), (there, other) = found or (seen.find(key), seen.find(mirrored(key, past.size)))
    last, back = (_of(seen.last, i, f, MEMORY) for i, f in ((at, own), (there, other)))
    flow = past.origin.basis == "flow"
    if flow:
        state = np.select([last == 0, back == 0, own, other], [0, 1, 2, 3], NEVER)
        age = np.maximum(_of(seen.first, at, own, 0), _of(seen.first, there, other, 0))
        gap = np.minimum(last, back)
    else:
        state = np.select([last == 0, own, other], [0, 2, 3], NEVER)
        age, gap = _of(seen.first, at, own, 0), np.where(own, last, back)
    time = np.select([state <= 1, state == NEVER], [age, youth(past, key)], gap)
    share = _of(seen.count12, at, own, 0), _of(seen.count12, there, other, 0)
    return (
        state,
        np.digitize(time, TIMES),
        _shares(share, min(12, past.length), flow=flow),
        np.digitize(log_last, SIZES),
    )


def never_cells(paths: Floats, holders: Floats) -> Codes:
    """Return the codes of pairs never seen: by three-paths and by holders in the creditor's sector, not by times."""
    nothing = np.zeros(len(paths), dtype=np.int64)
    return nothing + NEVER, nothing, np.digitize(paths, PATHS), np.digitize(holders, HOLDERS)


def youth(past: Window, key: Indices) -> Indices:
    """Return (C,) for how many snapshots before the origin the younger end of each pair has been there."""
    if not len(key):
        return key
    known = np.isfinite(past.log_tvl).sum(axis=0) - 1
    return np.asarray(np.minimum(known[key // past.size], known[key % past.size]), dtype=np.int64)


def _of(values: Indices, at: Indices, found: Flags, otherwise: int) -> Indices:
    return np.where(found, values[at], otherwise) if len(values) else np.full(len(at), otherwise)


def _shares(count: tuple[Indices, Indices], recent: int, *, flow: bool) -> Indices:
    code = np.digitize(count[0] / recent, SHARES)
    if not flow:
        return code
    either = np.minimum((count[0] + count[1]) / recent, 1.0)
    return code * (len(SHARES) + 1) + np.digitize(either, SHARES)
