"""Scores of ranked and of calibrated probabilities, in numpy, ties counted as what they are.

- AUROC: chance that a true pair is ranked above a false one, ties count half (Mann-Whitney).
- AUPRC: average precision over the distinct score levels, as in scikit-learn: Σ (R_k − R_{k−1})·P_k. A two-level
  score that hits a share r of the positives and no negative scores r + (1 − r)·base rate.
- MRR: mean of 1/rank over true pairs, rank among the creditor's other possible debtors, tied ranks averaged:
  ½·(#above + #above or equal) + 1 (Temporal Graph Benchmark).
- Brier: mean (p − y)². ECE: Σ_bins share·|mean p − mean y| over fixed bins, finer near 0 where nearly all pairs are.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from dexposure_core.forecast.record import Flags, Floats, Indices

BINS: Final = np.array([0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97, 0.99])


def auroc(positive: Floats, negative: Floats) -> float:
    """Return the chance that a positive scores above a negative, ties half; NaN when either is missing."""
    if not len(positive) or not len(negative):
        return math.nan
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left")
    upto = np.searchsorted(ordered, positive, "right")
    return float((below + upto).sum() / (2.0 * len(positive) * len(negative)))


def auprc(positive: Floats, negative: Floats) -> float:
    """Return average precision over distinct score levels; NaN when there is no positive."""
    true = np.arange(len(positive) + len(negative)) < len(positive)
    return average_precision(np.concatenate([positive, negative]), true)


def average_precision(score: Floats, true: Flags) -> float:
    """Return average precision of `score` (C,) over distinct levels; NaN when nothing is true."""
    if not true.any():
        return math.nan
    level, hits = np.unique(score[true], return_counts=True)
    listed = len(score) - np.searchsorted(np.sort(score), level, "left")  # at this level or above
    found = np.cumsum(hits[::-1])[::-1]
    return float((hits * (found / listed)).sum() / found[0])


def reciprocal_ranks(
    positive: Floats, creditor: Indices, rival: Floats, rival_creditor: Indices, unlisted: Indices
) -> Floats:
    """Return (P,) 1/rank of each true pair among its creditor's other possible debtors, ties averaged.

    Args:
        positive: (P,) scores of the true pairs.
        creditor: (P,) their creditors.
        rival: (R,) scores of the listed pairs that are not true.
        rival_creditor: (R,) theirs.
        unlisted: (N,) per creditor, how many other pairs there are that nobody listed: their score is 0.
    """
    level = np.unique(np.append(positive, 0.0))
    width = 2 * len(level) + 1  # odd places are the levels, even ones what lies between them
    own, others = 2 * np.searchsorted(level, positive) + 1, _places(rival, level)
    ordered = np.sort(rival_creditor * width + others)
    end = np.searchsorted(ordered, (creditor + 1) * width, "left")
    above = end - np.searchsorted(ordered, creditor * width + own, "right")
    upto = end - np.searchsorted(ordered, creditor * width + own, "left")
    upto = upto + np.where(positive == 0.0, unlisted[creditor], 0)
    return np.asarray(1.0 / (0.5 * (above + upto) + 1.0))


def _places(score: Floats, level: Floats) -> Indices:
    """Return (C,) where each score lies among the sorted `level` (L,): 2k + 1 on the k-th, else an even number."""
    at = np.searchsorted(level, score)
    return np.asarray(2 * at + (level[np.minimum(at, len(level) - 1)] == score))


def bin_sums(probability: Floats, true: Flags) -> Floats:
    """Return (bins, 3): Σ p, Σ y and count per bin of probability; they add up over weeks."""
    where = np.digitize(probability, BINS)
    size = len(BINS) + 1
    return np.stack(
        [np.bincount(where, v, size) for v in (probability, true.astype(np.float64), np.ones(len(probability)))], axis=1
    )


def ece(sums: Floats) -> float:
    """Return the expected calibration error of summed bins (bins, 3); NaN when they are empty."""
    total = sums[:, 2].sum()
    return float(np.abs(sums[:, 0] - sums[:, 1]).sum() / total) if total > 0 else math.nan
