"""Chance that belongs to an entity, not to a place in a queue.

Every protocol and every token draws from its own generator, seeded by (seed, purpose, name). Adding or removing one
entity therefore changes no draw of any other. Choices between many tokens use the Gumbel trick with noise hashed from
both names: the k best of log(weight) + Gumbel are a draw without replacement, and one more token displaces at most one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]


def digest(*names: object) -> int:
    """Return a 128-bit number made from the names, the same on every machine."""
    text = "\x1f".join(str(name) for name in names)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def generator(seed: int, *names: object) -> np.random.Generator:
    """Return the generator of one entity for one purpose."""
    return np.random.Generator(np.random.PCG64(digest(seed, *names)))


def words(names: Sequence[str]) -> Words:
    """Return one 64-bit word per name, shape (K,)."""
    return np.array([digest(name) & 0xFFFFFFFFFFFFFFFF for name in names], dtype=np.uint64)


def gumbel(seed: int, name: str, others: Words) -> Floats:
    """Return (K,) Gumbel noise for the pairs (name, other), each hashed from the pair alone (splitmix64)."""
    mixed = others ^ np.uint64(digest(seed, "pair", name) & 0xFFFFFFFFFFFFFFFF)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    uniform = ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    noise: Floats = -np.log(-np.log(uniform))
    return noise


def short(values: Floats, bits: int) -> Floats:
    """Round to `bits` significant binary digits: sums and products stay exact and files compress."""
    mantissa, exponent = np.frexp(values)
    rounded: Floats = np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits)
    return rounded


def bridge(walk: Floats, at: npt.NDArray[np.int64]) -> Floats:
    """Return `walk` less its own straight line between the weeks `at`: zero there, free after the last."""
    weeks = np.arange(len(walk))
    pinned: Floats = walk - np.interp(weeks, at, walk[at])
    return pinned


def slow_noise(draws: npt.NDArray[Any], size: float, reversion: float = 0.12) -> Floats:
    """Return mean-reverting noise along the last axis, x(t+1) = (1 - reversion) x(t) + size * draw, from its mean."""
    from scipy.signal import lfilter

    return np.asarray(lfilter([size], [1.0, reversion - 1.0], draws, axis=-1))
