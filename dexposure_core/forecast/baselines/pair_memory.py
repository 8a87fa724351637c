"""What existed lately will exist again: EdgeBank (Poursafaei et al. 2022), how often a pair was there lately.

On the holdings basis P(p→q) = n_pq / L over the last L = 12 snapshots. On the flow basis, where an exposure
turns whenever a holding shrinks after growing, the pair is remembered in either direction:
P(p→q) = min(1, (n_pq + n_qp) / L) · (n_pq + ½) / (n_pq + n_qp + 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dexposure_core.forecast.base import Unfitted
from dexposure_core.forecast.known.candidates import mirrored
from dexposure_core.forecast.known.pair_memory import pair_memory
from dexposure_core.forecast.known.window import window
from dexposure_core.forecast.record import Forecast, check_history
from dexposure_core.network import Snapshot

RECENT: Final = 12  # snapshots of pair memory: a quarter of weeks


@dataclass(frozen=True)
class PairMemoryForecaster(Unfitted):
    """What was there in the last 12 snapshots, in either direction, comes back as often as it was there."""

    name: str = "pair-memory"
    version: str = "1"
    recent: int = RECENT

    def fit(self, history: Sequence[Snapshot]) -> PairMemoryForecaster:  # noqa: ARG002  the protocol's signature
        """Return itself: it only counts, at the origin."""
        return self

    def predict(self, history: Sequence[Snapshot], horizon_weeks: int) -> Forecast:
        """Return every pair of the last snapshots, both ways, at its last size, and today's TVL."""
        origin = check_history(history, horizon_weeks)
        past = window(history, self.recent)
        seen = pair_memory(past)
        n = max(past.size, 1)
        key = np.union1d(seen.key, mirrored(seen.key, n)) if origin.basis == "flow" else seen.key
        at, here = seen.find(key)
        back, there = seen.find(mirrored(key, n))
        own, other = np.where(here, seen.count[at], 0), np.where(there, seen.count[back], 0)
        both = own + other
        share = own / past.length
        if origin.basis == "flow":
            share = np.minimum(both / past.length, 1.0) * (own + 0.5) / (both + 1.0)
        later = np.where(there & (~here | (seen.last[back] < seen.last[at])), seen.log_last[back], seen.log_last[at])
        return Forecast(
            origin=origin.date, horizon_weeks=horizon_weeks, protocols=origin.protocols, creditor=key // n,
            debtor=key % n, probability=share,
            exposure_usd=np.expm1(later), tvl_usd=origin.tvl_usd, basis=origin.basis, forecaster=self.name,
        )  # fmt: skip
