"""What any model has to beat."""

from __future__ import annotations

from dexposure_core.forecast.baselines.pair_memory import PairMemoryForecaster
from dexposure_core.forecast.baselines.persistence import Persistence

__all__ = ["PairMemoryForecaster", "Persistence"]
