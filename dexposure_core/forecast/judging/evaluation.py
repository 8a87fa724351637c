"""One evaluator for every forecaster: the paper's metrics for comparison, and honest ones beside them.

Rolling origin: a forecaster sees the snapshots up to an origin; the evaluator holds the target. All forecasters
are scored on the same pairs: the candidate set of the origin and every exposure that came to exist, whether
anybody listed it or not. A pair a forecaster did not list has probability 0 and size 0; what it lists besides counts
against it. Protocols that enter or leave are scored: their exposures cannot be foreseen and count against everyone.

Every metric is kept per origin as sums (`Scored`), from which `standing` forms values, intervals, skill and gain.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from dexposure_core.errors import BadOption, NoModel
from dexposure_core.forecast.judging.metrics import LASTING, METRICS
from dexposure_core.forecast.judging.scene import Ground, Scene
from dexposure_core.forecast.judging.standing import Row, Scored, rows
from dexposure_core.forecast.judging.tally import tally
from dexposure_core.forecast.record import Floats, Forecaster
from dexposure_core.network import Snapshot
from dexposure_core.progress import Progress, silent

__all__ = ["METRICS", "Row", "Scored", "Stage", "evaluate", "fitted_before", "score"]

MOST_KEPT: Final = 25_000_000  # scored pairs whose scenes are kept in memory for the next forecaster


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """The origins and targets that are scored, the same for every forecaster.

    Attributes:
        history: snapshots of one basis in date order.
        horizons: steps ahead.
        first_origin: earliest date to forecast from.
        targets: which target positions of `history` are scored; None: all.
        seed: decides random negatives.
        kept: scenes made so far.
    """

    history: Sequence[Snapshot]
    horizons: tuple[int, ...]
    first_origin: dt.date
    targets: range | None = None
    seed: int = 0
    kept: dict[int, dict[int, Scene]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if not self.origins():
            raise BadOption(
                f"no origin from {self.first_origin} on has a target {min(self.horizons)} steps later; "
                "take a shorter horizon"
            )

    def origins(self) -> list[int]:
        """Return the positions that are forecast from."""
        return [i for i, s in enumerate(self.history) if s.date >= self.first_origin and self.within(i)]

    def within(self, i: int) -> list[int]:
        """Return the horizons whose target is scored from origin `i`."""
        targets = range(len(self.history)) if self.targets is None else self.targets
        return [h for h in self.horizons if i + h in targets and i + h < len(self.history)]

    def scenes(self, i: int) -> dict[int, Scene]:
        """Return the scene of every horizon at origin `i`; kept for the next forecaster while memory allows."""
        if i in self.kept:
            return self.kept[i]
        ground = Ground.of(self.history[: i + 1])
        made = {
            h: Scene.on(ground, self.history[i + h], self.seed, self.history[i + h + 1 : i + h + 1 + LASTING])
            for h in self.within(i)
        }
        if len(self.origins()) * sum(len(s.pairs) for s in made.values()) < MOST_KEPT:
            self.kept[i] = made
        return made


def score(stage: Stage, forecaster: Forecaster, progress: Progress = silent) -> list[Scored]:
    """Return the sums of every metric at every origin, per horizon the forecaster knows.

    Raises:
        NoModel: when it has learnt from a date at or after the first origin.
    """
    origins = stage.origins()
    check_unseen(forecaster, stage.history[origins[0]].date)
    sums: dict[int, list[Mapping[str, Floats]]] = {}
    dates: dict[int, list[dt.date]] = {}
    sources: dict[int, Mapping[str, str]] = {}
    for done, i in enumerate(origins):
        scenes = stage.scenes(i)
        for h, forecast in forecaster.predict_all(stage.history[: i + 1], tuple(scenes)).items():
            sums.setdefault(h, []).append(tally(forecast, scenes[h]))
            dates.setdefault(h, []).append(stage.history[i + h].date)
            sources[h] = forecast.sources
        progress(done + 1, len(origins), f"{stage.history[0].basis}: scoring {forecaster.name}")
    return [
        Scored(
            forecaster=forecaster.name, basis=stage.history[0].basis, horizon=h, targets=tuple(dates[h]),
            sums={m.name: np.stack([s[m.name].ravel() for s in sums[h]]) for m in METRICS}, sources=dict(sources[h]),
        )
        for h in sorted(sums)
    ]  # fmt: skip


def check_unseen(forecaster: Forecaster, first: dt.date) -> None:
    """Refuse a forecaster that has learnt from `first`, the earliest origin, or later.

    Raises:
        NoModel: when it has.
    """
    until = forecaster.fitted_until
    if until is not None and until >= first:
        raise NoModel(
            f"{forecaster.name} has learnt from dates up to {until}, the first origin is {first}; "
            "fit it on what lies before"
        )


def fitted_before(forecaster: Forecaster, history: Sequence[Snapshot], cut: dt.date) -> Forecaster:
    """Return the forecaster, fitted on the snapshots before `cut` when it must be fitted.

    Raises:
        BadOption: when they are too few to learn from.
    """
    return forecaster.fit([s for s in history if s.date < cut]) if forecaster.needs_fit else forecaster


def evaluate(
    history: Sequence[Snapshot],
    forecasters: Sequence[Forecaster],
    horizons: Sequence[int],
    first_origin: dt.date,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> list[Row]:
    """Score forecasters at every origin from `first_origin` on whose target is in `history`.

    Args:
        history: snapshots of one basis in date order.
        forecasters: in the order of the table; persistence first by custom. Those that must be fitted are, on what
            lies before `first_origin`.
        horizons: steps ahead.
        first_origin: earliest date to forecast from.
        seed: decides random negatives and resampling.
        progress: told after every origin.

    Raises:
        BadOption: when no origin has a target.
        NoModel: when a forecaster has learnt from `first_origin` or later.
    """
    stage = Stage(history=history, horizons=tuple(horizons), first_origin=first_origin, seed=seed)
    found = [s for f in forecasters for s in score(stage, fitted_before(f, history, first_origin), progress)]
    return rows(found, seed=seed)
