"""A temporal graph network in the manner of ROLAND (You, Du and Leskovec 2022).

Every layer of a graph network keeps a state per protocol, which a GRU updates snapshot by snapshot. A pair is decoded
from the states of its two ends and from what it was lately; sizes and TVL are changes of the last ones. Trained live:
week after week, each from the states the weeks before have left. Then calibrated on the validation dates: the
logits are stretched and shifted, the changes of size and TVL shrunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np

from dexposure_core.forecast.baselines.memory import mean_size
from dexposure_core.forecast.baselines.tuning import TARGETS, Cases, Part, Setting, Target, Tuned, Untrained
from dexposure_core.forecast.baselines.view import View
from dexposure_core.forecast.record import Floats
from dexposure_core.network import Basis

if TYPE_CHECKING:
    from dexposure_core.forecast.baselines.roland_training import Trained

STRETCHES: Final = (1.0, 0.7, 0.85, 1.2, 1.5)
SHIFTS: Final = (0.0, -0.5, 0.25, 0.5)
SHRINKS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, kw_only=True)
class RolandPart(Untrained):
    """One target of the network; `trained` is None before training."""

    target: Target
    trained: Trained | None = None

    def settings(self, basis: Basis) -> tuple[Setting, ...]:  # noqa: ARG002
        """Return (stretch, shift) of the logits, or how much of a change is believed."""
        return tuple(product(STRETCHES, SHIFTS)) if self.target == "existence" else tuple((s,) for s in SHRINKS)

    def of(self, view: View, horizon: int, setting: Setting) -> Floats:
        """Return (C,) probabilities, (C,) log1p USD of sizes, or (N,) log1p USD of TVL."""
        if self.trained is None:
            raise ValueError("the network has not been trained")
        trained = self.trained
        said: dict[Target, Floats] = view.kept("roland", lambda: trained.scores(view))
        column = said[self.target][:, trained.horizons.index(horizon)]
        if self.target == "existence":
            return np.asarray(1.0 / (1.0 + np.exp(-np.clip(setting[0] * column + setting[1], -30.0, 30.0))))
        base = mean_size(view, 0.0) if self.target == "size" else view.log_tvl
        return np.asarray(base + setting[0] * column)


@dataclass(frozen=True, kw_only=True, eq=False)
class Roland(Tuned):
    """The baseline: one network for the three targets."""

    name: str = "roland"
    existence: Part = RolandPart(target="existence")
    size: Part = RolandPart(target="size")
    tvl: Part = RolandPart(target="tvl")

    def learnt(self, training: Cases, validation: Cases) -> dict[Target, Part]:
        """Return the parts of a network trained once for all of them."""
        from dexposure_core.forecast.baselines.roland_training import train

        trained = train(training(), validation(), self.horizons)
        return {target: RolandPart(target=target, trained=trained) for target in TARGETS}
