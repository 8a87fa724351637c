"""What any model has to beat. Those that learn are all fitted alike, see `tuning`."""

from __future__ import annotations

from typing import Final

from dexposure_core.forecast.baselines.boosting import Boosted
from dexposure_core.forecast.baselines.drift import DriftingSize, DriftingTvl
from dexposure_core.forecast.baselines.hazard import Hazard
from dexposure_core.forecast.baselines.memory import (
    LAST_SIZE,
    LAST_TVL,
    FadingExistence,
    FadingSize,
    FadingTvl,
)
from dexposure_core.forecast.baselines.new_pairs import NewPairs
from dexposure_core.forecast.baselines.pair_memory import PairMemoryForecaster
from dexposure_core.forecast.baselines.persistence import Persistence
from dexposure_core.forecast.baselines.roland import Roland
from dexposure_core.forecast.baselines.size_rule import SizeRule
from dexposure_core.forecast.baselines.tuning import Tuned
from dexposure_core.forecast.record import Forecaster

__all__ = ["BASELINES", "PairMemoryForecaster", "Persistence", "Tuned"]

BASELINES: Final[tuple[Forecaster, ...]] = (
    Persistence(),
    PairMemoryForecaster(),
    Tuned(name="ewma", existence=FadingExistence(), size=FadingSize(), tvl=FadingTvl(), everything=False),
    Tuned(name="drift", existence=FadingExistence(), size=DriftingSize(), tvl=DriftingTvl(), everything=False),
    Tuned(name="hazard", existence=Hazard(), size=LAST_SIZE, tvl=LAST_TVL),
    Tuned(name="size-rule", existence=SizeRule(), size=LAST_SIZE, tvl=LAST_TVL, everything=False),
    Tuned(name="three-path", existence=NewPairs(score="three-path"), size=LAST_SIZE, tvl=LAST_TVL),
    Tuned(name="in-degree", existence=NewPairs(score="in-degree"), size=LAST_SIZE, tvl=LAST_TVL),
    Tuned(
        name="gradient-boosting",
        existence=Boosted(target="existence"),
        size=Boosted(target="size"),
        tvl=Boosted(target="tvl"),
    ),
    Roland(),
)
