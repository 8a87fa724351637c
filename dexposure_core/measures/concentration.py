"""How unequally amounts are spread: three numbers of one list of amounts.

    HHI       = Σ s_i², s_i = a_i / Σ a          (Herfindahl 1950, Hirschman 1945; 1/K when K are equal, 1 for one)
    top-k     = share of the k largest amounts
    Gini      = 2 Σ_i i·a_(i) / (K Σ a) − (K + 1) / K,  a_(1) ≤ … ≤ a_(K)   (0 when equal)

A share of nothing is not defined: all three are NaN for an empty list and for a list of zeros. The HHI and
the top-k share do not depend on zeros; the Gini does, so callers decide whether zeros belong to the list.

Sums are numpy's own: the last digit of those of a linear algebra library depends on the number of threads.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from dexposure_core.errors import BadOption
from dexposure_core.network.snapshot import Floats


def hhi(amounts: npt.ArrayLike) -> float:
    """Return the Herfindahl-Hirschman index of (K,) amounts >= 0: 1/K (equal) to 1 (one holds all); NaN when Σ = 0."""
    shares = _shares(amounts)
    return float((shares * shares).sum()) if shares.size else math.nan


def top_share(amounts: npt.ArrayLike, count: int = 10) -> float:
    """Return the share of the `count` largest of (K,) amounts >= 0 in their sum; NaN when the sum is 0."""
    shares = _shares(amounts)
    if not shares.size:
        return math.nan
    if count >= shares.size:
        return 1.0
    return min(1.0, float(np.partition(shares, shares.size - count)[shares.size - count :].sum()))


def gini(amounts: npt.ArrayLike) -> float:
    """Return the Gini coefficient of (K,) amounts >= 0, zeros counted as they stand: 0 to 1 − 1/K; NaN when Σ = 0."""
    shares = np.sort(_shares(amounts))
    count = shares.size
    if not count:
        return math.nan
    ranks = np.arange(1, count + 1)
    return max(0.0, float(2.0 * (ranks * shares).sum() / count - (count + 1) / count))


def _shares(amounts: npt.ArrayLike) -> Floats:
    """Return (K,) shares of the total, or an empty array when there is no total to share."""
    array = np.asarray(amounts, dtype=np.float64).ravel()
    if not array.size:
        return array
    low, high = array.min(), array.max()
    if not (low >= 0 and math.isfinite(high)):
        first = int((~(np.isfinite(array) & (array >= 0))).argmax())
        raise BadOption(f"amounts[{first}] = {array[first]}; concentration is defined for finite amounts >= 0")
    if high == 0:
        return array[:0]
    scaled: Floats = array / high  # by the largest first: the sum of huge amounts must not overflow
    scaled /= scaled.sum()
    return scaled
