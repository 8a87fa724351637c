"""Shares counted on the training dates: in nested cells that lean on each other, and along a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dexposure_core.forecast.record import Flags, Floats, Indices

STEP: Final = 0.1  # width of the fine bins a score is counted in
FINE: Final = 400  # of them; scores are logarithms and stay below 40


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """Pairs and births per cell of nested codes, for one horizon; arrays of shape (levels of code 1, code 2, ...)."""

    total: Floats
    true: Floats

    @staticmethod
    def empty(shape: Sequence[int]) -> Cells:
        """Return the table that has seen nothing; `shape` says how many values each code has."""
        return Cells(total=np.zeros(shape), true=np.zeros(shape))

    def with_pairs(self, codes: Sequence[Indices], exists: Flags) -> Cells:
        """Return it with these pairs counted too; one array (C,) per kind of code."""
        shape = self.total.shape
        at = np.ravel_multi_index(tuple(codes), shape)
        total, true = (np.bincount(a, minlength=self.total.size).reshape(shape) for a in (at, at[exists]))
        return Cells(total=self.total + total, true=self.true + true)

    def rates(self, depth: int, pseudo: float) -> Floats:
        """Return P(exists) per cell of the first `depth` codes.

        A cell leans on the cell that contains it: (k + pseudo·P(outer)) / (n + pseudo); the outermost on
        (k + ½) / (n + 1) over everything.
        """
        rate: Floats = np.asarray((self.true.sum() + 0.5) / (self.total.sum() + 1.0))
        for level in range(1, depth + 1):
            inner = tuple(range(level, self.total.ndim))
            n, k = self.total.sum(axis=inner), self.true.sum(axis=inner)
            rate = (k + pseudo * rate[..., None]) / (n + pseudo)
        return rate


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """How often pairs came to exist by score, in fine bins of the score (each (FINE,)).

    Attributes:
        total, true: pairs and those that came to exist.
        score: sum of the scores.
    """

    total: Floats
    true: Floats
    score: Floats

    @staticmethod
    def empty() -> Curve:
        """Return a curve that has seen nothing."""
        return Curve(total=np.zeros(FINE), true=np.zeros(FINE), score=np.zeros(FINE))

    def with_pairs(self, score: Floats, exists: Flags) -> Curve:
        """Return it with these pairs counted too; scores (C,) >= 0."""
        at = fine(score)
        return Curve(
            total=self.total + np.bincount(at, minlength=FINE),
            true=self.true + np.bincount(at[exists], minlength=FINE),
            score=self.score + np.bincount(at, score, FINE),
        )

    def rising(self, groups: int) -> tuple[Floats, Floats]:
        """Return mean score and P(exists) of at most `groups` groups with equally many births, made to rise.

        Scores of 0 are a group of their own. P is (k + ½) / (n + 1), then pooled where it would fall (isotonic).
        """
        born = np.cumsum(self.true)
        group = np.where(np.arange(FINE) == 0, 0, 1 + np.floor(groups * (born - self.true) / max(born[-1], 1.0)))
        used = self.total > 0
        _, code = np.unique(group[used], return_inverse=True)
        n, k, score = (np.bincount(code, x[used]).astype(np.float64) for x in (self.total, self.true, self.score))
        return score / np.maximum(n, 1.0), isotonic((k + 0.5) / (n + 1.0), n)

    def between(self, edges: Sequence[int]) -> Floats:
        """Return P(exists) = (k + ½) / (n + 1) before the first edge, between each two, and from the last on.

        Edges are fine bins, rising; between two equal ones there is nothing and P says ½.
        """
        at = np.searchsorted(np.asarray(edges), np.arange(FINE), side="right")
        n, k = (np.bincount(at, x, len(edges) + 1) for x in (self.total, self.true))
        return np.asarray((k + 0.5) / (n + 1.0))

    def quantile(self, share: float) -> int:
        """Return the fine bin in which that share of the pairs is reached."""
        return int(np.searchsorted(np.cumsum(self.total), share * self.total.sum()))


def fine(score: Floats) -> Indices:
    """Return (C,) the fine bin of each score >= 0."""
    return np.minimum((score / STEP).astype(np.int64), FINE - 1)


def isotonic(values: Floats, weights: Floats) -> Floats:
    """Return the rising sequence closest to `values` in weighted squares (pool adjacent violators)."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length; a few dozen at most
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, total, length = value, weight, 1
        while blocks and blocks[-1][0] >= mean:
            before, heft, count = blocks.pop()
            mean, total, length = (
                (before * heft + mean * total) / max(heft + total, 1e-12),
                heft + total,
                length + count,
            )
        blocks.append((mean, total, length))
    return np.repeat([b[0] for b in blocks], [b[2] for b in blocks]) if blocks else np.zeros(0)


def along(curve: tuple[Floats, Floats], score: Floats) -> Floats:
    """Return (C,) P(exists) at each score, on straight lines through the groups, level beyond the outermost."""
    at, rate = curve
    return np.interp(score, at, rate) if len(at) else np.zeros(len(score))
