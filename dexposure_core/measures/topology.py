"""How the exposures are wired, whatever their size: unique directed pairs, no self-loops.

Degree variants are part of each name, because two of them exist under one name in the literature on this data:
in-degree counts creditors; total degree counts creditors plus debtors, zeros kept; entropy is that of the
distribution of total degrees over protocols (natural logarithm); assortativity is Newman's (2003) directed
out-in coefficient, the correlation over exposures of the creditor's out-degree and the debtor's in-degree.
"""

from __future__ import annotations

import math

import numpy as np

from dexposure_core.network.snapshot import Indices, Snapshot


def in_degree(snapshot: Snapshot) -> Indices:
    """Return (N,) the number of creditors of each protocol."""
    return np.bincount(snapshot.debtor, minlength=len(snapshot.protocols))


def out_degree(snapshot: Snapshot) -> Indices:
    """Return (N,) the number of debtors of each protocol."""
    return np.bincount(snapshot.creditor, minlength=len(snapshot.protocols))


def density(snapshot: Snapshot) -> float:
    """Return E / (N (N − 1)); NaN for fewer than two protocols."""
    count = len(snapshot.protocols)
    return len(snapshot.exposure_usd) / (count * (count - 1)) if count > 1 else math.nan


def degree_entropy(degrees: Indices) -> float:
    """Return −Σ p_k ln p_k of the distribution of (N,) degrees, 0 when all are equal; NaN without protocols."""
    if not degrees.size:
        return math.nan
    counts = np.bincount(degrees)
    shares = counts[counts > 0] / degrees.size
    return max(0.0, -float((shares * np.log(shares)).sum()))


def degree_assortativity(snapshot: Snapshot, incoming: Indices, outgoing: Indices) -> float:
    """Return the out-in degree correlation over exposures, −1 to 1; NaN when either side does not vary."""
    first = outgoing[snapshot.creditor].astype(np.float64)
    second = incoming[snapshot.debtor].astype(np.float64)
    if not first.size or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    first -= first.mean()
    second -= second.mean()
    spread = math.sqrt((first * first).sum() * (second * second).sum())
    return float(np.clip((first * second).sum() / spread, -1.0, 1.0))
