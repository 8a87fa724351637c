"""Three-paths p → x ← y → q: y shares the debtor x with p and holds q. What p has not yet, but its likes have.

On a network of holders and issuers two protocols hardly share neighbours the usual way, so the usual score of link
prediction finds nothing; three-paths do. Counted exactly, for the debtors that are asked for: B = Aᵀ·A[:, Q] says who
holds x and q together, A·B sums that over the debtors of p.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dexposure_core.forecast.record import Floats, Indices
from dexposure_core.network import Snapshot

BLOCK: Final = 512  # debtors counted at once: N × BLOCK numbers in memory


def three_paths(origin: Snapshot, creditor: Indices, debtor: Indices) -> Floats:
    """Return (C,) the number of three-paths of each pair (C,) (C,) on the network of `origin`."""
    from scipy.sparse import csr_array

    n = len(origin.protocols)
    ones = np.ones(len(origin.creditor), dtype=np.float32)
    a = csr_array((ones, (origin.creditor, origin.debtor)), shape=(n, n))
    across, columns = a.T.tocsr(), a.tocsc()
    asked, place = np.unique(debtor, return_inverse=True)
    found = np.zeros(len(debtor))
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(0, len(asked) + BLOCK, BLOCK))
    for k, start in enumerate(range(0, len(asked), BLOCK)):
        rows = order[starts[k] : starts[k + 1]]
        together = across @ columns[:, asked[start : start + BLOCK]].toarray()  # (N, block): holders of x and of q
        found[rows] = (a @ together)[creditor[rows], place[rows] - start]
    return found
