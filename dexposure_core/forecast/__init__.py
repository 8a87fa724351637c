"""Forecasts of the exposure network, and the forecasters that make them.

`FORECASTERS` lists them, baselines first; those that must learn are listed unfitted. Importing this package imports
neither torch nor lightgbm; who needs one loads it when fitted or first asked for a forecast.
"""

from __future__ import annotations

import os
from typing import Final

from dexposure_core.errors import UnknownForecaster, find
from dexposure_core.forecast.ablation import FROZEN, Variant
from dexposure_core.forecast.baselines import BASELINES, PairMemoryForecaster, Persistence
from dexposure_core.forecast.model import Dexposure
from dexposure_core.forecast.record import Forecast, Forecaster

# Threads of torch and lightgbm sleep when they wait for each other, unless the user says otherwise: read when their
# libraries load. Spinning, they took 15 processor seconds on a busy machine for what takes 6.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = [
    "FORECASTERS",
    "Dexposure",
    "Forecast",
    "Forecaster",
    "PairMemoryForecaster",
    "Persistence",
    "find_forecaster",
]

FORECASTERS: Final[tuple[Forecaster, ...]] = (*BASELINES, Variant(name=FROZEN, variant=FROZEN), Dexposure())


def find_forecaster(name: str) -> Forecaster:
    """Return the forecaster of that name.

    Raises:
        UnknownForecaster: when there is none; names the closest one.
    """
    return find(name, FORECASTERS, "forecaster", UnknownForecaster)
