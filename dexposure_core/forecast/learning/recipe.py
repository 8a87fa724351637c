"""How the model is trained: every choice that decides the result besides the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from dexposure_core.forecast.base import HORIZONS
from dexposure_core.network import Snapshot

SCREEN: Final = 0.3  # share of the screen's log loss; every other loss counts relative to memory's
AUTO, CPU, GPU = "auto", "cpu", "gpu"
PLACES: Final = (AUTO, CPU, GPU)
"""Where to train; AUTO: on a GPU where torch finds one."""
LARGE: Final = 20_000  # exposures from which training makes do with less, see `Recipe.sized`


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train: everything that decides the result besides the data.

    Attributes:
        horizons: steps ahead.
        hidden: width of every layer.
        epochs: passes at most; patience: passes without gain on validation after which it stops.
        rate, decay, clip: of the optimiser.
        average: per step, how much of the running mean of the weights is kept; the mean is what is used.
        every: each so many-th origin is learnt from (and validated on).
        most: pairs that do not exist kept per origin; None: see `examples`.
        pretraining: steps on made-up tasks, and as many on training weeks, before the encoder is tuned; 0: none.
        teachers: networks of existence alone that are trained first, in orders of their own; the network then learns
            from the mean of what they say of a pair in place of whether it came, which is half luck. 0: from what came.
        lessons: passes at most of a teacher.
        frozen: leave the encoder as it is after that.
        without: ablations, see `heads.ABLATIONS`.
        threads: of torch. The graphs are small: a second thread costs more in waiting than it saves.
        seed: decides everything that is drawn.
    """

    horizons: tuple[int, ...] = HORIZONS
    hidden: int = 32
    epochs: int = 14
    patience: int = 5
    rate: float = 3e-3
    decay: float = 1e-4
    clip: float = 5.0
    average: float = 0.99
    every: int = 1
    most: int | None = None
    pretraining: int = 300
    teachers: int = 3
    lessons: int = 8
    frozen: bool = False
    without: tuple[str, ...] = ()
    threads: int = 1
    seed: int = 7

    def sized(self, history: Sequence[Snapshot]) -> Recipe:
        """Return the recipe for a network of this size: a large one tells as much with less and without teachers."""
        if len(history[-1].exposure_usd) < LARGE:
            return self
        return replace(
            self, every=4, most=150_000, epochs=min(self.epochs, 6), pretraining=min(self.pretraining, 150), teachers=0,
            threads=2,
        )  # fmt: skip
