"""Which mixture of memory and drawn futures forecasts a measure best, and how far it missed before.

A measure h steps ahead is served as today's value plus what the past gave reason to add:

    ŷ = y_t + Σ_s w_s·(source_s − y_t),   w ≥ 0, Σ w ≤ 1

with sources: an average that forgets by half in 2 snapshots, the means of the last 12 and 52, the trend of the last
26, and the mean of the futures drawn from the forecaster. The weights are non-negative least squares over past
origins, leaning on today (a ridge that grows with √h: the further ahead, the fewer targets stand for themselves), and
stay 0 unless they lower the squared error clearly: by 1 % and by 2.3 standard errors over blocks of origins, either of
the error itself or of the share of each block's error (so that a wild year cannot drown the calm ones); one standard
error of the first is enough on a basis where most measures gain (`needed`).

The interval reaches as far to both sides of ŷ as 90 % of past misses of exactly this recipe reached to either or, as
few misses say little of their tails, as far as covers a new miss as often as promised: with n misses that stand for
themselves the quantile is taken at 0.90·(1 + 1/n) (split conformal prediction). Both sides alike, because a market
that has only risen does not tell how far it can fall: what moved up by a factor may come down by it. The interval is
stretched or narrowed by how much the measure itself moved lately beside its usual movement. (The spread of the drawn
futures as a second factor made the interval score of weeks before 2025 worse.) Measures that are always positive are
handled as logarithms, those between 0 and 1 as log odds, so that no interval leaves the possible.
(Conformal prediction with a difficulty estimate: Papadopoulos, Gammerman and Vovk 2008.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dexposure_core.forecast.record import Floats, Indices

SOURCES: Final = ("today", "recent weeks", "mean of 12", "mean of 52", "trend of 26", "drawn futures")
LOOK_BACK: Final = 52  # snapshots of a measure's own past that are read
HALF_LIFE: Final = 2.0
TREND: Final = 26
RIDGE: Final = 0.1  # one step ahead
MARGIN: Final = 0.01
BLOCKS: Final = 8
LEVELS: Final = (0.05, 0.95)
PROMISED: Final = LEVELS[1] - LEVELS[0]
STRETCH: Final = (0.4, 2.5)
MOVEMENT: Final = 26  # steps of a measure's recent movement
NEEDED: Final = (1.0, 2.3)  # standard errors of gain: where most measures gain, and where they do not
MOST: Final = 1.64  # the median over measures that counts as "most gain"
STILL: Final = 1e-6  # a source that moves from today by less than this share of what came says nothing
TINY: Final = 1e-12
PLAIN, LOG, ODDS = 0, 1, 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Blend:
    """The recipe for K measures at one horizon.

    Attributes:
        scale: (K,) code of the scale the measure is handled on (see `scale_of`).
        weights: (S, K) of SOURCES, summing to 1 over sources.
        half: (K,) half the width of the interval, on the measure's scale.
        usual: (K,) usual difficulty (see `difficulty`).
        count: (K,) past origins behind it.
    """

    scale: Indices
    weights: Floats
    half: Floats
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
        reach = stretch(difficulty(before), self.usual) * self.half
        value, low, high = (unscaled(x, self.scale) for x in (point, point - reach, point + reach))
        return value, low, high

    def scaled(self, values: Floats) -> Floats:
        """Return measures (..., K) on the scale they are handled on; NaN where that is not defined."""
        return scaled(values, self.scale)

    def main_sources(self) -> list[str]:
        """Return (K,) in words, the source that moves a measure most from today's value; "today" where none does."""
        moved = self.weights[1:].sum(axis=0) > 0
        best = 1 + self.weights[1:].argmax(axis=0)
        return [SOURCES[b] if m else SOURCES[0] for b, m in zip(best, moved, strict=True)]


def centre(scaled_draws: Floats) -> Floats:
    """Return (K,) the mean of the draws (M, K) in which a measure is defined."""
    return defined(np.nanmean, scaled_draws)


def sources(past: Floats, drawn: Floats, horizon: int) -> Floats:
    """Return (S, K) what each of SOURCES says, from `past` (L, K), the origin last, all on the measures' scale."""
    recent = past[-LOOK_BACK:]
    today = recent[-1]
    age = np.arange(len(recent))[::-1, None]
    weight = np.where(np.isfinite(recent), 0.5 ** (age / HALF_LIFE), 0.0)
    total = weight.sum(axis=0)
    ewma = np.divide((weight * np.nan_to_num(recent)).sum(axis=0), total, out=today.copy(), where=total > 0)
    back = min(TREND, len(recent) - 1)
    step = (today - recent[-1 - back]) / max(back, 1)
    found = np.stack([
        today, ewma, defined(np.nanmean, recent[-12:]), defined(np.nanmean, recent), today + horizon * step, drawn,
    ])  # fmt: skip
    return np.where(np.isfinite(found), found, today)


def difficulty(past: Floats) -> Floats:
    """Return (K,) the mean absolute step of the recent past (L, K); 1 where it does not move or is not defined."""
    steps = np.abs(np.diff(past[-MOVEMENT - 1 :], axis=0))
    return _or_one(defined(np.nanmean, steps)) if len(steps) else np.ones(past.shape[1])


def stretch(hard: Floats, usual: Floats | float) -> Floats:
    """Return the factor on the width of an interval, bounded."""
    return np.clip(_or_one(np.divide(hard, usual, out=np.ones_like(hard), where=np.asarray(usual) > 0)), *STRETCH)


def gains(said: Floats, truth: Floats, horizon: int) -> Floats:
    """Return (K,) by how many standard errors the best weights beat today's value; NaN where they cannot be fitted."""
    return np.array([_fit(said[:, :, k], truth[:, k], horizon).gain for k in range(said.shape[2])])


def needed(every_gain: Floats) -> float:
    """Return the standard errors a measure must gain, given the gains of all measures and horizons of a basis."""
    fine = every_gain[np.isfinite(every_gain)]
    return NEEDED[0] if len(fine) and float(np.median(fine)) > MOST else NEEDED[1]


def fit_blend(
    said: Floats, truth: Floats, hard: Floats, scale: Indices, horizon: int, needed_gain: float, apart: float
) -> Blend:  # fmt: skip
    """Fit weights and the reach of misses.

    Args:
        said: (n, S, K) what the sources said at n past origins, in time order.
        truth: (n, K) what came, on the same scale.
        hard: (n, K) difficulty.
        scale: (K,) code of the measures' scale.
        horizon: steps ahead.
        needed_gain: standard errors of gain from which weights are trusted.
        apart: as how many misses of their own they count, at least 1.
    """
    level = level_for(apart)
    kinds = said.shape[2]
    usual = _or_one(defined(np.nanmean, hard) if len(hard) else np.ones(kinds))
    weights = np.zeros((len(SOURCES), kinds))
    half, used = np.full(kinds, np.nan), np.full(kinds, np.nan)
    for k in range(kinds):
        fit = _fit(said[:, :, k], truth[:, k], horizon)
        clear = fit.gain > needed_gain or fit.share > max(needed_gain, NEEDED[1])
        weights[1:, k] = fit.weights if clear else 0.0
        weights[0, k] = 1.0 - weights[1:, k].sum()
        missed = truth[:, k] - said[:, :, k] @ weights[:, k]
        fine = np.isfinite(missed)
        used[k] = fine.sum()
        if fine.any():
            half[k] = np.quantile(np.abs(missed[fine]) / stretch(hard[fine, k], usual[k]), level)
    return Blend(scale=scale, weights=weights, half=half, usual=usual, count=used)


def level_for(apart: float) -> float:
    """Return the quantile of `apart` independent misses within which a new one lies as often as PROMISED."""
    return min(1.0, PROMISED * (1.0 + 1.0 / apart))


class _Fit(NamedTuple):
    """Non-negative weights (S-1,) and by how many standard errors over blocks they beat today's value.

    `gain` is of the squared error, `share` of the share of it that goes in each block.
    """

    weights: Floats
    gain: float
    share: float


def _fit(said: Floats, truth: Floats, horizon: int) -> _Fit:
    from scipy.optimize import nnls  # takes longer to load than many a forecast that never fits takes in all

    fine = np.isfinite(said).all(axis=1) & np.isfinite(truth)
    moves, wanted = said[fine, 1:] - said[fine, :1], truth[fine] - said[fine, 0]
    if len(wanted) < BLOCKS:
        return _Fit(np.zeros(moves.shape[1]), np.nan, np.nan)
    size = np.sqrt((moves**2).mean(axis=0))
    moves = np.where(size > STILL * np.sqrt((wanted**2).mean()), moves, 0.0)  # or its weight would be all there is
    lean = np.diag((size + TINY) * np.sqrt(len(wanted) * RIDGE * np.sqrt(horizon)))
    found = nnls(np.vstack([moves, lean]), np.r_[wanted, np.zeros(len(lean))])[0]
    found = np.asarray(found / max(1.0, found.sum()))
    before = wanted**2
    gain = before - (wanted - moves @ found) ** 2
    if gain.mean() <= MARGIN * before.mean():
        return _Fit(found, 0.0, 0.0)
    block = [(part.mean(), whole.mean()) for part, whole in zip(_blocks(gain), _blocks(before), strict=True)]
    gained, missed = np.array(block).T
    return _Fit(found, _errors(gained, TINY * before.mean()), _errors(gained / (missed + TINY * before.mean()), TINY))


def _blocks(values: Floats) -> list[Floats]:
    return np.array_split(values, BLOCKS)


def _errors(blocks: Floats, least: float) -> float:
    """Return the mean of blocks in its standard errors, these being `least` at least."""
    return float(blocks.mean() / (blocks.std() / np.sqrt(len(blocks)) + least + TINY))


def _or_one(values: Floats) -> Floats:
    return np.where(np.isfinite(values) & (values > 0), values, 1.0)


def scale_of(values: Floats) -> Indices:
    """Return (K,) per measure (T, K): ODDS when it lies between 0 and 1 wherever it is defined, LOG when above 0."""
    defined = np.isfinite(values)
    positive = defined.any(axis=0) & (np.where(defined, values, 1.0) > 0).all(axis=0)
    share = positive & (np.where(defined, values, 0.5) < 1).all(axis=0)
    return np.where(share, ODDS, np.where(positive, LOG, PLAIN)).astype(np.int64)


def scaled(values: Floats, scale: Indices) -> Floats:
    """Return values (..., K) as they are, as logarithms or as log odds; NaN where these are not defined."""
    log = np.log(values, out=np.full_like(values, np.nan), where=(scale != PLAIN) & (values > 0))
    rest = np.log1p(-values, out=np.full_like(values, np.nan), where=(scale == ODDS) & (values < 1))
    return np.where(scale == PLAIN, values, np.where(scale == ODDS, log - rest, log))


def unscaled(values: Floats, scale: Indices) -> Floats:
    """Return what `scaled` was made from."""
    grown = np.exp(np.where(scale == PLAIN, 0.0, np.clip(values, -700.0, 700.0)))
    return np.where(scale == PLAIN, values, np.where(scale == ODDS, grown / (1.0 + grown), grown))


def defined(statistic: Callable[..., Floats], values: Floats, **given: Any) -> Floats:
    """Return a NaN-skipping statistic over the rows; NaN where a column has no value (and no warning about it)."""
    some = np.isfinite(values).any(axis=0)
    return np.where(some, statistic(np.where(some, values, 0.0), axis=0, **given), np.nan)


def arrays(blend: Blend) -> dict[str, npt.NDArray[np.float64]]:
    """Return the blend's arrays by name, as numbers, to be kept on disk."""
    return {field.name: np.asarray(getattr(blend, field.name), dtype=np.float64) for field in fields(blend)}


def from_arrays(kept: dict[str, npt.NDArray[np.float64]]) -> Blend:
    """Return the blend that `arrays` took apart."""
    numbers = {name: np.asarray(kept[name], dtype=np.float64) for name in ("weights", "half", "usual", "count")}
    return Blend(scale=np.rint(kept["scale"]).astype(np.int64), **numbers)
