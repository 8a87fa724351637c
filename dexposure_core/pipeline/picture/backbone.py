"""Which protocols and exposures to show: the readable cut of a network of thousands.

Protocols are ranked by strength, s_i = Σ_j (E_ij + E_ji). Among the first K of them we keep

1. the maximum spanning forest of E_ij + E_ji, so that nobody floats alone who has a partner in the picture, and
2. exposures that matter to one of their ends by the disparity filter of Serrano, Boguñá and Vespignani (2009):
   with p = E_ij / s_i and k_i partners, α = (1 − p)^(k_i − 1) is the chance of a share as large as p if i had spread
   its exposures at random; small α is telling. The largest of those fill up to `per_protocol` exposures a protocol;
3. if room is left, the largest of the others.

The searched protocol comes with its largest partners and all its exposures to those shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import minimum_spanning_tree

from dexposure_core.network import Snapshot
from dexposure_core.pipeline.numbers import count, percent, plural

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SIGNIFICANT = 0.05
PARTNERS = 12  # of a searched protocol, at each side


@dataclass(frozen=True, kw_only=True)
class Cut:
    """The part of a snapshot that is shown.

    Attributes:
        protocols: (K,) rows of the snapshot, strongest first.
        exposures: (M,) rows of `exposure_usd`, largest first; both ends are in `protocols`.
        shown_usd, total_usd: USD of the shown exposures and of all.
        total_exposures, total_protocols: how many the snapshot has.
    """

    protocols: Indices
    exposures: Indices
    shown_usd: float
    total_usd: float
    total_exposures: int
    total_protocols: int

    @property
    def share(self) -> float:
        """Return the shown share of all exposure, 0..1; NaN for a network without exposures."""
        return self.shown_usd / self.total_usd if self.total_usd > 0 else float("nan")

    def caption(self) -> str:
        """Return how much of the network the picture shows, in words."""
        if self.total_exposures == 0:
            return f"No exposures among {plural(self.total_protocols, 'protocol')} on this date."
        return (
            f"{count(len(self.exposures))} of {count(self.total_exposures)} exposures, "
            f"{percent(self.share)} of value, between {count(len(self.protocols))} of "
            f"{plural(self.total_protocols, 'protocol')}"
        )


def backbone(snapshot: Snapshot, size: int = 140, *, keep: Sequence[str] = (), per_protocol: float = 1.8) -> Cut:
    """Return the `size` strongest protocols and their most telling exposures.

    Args:
        snapshot: the network; N protocols, E exposures.
        size: how many protocols at most.
        keep: ids that are shown whatever their strength (the searched protocol); unknown ids are ignored.
        per_protocol: exposures shown per protocol shown, at most.
    """
    kept = np.flatnonzero(np.isin(snapshot.protocols.astype(str), list(keep))) if keep else np.zeros(0, dtype=np.int64)
    rows = _strongest(snapshot, size, kept)
    inside = np.zeros(len(snapshot.protocols), dtype=np.bool_)
    inside[rows] = True
    among = np.flatnonzero(inside[snapshot.creditor] & inside[snapshot.debtor])
    chosen = among[_telling(snapshot, among, int(per_protocol * len(rows)))]
    if len(kept):
        own = np.isin(snapshot.creditor[among], kept) | np.isin(snapshot.debtor[among], kept)
        chosen = np.union1d(chosen, among[own])
    amounts = snapshot.exposure_usd
    return Cut(
        protocols=rows,
        exposures=chosen[np.argsort(-amounts[chosen], kind="stable")],
        shown_usd=float(amounts[chosen].sum()),
        total_usd=float(amounts.sum()),
        total_exposures=len(amounts),
        total_protocols=len(snapshot.protocols),
    )


def totals(snapshot: Snapshot) -> tuple[Floats, Floats]:
    """Return (N,) USD each: what a protocol holds of others, and what others hold of it."""
    n = len(snapshot.protocols)
    held = np.bincount(snapshot.creditor, snapshot.exposure_usd, minlength=n).astype(np.float64)
    owed = np.bincount(snapshot.debtor, snapshot.exposure_usd, minlength=n).astype(np.float64)
    return held, owed


def strength(snapshot: Snapshot) -> Floats:
    """Return (N,) USD: what each protocol holds of others plus what others hold of it."""
    held, owed = totals(snapshot)
    return held + owed


def _strongest(snapshot: Snapshot, size: int, kept: Indices) -> Indices:
    """Return the rows of the `size` strongest, then those kept and their largest partners."""
    total = strength(snapshot)
    order = np.argsort(-total, kind="stable")
    rows = order[total[order] > 0][:size]
    wanted = [kept]
    for row in kept:
        for near, far in ((snapshot.creditor, snapshot.debtor), (snapshot.debtor, snapshot.creditor)):
            own = np.flatnonzero(near == row)
            wanted.append(far[own[np.argsort(-snapshot.exposure_usd[own], kind="stable")][:PARTNERS]])
    more = np.setdiff1d(np.concatenate(wanted), rows)
    return np.concatenate([rows, more]).astype(np.int64)


def _telling(snapshot: Snapshot, among: Indices, limit: int) -> Indices:
    """Return positions in `among` of the spanning forest and of the best others, about `limit` in all."""
    amounts = snapshot.exposure_usd[among]
    forest = _forest(snapshot.creditor[among], snapshot.debtor[among], amounts, len(snapshot.protocols))
    telling = _disparity(snapshot, among) < SIGNIFICANT
    order = np.lexsort((-amounts, ~telling, ~forest))  # forest first, then telling, then by size
    return np.sort(order[: max(limit, int(forest.sum()))])


def _disparity(snapshot: Snapshot, among: Indices) -> Floats:
    """Return (M,) the smaller α of the two ends of each exposure, measured in the whole network."""
    n = len(snapshot.protocols)
    best = np.ones(len(among))
    for end in (snapshot.creditor, snapshot.debtor):
        total = np.bincount(end, snapshot.exposure_usd, minlength=n)[end[among]]
        partners = np.bincount(end, minlength=n)[end[among]]
        alpha = (1 - np.minimum(1.0, snapshot.exposure_usd[among] / total)) ** (partners - 1)
        best = np.minimum(best, np.where(partners > 1, alpha, 1.0))
    return best


def _forest(creditor: Indices, debtor: Indices, amounts: Floats, n: int) -> Flags:
    """Return (M,) whether an exposure lies on the maximum spanning forest (both directions of a pair summed)."""
    if not len(amounts):
        return np.zeros(0, dtype=np.bool_)
    low, high = np.minimum(creditor, debtor), np.maximum(creditor, debtor)
    pairs = csr_array((amounts, (low, high)), shape=(n, n))
    pairs.sum_duplicates()
    pairs.data = 1.0 / (1.0 + np.log1p(pairs.data))  # a smaller length for a larger amount: minimum = maximum spanning
    tree = minimum_spanning_tree(pairs).tocoo()
    keys = tree.row.astype(np.int64) * n + tree.col
    flags: Flags = np.isin(low * n + high, keys)
    return flags
