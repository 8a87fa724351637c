"""Nothing changes: the exposures and TVL of the origin, each with probability 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dexposure_core.forecast.base import Unfitted
from dexposure_core.forecast.record import Forecast, check_history
from dexposure_core.network import Snapshot


@dataclass(frozen=True)
class Persistence(Unfitted):
    """The network of the origin, unchanged."""

    name: str = "persistence"
    version: str = "1"

    def fit(self, history: Sequence[Snapshot]) -> Persistence:  # noqa: ARG002  the protocol's signature
        """Return itself: nothing to learn."""
        return self

    def predict(self, history: Sequence[Snapshot], horizon_weeks: int) -> Forecast:
        """Return today's exposures, each certain, and today's TVL."""
        origin = check_history(history, horizon_weeks)
        return Forecast(
            origin=origin.date, horizon_weeks=horizon_weeks, protocols=origin.protocols, creditor=origin.creditor,
            debtor=origin.debtor, probability=np.ones(len(origin.exposure_usd)), exposure_usd=origin.exposure_usd,
            tvl_usd=origin.tvl_usd, basis=origin.basis, forecaster=self.name,
        )  # fmt: skip
