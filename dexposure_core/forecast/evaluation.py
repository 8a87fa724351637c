"""One evaluator for every forecaster: the paper's metrics for comparison, and honest ones beside them.

Rolling origin: a forecaster sees the snapshots up to an origin; the evaluator holds the target. All forecasters
are scored on the same pairs: the candidate set of the origin and every exposure that came to exist, whether
anybody listed it or not. A pair a forecaster did not list has probability 0 and size 0. Protocols that enter or
leave are scored: their exposures cannot be foreseen and count against everyone.

Every metric is kept per origin as sums, so that a value is a ratio of sums over origins and its interval (90 %)
comes from resampling whole blocks of neighbouring origins, which share their weeks. `skill_<metric>` is
1 − error / error of persistence on the same resampled weeks.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dexposure_core.errors import BadOption
from dexposure_core.forecast.model import Dexposure
from dexposure_core.forecast.record import Floats, Forecast, Forecaster
from dexposure_core.forecast.scores import ece
from dexposure_core.forecast.tally import Scene, tally
from dexposure_core.network import Snapshot
from dexposure_core.progress import Progress, silent

RESAMPLES: Final = 500
SHORTEST_BLOCK: Final = 4
INTERVAL: Final = (5.0, 95.0)


def _ratio(sums: Floats) -> float:
    return float(sums[0] / sums[1]) if sums[1] > 0 else math.nan


def _root(sums: Floats) -> float:
    return math.sqrt(sums[0] / sums[1]) if sums[1] > 0 else math.nan


def _calibration(sums: Floats) -> float:
    return ece(sums.reshape(-1, 3))


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A score: its name, what it says, whether more is better, and how it follows from sums over origins."""

    name: str
    help: str
    more_is_better: bool
    of: Callable[[Floats], float] = _ratio


def _more(name: str, text: str) -> Metric:
    return Metric(name=name, help=text, more_is_better=True)


def _less(name: str, text: str, of: Callable[[Floats], float] = _ratio) -> Metric:
    return Metric(name=name, help=text, more_is_better=False, of=of)


METRICS: Final[tuple[Metric, ...]] = (
    _more("auroc_random", "ranking of true exposures above five random pairs each, as in the paper: easy"),
    _more("auprc_random", "average precision against five random pairs each, as in the paper: easy"),
    _more(
        "auprc_historical",
        "average precision against pairs that existed in the last 52 snapshots and do not at the target",
    ),
    _less("brier", "mean squared error of the probability over all candidates and all exposures that came to exist"),
    _less("ece", "expected calibration error over the same pairs, pooled over origins", _calibration),
    _more("mrr", "mean reciprocal rank of a true debtor among all debtors its creditor could have, ties averaged"),
    _more("mrr_new", "the same for pairs not seen in the last 52 snapshots, in either direction"),
    _less("weight_mae", "mean absolute error of log1p USD over true exposures; 0 where the pair was not listed"),
    _less("weight_rmse", "root mean squared error of the same", _root),
    _less("weight_mae_continuing", "weight_mae over exposures that also exist at the origin"),
    _less("node_mae", "mean absolute error of the change of log1p TVL; entrants and exits included, as TVL 0"),
    _less("node_rmse", "root mean squared error of the same", _root),
    _less("node_mae_continuing", "node_mae over protocols present at origin and target"),
    _less("node_rmse_continuing", "node_rmse over protocols present at origin and target", _root),
    _less(
        "total_exposure_error", "absolute relative error of total expected exposure, entrants' included in the truth"
    ),
    _less("total_tvl_error", "absolute relative error of system TVL, likewise"),
    _more("candidate_recall", "share of all true exposures that the forecaster listed"),
    _more("candidate_recall_known", "the same, between protocols known at the origin"),
)
SKILLS: Final = ("brier", "weight_mae", "weight_rmse", "node_mae", "node_rmse")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; low and high bound `value` by block bootstrap (90 %). NaN = not defined."""

    forecaster: str
    basis: str
    horizon: int
    metric: str
    value: float
    low: float
    high: float


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
        forecasters: in the order of the table; persistence first by custom.
        horizons: steps ahead.
        first_origin: earliest date to forecast from.
        seed: decides random negatives and resampling.
        progress: told after every origin.

    Raises:
        BadOption: when no origin has a target.
    """
    origins = [i for i, s in enumerate(history) if s.date >= first_origin and i + min(horizons) < len(history)]
    if not origins:
        raise BadOption(
            f"no origin from {first_origin} on has a target {min(horizons)} steps later; take a shorter horizon"
        )
    sums: dict[tuple[str, int], list[Mapping[str, Floats]]] = {}
    for done, i in enumerate(origins):
        within = [h for h in horizons if i + h < len(history)]
        past = history[: i + 1]
        scenes = {h: Scene.of(past, history[i + h], seed) for h in within}
        for forecaster in forecasters:
            for h, forecast in _predict(forecaster, past, within).items():
                sums.setdefault((forecaster.name, h), []).append(tally(forecast, scenes[h]))
        progress(done + 1, len(origins), f"{history[i].basis}: scoring")
    return _table(sums, forecasters, horizons, history[0].basis, seed)


def _predict(forecaster: Forecaster, past: Sequence[Snapshot], horizons: Sequence[int]) -> dict[int, Forecast]:
    if isinstance(forecaster, Dexposure):
        known = forecaster.predict_all(past)
        return {h: known[h] for h in horizons if h in known}
    return {h: forecaster.predict(past, h) for h in horizons}


def _table(
    sums: dict[tuple[str, int], list[Mapping[str, Floats]]],
    forecasters: Sequence[Forecaster],
    horizons: Sequence[int],
    basis: str,
    seed: int,
) -> list[Row]:
    rows = []
    for h in horizons:
        drawn: dict[tuple[str, str], Floats] = {}
        for forecaster in forecasters:
            kept = sums.get((forecaster.name, h), [])
            for metric in METRICS if kept else ():
                parts = np.stack([k[metric.name].ravel() for k in kept])
                drawn[forecaster.name, metric.name] = _resampled(parts, metric, h, seed)
        for forecaster in forecasters:
            rows += _rows(drawn, forecaster.name, basis, h)
    return rows


def _rows(drawn: dict[tuple[str, str], Floats], name: str, basis: str, h: int) -> list[Row]:
    values = {metric: v for (who, metric), v in drawn.items() if who == name}
    for metric in SKILLS:
        base = drawn.get(("persistence", metric))
        if base is not None and metric in values and name != "persistence":
            values[f"skill_{metric}"] = 1.0 - np.divide(
                values[metric], base, out=np.full(len(base), np.nan), where=base > 0
            )
    return [_row(name, basis, h, metric, v) for metric, v in values.items()]


def _row(name: str, basis: str, h: int, metric: str, values: Floats) -> Row:
    spread = values[1:][np.isfinite(values[1:])]
    low, high = np.percentile(spread, INTERVAL) if len(spread) else (math.nan, math.nan)
    return Row(
        forecaster=name, basis=basis, horizon=h, metric=metric, value=float(values[0]), low=float(low), high=float(high)
    )


def _resampled(parts: Floats, metric: Metric, horizon: int, seed: int) -> Floats:
    """Return the value over all origins, then per resample of (T, K) `parts`; the same weeks for every forecaster."""
    count = len(parts)
    block = min(count, max(SHORTEST_BLOCK, horizon))
    rng = np.random.default_rng([seed, count, block])
    starts = rng.integers(0, count, (RESAMPLES, math.ceil(count / block)))
    weeks = ((starts[:, :, None] + np.arange(block)) % count).reshape(RESAMPLES, -1)[:, :count]
    return np.array([metric.of(s) for s in [parts.sum(axis=0), *parts[weeks].sum(axis=1)]])
