"""The model with something left out or held fast, trained like the model itself: what is each part worth?

`frozen` is listed among the forecasters: the pre-trained encoder as it is, only the heads are trained. The others are
reported by `dexposure evaluate --ablations`. torch is imported when one is fitted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from dexposure_core.errors import NoModel
from dexposure_core.forecast.judging.outcomes import fit_split
from dexposure_core.forecast.model import Dexposure
from dexposure_core.forecast.record import Forecast, check_history
from dexposure_core.network import Snapshot

SEED: Final = 7
FROZEN: Final = "frozen"
WHOLE: Final = "whole model"
ALONE: Final = "no teachers"
_ALONE: Final[Mapping[str, Any]] = MappingProxyType({"teachers": 0})
VARIANTS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType({
    WHOLE: {},
    ALONE: _ALONE,
    "random initialisation": {**_ALONE, "pretraining": 0},
    FROZEN: {**_ALONE, "frozen": True},
    "no graph": {**_ALONE, "without": ("graph",)},
    "no history": {**_ALONE, "without": ("history",)},
    "no tabular features": {**_ALONE, "without": ("tabular",)},
})  # fmt: skip
"""Variant → what differs in the recipe. Teachers nearly double the time of training, so parts are left out without."""


def beside(variant: str) -> str | None:
    """Return the variant that differs by one thing, to compare with; None for the whole model."""
    return None if variant == WHOLE else WHOLE if variant == ALONE else ALONE


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A variant of the model as a forecaster; `trained` is None before `fit`."""

    name: str
    variant: str
    trained: Dexposure | None = None

    @property
    def needs_fit(self) -> bool:
        """Return whether `fit` must come first."""
        return self.trained is None

    @property
    def version(self) -> str:
        """Return the sha256 of its weights, or a placeholder before it has any."""
        return self.trained.version if self.trained else "unfitted"

    @property
    def fitted_until(self) -> dt.date | None:
        """Return the last date it has learnt from."""
        return self.trained.fitted_until if self.trained else None

    def fit(self, history: Sequence[Snapshot]) -> Variant:
        """Return it trained on `history` alone."""
        from dexposure_core.forecast.learning.training import Recipe, train

        basis, cut = check_history(history, 1).basis, fit_split([s.date for s in history])
        weights = train({basis: history}, recipe=Recipe(**VARIANTS[self.variant]), seed=SEED, cut=cut)
        return replace(self, trained=Dexposure(name=self.name, trained=weights))

    def predict(self, history: Sequence[Snapshot], horizon_weeks: int) -> Forecast:
        """Forecast from the last snapshot of `history`.

        Raises:
            NoModel: when it was not fitted.
        """
        check_history(history, horizon_weeks)
        return self._ready().predict(history, horizon_weeks)

    def predict_all(self, history: Sequence[Snapshot], horizons: Sequence[int]) -> dict[int, Forecast]:
        """Return the forecast of each of those horizons it knows."""
        return self._ready().predict_all(history, horizons)

    def _ready(self) -> Dexposure:
        if self.trained is None:
            raise NoModel(f"{self.name} has not been fitted; fit it on the history before the first origin")
        return self.trained
