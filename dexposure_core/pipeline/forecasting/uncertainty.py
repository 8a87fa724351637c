"""Learn from past origins how far a forecaster misses: measures of drawn futures beside what came.

Two passes over past origins, all of whose targets lie in the given history: the first collects the misses of pairs and
protocols (`forecast.intervals.residuals`); the second draws futures from them, measures these, and fits how each
measure is served (`forecast.intervals.blend`). Futures of a past origin are never drawn from dates whose targets
overlap its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from dexposure_core.errors import BadOption
from dexposure_core.forecast import Forecast, Forecaster
from dexposure_core.forecast.intervals.blend import (
    BLOCKS,
    LOOK_BACK,
    Blend,
    centre,
    difficulty,
    fit_blend,
    gains,
    needed,
    scale_of,
    scaled,
    sources,
)
from dexposure_core.forecast.intervals.futures import drawn_futures
from dexposure_core.forecast.intervals.residuals import Miss, Residuals, miss, residuals
from dexposure_core.forecast.intervals.turnover import turned_over
from dexposure_core.forecast.intervals.uncertainty import Place, Uncertainty
from dexposure_core.forecast.record import Floats
from dexposure_core.measures import measure_all
from dexposure_core.network import Snapshot
from dexposure_core.progress import Progress, silent
from dexposure_core.stress import standard_losses

ORIGINS: Final = 64
DRAWS: Final = 40
LARGE: Final = 20_000  # exposures from which fewer past origins and draws are affordable
LARGE_ORIGINS: Final = 24
LARGE_DRAWS: Final = 12


def measured(snapshot: Snapshot) -> dict[str, float]:
    """Return every measure and every standard stress loss (share of TVL) by name; NaN = not defined."""
    return {**measure_all(snapshot), **standard_losses(snapshot)}


def track(history: Sequence[Snapshot]) -> tuple[tuple[str, ...], Floats]:
    """Return the names (K,) and values (T, K) of everything measured on every snapshot."""
    rows = [measured(snapshot) for snapshot in history]
    names = tuple(rows[0])
    return names, np.array([[row[name] for name in names] for row in rows])


def values(networks: Iterable[Snapshot], names: Sequence[str]) -> Floats:
    """Return (M, K) everything measured on M networks."""
    return np.array([[row[name] for name in names] for row in map(measured, networks)])


def learn(
    forecaster: Forecaster,
    histories: dict[str, Sequence[Snapshot]],
    horizons: Sequence[int],
    *,
    origins: int | None = None,
    progress: Progress = silent,
) -> Uncertainty:
    """Return what the past origins of `histories` (basis → snapshots; nothing else is read) say.

    Raises:
        BadOption: when no past origin has a target.
    """
    bank: dict[Place, Residuals] = {}
    recipes: dict[Place, Blend] = {}
    names: tuple[str, ...] = ()
    for basis, history in histories.items():
        one = _Basis(forecaster, history, horizons, origins, progress)
        names = one.names
        kept = one.bank()
        bank |= {(basis, h): r for h, r in kept.items()}
        recipes |= {(basis, h): b for h, b in one.blends(kept).items()}
    about = {"origins": {f"{b}.{h}": len(r.origin) for (b, h), r in bank.items()}}
    return Uncertainty(model=forecaster.version, measures=names, residuals=bank, blends=recipes, about=about)


class _Basis:
    """One basis: its past origins, the forecasts from them, and what was measured."""

    def __init__(
        self,
        forecaster: Forecaster,
        history: Sequence[Snapshot],
        horizons: Sequence[int],
        origins: int | None,
        progress: Progress,
    ) -> None:
        self.forecaster, self.history, self.progress = forecaster, history, progress
        large = len(history[-1].exposure_usd) > LARGE
        count = origins or (LARGE_ORIGINS if large else ORIGINS)
        self.draws = LARGE_DRAWS if large else DRAWS
        self.origins = past_origins(len(history), min(horizons), count)
        self.horizons = [h for h in horizons if self.origins[0] + h < len(history)]
        self.names, self.values = track(history)
        self.scale = scale_of(self.values)

    def bank(self) -> dict[int, Residuals]:
        """Return the misses at the past origins, by horizon."""
        misses: dict[int, list[Miss]] = {h: [] for h in self.horizons}
        for i, forecasts in self._forecasts("misses"):
            for h, forecast in forecasts.items():
                misses[h].append(miss(forecast, self.history[i], self.history[i + h]))
        return {h: residuals(found) for h, found in misses.items()}

    def blends(self, bank: dict[int, Residuals]) -> dict[int, Blend]:
        """Return the recipe of every horizon; how much evidence it needs is decided over all of them together."""
        said: dict[int, list[Floats]] = {h: [] for h in self.horizons}
        truth: dict[int, list[Floats]] = {h: [] for h in self.horizons}
        hard: dict[int, list[Floats]] = {h: [] for h in self.horizons}
        for i, forecasts in self._forecasts("drawing"):
            past = scaled(self.values[max(0, i + 1 - LOOK_BACK) : i + 1], self.scale)
            for h, forecast in forecasts.items():
                drawn = scaled(self._drawn(i, forecast, bank[h]), self.scale)
                said[h].append(sources(past, centre(drawn), h))
                truth[h].append(scaled(self.values[i + h], self.scale))
                hard[h].append(difficulty(past))
        stacked = {h: (np.stack(said[h]), np.stack(truth[h]), np.stack(hard[h])) for h in self.horizons}
        evidence = needed(np.concatenate([gains(s, t, h) for h, (s, t, _) in stacked.items()]))
        return {h: fit_blend(s, t, d, self.scale, h, evidence, self._apart(h)) for h, (s, t, d) in stacked.items()}

    def _apart(self, h: int) -> float:
        """Return as how many misses of their own the past origins count, at least 1.

        Targets that share at most half their steps do. With none shared, intervals of weeks before 2025 covered 96 %
        and scored worse; with all of them counted they covered less of what came after Terra and FTX.
        """
        used = [i for i in self.origins if i + h < len(self.history)]
        return max(1.0, min(len(used), 2 * (used[-1] - used[0] + 1) / h))

    def _drawn(self, i: int, forecast: Forecast, bank: Residuals) -> Floats:
        h, origin = forecast.horizon_weeks, self.history[i]
        ordinals = np.array([s.date.toordinal() for s in self.history])
        apart = np.abs(np.searchsorted(ordinals, bank.origin) - i) > h
        allowed = apart if apart.any() else None
        date = self.history[i + h].date
        drawn = drawn_futures(forecast, origin, date, bank, self.draws, allowed=allowed)
        return values(turned_over(drawn, self.history[: i + 1], h), self.names)

    def _forecasts(self, doing: str) -> Iterator[tuple[int, dict[int, Forecast]]]:
        for done, i in enumerate(self.origins):
            within = [h for h in self.horizons if i + h < len(self.history)]
            yield i, self.forecaster.predict_all(self.history[: i + 1], within)
            self.progress(done + 1, len(self.origins), f"{self.history[0].basis}: past origins, {doing}")


def past_origins(length: int, shortest: int, count: int) -> list[int]:
    """Return at most `count` positions, evenly spaced, from which a target lies within `length` snapshots.

    Raises:
        BadOption: when there is none.
    """
    last = length - 1 - shortest
    first = min(LOOK_BACK, length // 3)
    if last < first:
        raise BadOption(f"{length} snapshots are too few to learn from past misses; at least {BLOCKS} are needed")
    return [int(i) for i in np.unique(np.linspace(first, last, min(count, last - first + 1)).round())]
