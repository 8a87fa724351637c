"""What forecasters have in common, so that each says only what is its own."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from dexposure_core.forecast.record import Forecast
from dexposure_core.network import Snapshot

HORIZONS: Final = (1, 4, 8, 12)  # steps ahead that forecasters are fitted for


class Unfitted(ABC):
    """A forecaster with nothing to learn: `predict` works at once, `fit` changes nothing."""

    @property
    def needs_fit(self) -> bool:
        """Return False."""
        return False

    @property
    def fitted_until(self) -> dt.date | None:
        """Return None: it has learnt from no date."""
        return None

    @abstractmethod
    def predict(self, history: Sequence[Snapshot], horizon_weeks: int) -> Forecast:
        """Forecast from the last snapshot of `history`, `horizon_weeks` steps ahead."""

    def predict_all(self, history: Sequence[Snapshot], horizons: Sequence[int]) -> dict[int, Forecast]:
        """Return the forecast of each horizon."""
        return {h: self.predict(history, h) for h in horizons}
