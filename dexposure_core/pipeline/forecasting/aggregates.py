"""Score what a forecast says about the whole network: measures and stress losses, and their intervals.

For every origin a forecaster's number of a measure is the mean over networks drawn from its forecast; the served
forecaster (one with learnt uncertainty) also gives the number it would show and a 90 % interval. `trailing-mean`, the
mean of the last 12 snapshots of the measure itself, is a line of its own: it forecasts no network.

Rows: `r2_<measure>` = 1 − SSE/SST over the scored origins; `skill_<measure>` = 1 − SSE / SSE of persistence;
`stress_mae_<scenario>` in share of TVL; and for the served forecaster `coverage_90_<measure>`, the same of joint
draws as they are (`coverage_90_joint_`) and of exposures drawn one by one (`coverage_90_independent_`), and
`interval_score_ratio_`: its mean interval score (Gneiting and Raftery 2007) over that of independent draws; below 1
is better. `coverage_90_known_` judges the served interval by the target's network without what entered the data since
the origin (`panel.known_part`): what only the former misses is a change of what is covered, not of the system.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dexposure_core.forecast import Forecaster
from dexposure_core.forecast.intervals.blend import LEVELS, LOOK_BACK, defined
from dexposure_core.forecast.intervals.futures import drawn_futures
from dexposure_core.forecast.intervals.turnover import turned_over
from dexposure_core.forecast.intervals.uncertainty import Uncertainty
from dexposure_core.forecast.judging.evaluation import Row
from dexposure_core.forecast.judging.resampling import interval, resampled_origins
from dexposure_core.forecast.networks import drawn_networks
from dexposure_core.forecast.record import Floats, Forecast, Indices
from dexposure_core.network import Snapshot
from dexposure_core.pipeline.forecasting.uncertainty import track, values
from dexposure_core.pipeline.panel import known_part
from dexposure_core.progress import Progress, silent

DRAWS: Final = 50
MEAN_DRAWS: Final = 12  # enough for a mean where no interval is asked for
TRAILING: Final = 12
TRAILING_MEAN: Final = "trailing-mean"
PERSISTENCE: Final = "persistence"
STRESS: Final = "loss:"


@dataclass(frozen=True, kw_only=True, eq=False)
class Said:
    """What one forecaster said of K measures from one origin; intervals (2, K) by kind, where it gives any."""

    value: Floats
    intervals: Mapping[str, Floats]


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """What came at T targets: K measures (T, K) of the network, and of `panel.known_part` of it."""

    raw: Floats
    known: Floats


def aggregate_rows(
    history: Sequence[Snapshot],
    forecasters: Sequence[Forecaster],
    horizons: Sequence[int],
    first_origin: dt.date,
    *,
    uncertainty: Mapping[str, Uncertainty] | None = None,
    last_target: dt.date | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> list[Row]:
    """Score measures and stress losses at every origin from `first_origin` on whose target is in `history`.

    Args:
        history: snapshots of one basis in date order.
        forecasters: fitted; persistence must be among them for `skill_` rows.
        horizons: steps ahead.
        first_origin: earliest date to forecast from.
        uncertainty: forecaster's name → what its past origins say; only those give intervals.
        last_target: latest date to score; None: the last of `history`.
        seed: decides draws and resampling.
        progress: told after every origin.
    """
    names, seen = track(history)
    end = len(history) if last_target is None else sum(s.date <= last_target for s in history)
    origins = [i for i, s in enumerate(history) if s.date >= first_origin and i + min(horizons) < end]
    kept: dict[tuple[int, str], list[Said]] = {}
    for done, i in enumerate(origins):
        within = [h for h in horizons if i + h < end]
        for forecaster in forecasters:
            learnt = (uncertainty or {}).get(forecaster.name)
            for h, forecast in forecaster.predict_all(history[: i + 1], within).items():
                past = seen[max(0, i + 1 - LOOK_BACK) : i + 1]
                said = _said(forecast, history[: i + 1], history[i + h].date, names, past, learnt, seed)
                kept.setdefault((h, forecaster.name), []).append(said)
        for h in within:
            trailing = defined(np.nanmean, seen[max(0, i + 1 - TRAILING) : i + 1])
            kept.setdefault((h, TRAILING_MEAN), []).append(Said(value=trailing, intervals={}))
        progress(done + 1, len(origins), f"{history[0].basis}: measures of drawn futures")
    rows: list[Row] = []
    for h in horizons:
        targets = [(history[i], i + h) for i in origins if i + h < end]
        known = values((known_part(origin, history[t]) for origin, t in targets), names)
        truth = Truth(raw=np.array([seen[t] for _, t in targets]), known=known)
        rows += _rows(kept, truth, names, history[0].basis, h, seed)
    return rows


def _said(
    forecast: Forecast, history: Sequence[Snapshot], date: dt.date, names: Sequence[str], past: Floats,
    learnt: Uncertainty | None, seed: int,
) -> Said:  # fmt: skip
    origin, horizon = history[-1], forecast.horizon_weeks
    if learnt is None:
        return Said(
            value=defined(np.nanmean, values(drawn_networks(forecast, origin, date, MEAN_DRAWS, seed), names)),
            intervals={},
        )
    place = (forecast.basis, horizon)
    # protocols enter and leave in both, so that all that differs is whether exposures move together
    alone, together = (
        values(turned_over(drawn, history, horizon), names) for drawn in (
            drawn_networks(forecast, origin, date, DRAWS, seed),
            drawn_futures(forecast, origin, date, learnt.residuals[place], DRAWS, seed=seed),
        )
    )  # fmt: skip
    value, low, high = learnt.blends[place].served(past, together, horizon)
    ends = {
        "": np.stack([low, high]),
        "joint_": defined(np.nanquantile, together, q=LEVELS),
        "independent_": defined(np.nanquantile, alone, q=LEVELS),
    }
    return Said(value=value, intervals=ends)


def _rows(
    kept: Mapping[tuple[int, str], list[Said]], came: Truth, names: Sequence[str], basis: str, h: int, seed: int
) -> Iterator[Row]:
    truth = came.raw
    weeks = resampled_origins(len(truth), h, seed) if len(truth) else np.zeros((0, 0), dtype=np.int64)
    said = {who: found for (horizon, who), found in kept.items() if horizon == h}
    misses = {who: np.stack([s.value for s in found]) - truth for who, found in said.items()}
    base = _summed(misses[PERSISTENCE] ** 2, weeks) if PERSISTENCE in misses else None
    for who, missed in misses.items():
        squared = _summed(missed**2, weeks)
        scores = {"r2": 1.0 - _over(squared, _around_mean(truth, weeks))}
        if base is not None and who != PERSISTENCE:
            scores["skill"] = 1.0 - _over(squared, base)
        yield from _lines(scores, names, who, basis, h)
        stress = [k for k, name in enumerate(names) if name.startswith(STRESS)]
        error = _summed(np.abs(missed[:, stress]), weeks) / len(truth)
        yield from _lines({"stress_mae": error}, [names[k].removeprefix(STRESS) for k in stress], who, basis, h)
        if said[who][0].intervals:
            yield from _lines(_coverage(said[who], came, weeks), names, who, basis, h)


def _coverage(said: list[Said], came: Truth, weeks: Indices) -> dict[str, Floats]:
    """Return coverage by kind of interval, and the interval score of the first two over that of the last."""
    found, score = {}, {}
    for kind in said[0].intervals:
        low, high = np.stack([s.intervals[kind] for s in said], axis=1)
        found[f"coverage_90_{kind}".rstrip("_")] = _held(low, high, came.raw, weeks)
        score[kind] = _summed(high - low + _outside(low, high, came.raw) / LEVELS[0], weeks)
    low, high = np.stack([s.intervals[""] for s in said], axis=1)
    found["coverage_90_known"] = _held(low, high, came.known, weeks)
    for kind in ("", "joint_"):
        found[f"interval_score_ratio_{kind}".rstrip("_")] = _over(score[kind], score["independent_"])
    return found


def _held(low: Floats, high: Floats, truth: Floats, weeks: Indices) -> Floats:
    """Return (1 + resamples, K) the share of intervals (T, K) that held, of those where truth and interval are."""
    defined = np.isfinite(truth) & np.isfinite(low)
    inside = np.where(defined, _outside(low, high, truth) <= 0.0, np.nan)
    return _over(_summed(inside, weeks), _summed(defined.astype(np.float64), weeks))


def _outside(low: Floats, high: Floats, truth: Floats) -> Floats:
    return np.maximum(low - truth, 0.0) + np.maximum(truth - high, 0.0)


def _summed(parts: Floats, weeks: Indices) -> Floats:
    """Return (1 + resamples, K) sums over origins of `parts` (T, K), what is not defined left out."""
    return np.asarray(np.nan_to_num(parts)[weeks].sum(axis=1))


def _around_mean(truth: Floats, weeks: Indices) -> Floats:
    drawn = truth[weeks]
    fine = np.isfinite(drawn)
    count = np.maximum(fine.sum(axis=1, keepdims=True), 1)
    mean = np.where(fine, drawn, 0.0).sum(axis=1, keepdims=True) / count
    return np.asarray((np.where(fine, drawn - mean, 0.0) ** 2).sum(axis=1))


def _over(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def _lines(scores: Mapping[str, Floats], names: Sequence[str], who: str, basis: str, h: int) -> Iterator[Row]:
    for metric, drawn in scores.items():
        for k, name in enumerate(names):
            low, high = interval(drawn[1:, k])
            value = float(drawn[0, k])
            yield Row(
                forecaster=who, basis=basis, horizon=h, metric=f"{metric}_{name}", value=value, low=low, high=high
            )
