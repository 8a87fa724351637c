"""Three-paths p → x ← y → q: y shares the debtor x with p and holds q. What p has not yet, but its likes have.

On a network of holders and issuers two protocols hardly share neighbours the usual way, so the usual score of link
prediction finds nothing; three-paths do. Counted exactly: B = Aᵀ·A says who holds x and q together, and the sum of its
column q over the debtors of p is taken for the pairs that are asked for, not for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dexposure_core.forecast.record import Floats, Indices
from dexposure_core.forecast.window import summed
from dexposure_core.network import Snapshot

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BLOCK: Final = 512  # debtors counted at once: N × BLOCK numbers in memory


class ThreePaths:
    """The three-paths of one network: who holds what together is found once, pairs can be asked for in several goes."""

    def __init__(self, origin: Snapshot) -> None:
        from scipy.sparse import csr_array

        n = len(origin.protocols)
        ones = np.ones(len(origin.creditor), dtype=np.float32)  # counts up to 2^24 are exact
        self._held = csr_array((ones, (origin.creditor, origin.debtor)), shape=(n, n))
        self._together = (self._held.T.tocsr() @ self._held).T  # symmetric: its rows are its columns

    def count(self, creditor: Indices, debtor: Indices) -> Floats:
        """Return (C,) the number of three-paths of each pair (C,) (C,)."""
        asked, place = np.unique(debtor, return_inverse=True)
        found = np.zeros(len(debtor))
        order = np.argsort(place, kind="stable")
        starts = np.searchsorted(place[order], np.arange(0, len(asked) + BLOCK, BLOCK))
        for k, start in enumerate(range(0, len(asked), BLOCK)):
            rows = order[starts[k] : starts[k + 1]]
            columns = self._together[:, asked[start : start + BLOCK]].toarray()
            found[rows] = _over_debtors(self._held, columns, creditor[rows], place[rows] - start)
        return found


def three_paths(origin: Snapshot, creditor: Indices, debtor: Indices) -> Floats:
    """Return (C,) the number of three-paths of each pair (C,) (C,) on the network of `origin`."""
    return ThreePaths(origin).count(creditor, debtor)


def _over_debtors(held: csr_array, columns: Floats, creditor: Indices, column: Indices) -> Floats:
    """Return (C,) the sum of a column (N, columns) over the debtors of a creditor."""
    first, count = held.indptr[creditor], np.diff(held.indptr)[creditor]
    ends = np.cumsum(count)
    at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - count), count)
    values = columns[held.indices[at], np.repeat(column, count)]
    return summed(np.repeat(np.arange(len(creditor)), count), values, len(creditor))
