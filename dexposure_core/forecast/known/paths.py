"""Three-paths p → x ← y → q: y shares the debtor x with p and holds q. What p has not yet, but its likes have.

On a network of holders and issuers two protocols hardly share neighbours the usual way, so the usual score of link
prediction finds nothing; three-paths do. Counted exactly: B = Aᵀ·A says who holds x and q together, and the sum of its
column q over the debtors of p is taken for the pairs that are asked for, not for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dexposure_core.forecast.known.window import summed
from dexposure_core.forecast.record import Floats, Indices
from dexposure_core.network import Snapshot

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BLOCK: Final = 512  # debtors counted at once: N × BLOCK numbers in memory
WHOLE: Final = 2  # passes over all exposures that a creditor's whole row takes
ROWS: Final = 64  # whole rows counted at once


class ThreePaths:
    """The three-paths of one network: who holds what together is found once, pairs can be asked for in several goes."""

    def __init__(self, origin: Snapshot) -> None:
        from scipy.sparse import csr_array

        n = len(origin.protocols)
        ones = np.ones(len(origin.creditor), dtype=np.float32)  # counts up to 2^24 are exact
        self._held = csr_array((ones, (origin.creditor, origin.debtor)), shape=(n, n))
        self._holders = self._held.T.tocsr()
        self._together = (self._holders @ self._held).T  # symmetric: its rows are its columns

    def count(self, creditor: Indices, debtor: Indices) -> Floats:
        """Return (C,) the number of three-paths of each pair (C,) (C,)."""
        steps = np.diff(self._held.indptr)
        work = np.bincount(creditor, minlength=len(steps)) * steps
        whole = (work > WHOLE * self._held.nnz)[creditor]
        found = np.zeros(len(debtor))
        found[whole] = self._of_few(creditor[whole], debtor[whole])
        found[~whole] = self._of_many(creditor[~whole], debtor[~whole])
        return found

    def _of_few(self, creditor: Indices, debtor: Indices) -> Floats:
        """Count those of a few creditors that hold, and are asked for, so much that all of a row costs less."""
        asked, place = np.unique(creditor, return_inverse=True)
        found = np.zeros(len(debtor))
        for start in range(0, len(asked), ROWS):
            alike = self._held @ self._held[asked[start : start + ROWS]].T.toarray().astype(np.float64)
            rows = (place >= start) & (place < start + ROWS)
            found[rows] = (self._holders @ alike)[debtor[rows], place[rows] - start]
        return found

    def _of_many(self, creditor: Indices, debtor: Indices) -> Floats:
        """Count pair by pair, debtor after debtor."""
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
