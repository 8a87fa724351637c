"""Which mixture of memory and drawn futures forecasts a measure best, and how far it missed before.

A measure h steps ahead is served as today's value plus what the past gave reason to add:

    ŷ = y_t + Σ_s w_s·(source_s − y_t),   w ≥ 0, Σ w ≤ 1

with sources: an average that forgets by half in 2 snapshots, the means of the last 12 and 52, the trend of the last
26, and the mean of the futures drawn from the forecaster. The weights are non-negative least squares over past
origins, leaning on today (ridge), and stay 0 unless they lower the squared error clearly: by 1 % and by 2.3 standard
errors over blocks of origins; one standard error is enough on a basis where most measures gain (`needed`).

The interval is ŷ plus the 5 % and 95 % quantiles of past misses of exactly this recipe, stretched or narrowed by how
much the measure itself moved lately beside its usual movement. (The spread of the drawn futures as a second factor made
the interval score of weeks before 2025 worse.) Measures that are always positive are handled as logarithms, those
between 0 and 1 as log odds, so that no interval leaves the possible. (Conformal prediction with a difficulty estimate:
Papadopoulos, Gammerman and Vovk 2008.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from dexposure_core.forecast.record import Floats, Indices

SOURCES: Final = ("today", "recent weeks", "mean of 12", "mean of 52", "trend of 26", "drawn futures")
LOOK_BACK: Final = 52  # snapshots of a measure's own past that are read
HALF_LIFE: Final = 2.0
TREND: Final = 26
RIDGE: Final = 0.1
MARGIN: Final = 0.01
BLOCKS: Final = 8
LEVELS: Final = (0.05, 0.95)
STRETCH: Final = (0.4, 2.5)
MOVEMENT: Final = 26  # steps of a measure's recent movement
NEEDED: Final = (1.0, 2.3)  # standard errors of gain: where most measures gain, and where they do not
MOST: Final = 1.64  # the median over measures that counts as "most gain"
TINY: Final = 1e-12
PLAIN, LOG, ODDS = 0, 1, 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Blend:
    """The recipe for K measures at one horizon.

    Attributes:
        scale: (K,) code of the scale the measure is handled on (see `scale_of`).
        weights: (S, K) of SOURCES, summing to 1 over sources.
        low, high: (K,) quantiles of past misses, on the measure's scale.
        usual: (K,) usual difficulty (see `difficulty`).
        count: (K,) past origins behind it.
    """

    scale: Indices
    weights: Floats
    low: Floats
    high: Floats
    usual: Floats
    count: Floats

    def served(self, past: Floats, drawn: Floats, horizon: int) -> tuple[Floats, Floats, Floats]:
        """Return (K,) value, low and high end of the 90 % interval; NaN where today's value is not defined.

        Args:
            past: (L, K) the measures of the last snapshots, the origin last.
            drawn: (M, K) the measures of the drawn futures.
            horizon: steps ahead.
        """
        before, ahead = self.scaled(past), self.scaled(drawn)
        point = (sources(before, centre(ahead), horizon) * self.weights).sum(axis=0)
        factor = stretch(difficulty(before), self.usual)
        low, high = point + factor * self.low, point + factor * self.high
        value, low, high = (unscaled(x, self.scale) for x in (point, low, high))
        return value, low, high

    def scale_of(values: Floats) -> Indices:
    """Return (K,) per measure (T, K): ODDS when it lies between 0 and 1 wherever it is defined, LOG when above 0."""
    defined = np.isfinite(values)
    positive = defined.any(axis=0) & (np.where(defined, values, 1.0) > 0).all(axis=0)
    share = positive & (np.where(defined, values, 0.5) < 1).all(axis=0)
    return np.where(share, ODDS, np.where(positive, LOG, PLAIN)).astype(np.int64)


def scaled(values: Floats, scale: Indices) -> Floats:
    """Return values (..., K) as they are, as logarithms or as log odds; NaN where these are not defined."""
    nan = np.full_like(values, np.nan)
    log = np.log(values, out=nan, where=(scale != PLAIN) & (values > 0))
    rest = np.log1p(-values, out=np.full_like(values, np.nan), where=(scale == ODDS) & (values < 1))
    return np.where(scale == PLAIN, values, np.where(scale == ODDS, log - rest, log))


def unscaled(values: Floats, scale: Indices) -> Floats:
    """Return what `scaled` was made from."""
    grown = np.exp(np.where(scale == PLAIN, 0.0, np.clip(values, -700.0, 700.0)))
    return np.where(scale == PLAIN, values, np.where(scale == ODDS, grown / (1.0 + grown), grown))


def _defined(statistic: Callable[..., Floats], values: Floats) -> Floats:
    """Return a NaN-skipping statistic over the rows; NaN where a column has no value (and no warning about it)."""
    some = np.isfinite(values).any(axis=0)
    return np.where(some, statistic(np.where(some, values, 0.0), axis=0), np.nan)


def arrays(blend: Blend) -> dict[str, npt.NDArray[np.float64]]:
    """Return the blend's arrays by name, as numbers, to be kept on disk."""
    return {field.name: np.asarray(getattr(blend, field.name), dtype=np.float64) for field in fields(blend)}


def from_arrays(kept: dict[str, npt.NDArray[np.float64]]) -> Blend:
    """Return the blend that `arrays` took apart."""
    numbers = {name: np.asarray(kept[name], dtype=np.float64) for name in ("weights", "low", "high", "usual", "count")}
    return Blend(scale=np.rint(kept["scale"]).astype(np.int64), **numbers)
