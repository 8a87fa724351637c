"""How forecasters stand to each other: values, intervals, skill over persistence, gain over the best baseline.

Intervals (90 %) come from resampling whole blocks of neighbouring origins, the same for every forecaster, so that
differences are paired. With errors e (less is better) and scores s (more is better):

- `skill_<metric>` = 1 − e / e of persistence;
- `gain_<metric>` = 1 − e / e of the best baseline of that column, or s / s of the best baseline − 1;
- `gain_all_<metric>`: the same value, but in every resample against the baseline that is best there: an interval
  above 0 is better than every baseline at once.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dexposure_core.forecast.judging.metrics import METRICS, Metric
from dexposure_core.forecast.judging.resampling import SHORTEST_BLOCK, interval, resampled_origins
from dexposure_core.forecast.judging.scores import BINS
from dexposure_core.forecast.record import Floats, Indices

PERSISTENCE: Final = "persistence"
SERVED: Final = "dexposure"
TOLERATED: Final = 0.01  # a forecast this much worse than the best baseline still counts as equal


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; low and high bound `value` by block bootstrap (90 %). NaN = not defined.

    An interval is not defined where there are no more origins than a block holds (the horizon, at least 4).
    """

    forecaster: str
    basis: str
    horizon: int
    metric: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """What a forecaster scored at one horizon, origin by origin.

    Attributes:
        forecaster, basis, horizon: of what.
        targets: (T,) dates that were forecast.
        sums: metric → (T, K).
        sources: target → what the forecast's values come from, at the last origin.
    """

    forecaster: str
    basis: str
    horizon: int
    targets: tuple[dt.date, ...]
    sums: Mapping[str, Floats]
    sources: Mapping[str, str]


def rows(scored: Sequence[Scored], *, served: str = SERVED, seed: int = 0) -> list[Row]:
    """Return the table: per horizon and forecaster every metric, its skill, and the gain of what is served."""
    found: list[Row] = []
    for group in _columns(scored):
        drawn = {s.forecaster: _drawn(s, seed) for s in group}
        for s in group:
            values = dict(drawn[s.forecaster])
            if s.forecaster != PERSISTENCE and PERSISTENCE in drawn:
                values |= _skills(values, drawn[PERSISTENCE])
            if s.forecaster == served:
                values |= _gains(values, {k: v for k, v in drawn.items() if k != served})
            found += [_row(s, metric, v) for metric, v in values.items()]
    return found


def best_baselines(table: Sequence[Row], served: str = SERVED) -> list[dict[str, Any]]:
    """Return, per basis, horizon and compared metric, the best baseline, its value and how `served` stands to it.

    Each is {"basis", "horizon", "metric", "best", "value", "served", "gain", "low", "high", "low_all", "sure",
    "verdict"}; the verdict is "better" (the interval of the gain lies above 0), "worse" (the gain is below −1 %; "sure"
    when its interval lies below 0), "equal", or "not served" where `served` was not scored.
    """
    at = {(r.basis, r.horizon, r.metric, r.forecaster): r for r in table}
    found = []
    for basis, h in dict.fromkeys((r.basis, r.horizon) for r in table):
        for metric in (m for m in METRICS if m.compared):
            rivals = [
                r for r in table
                if (r.basis, r.horizon, r.metric) == (basis, h, metric.name) and r.forecaster != served
                and np.isfinite(r.value)
            ]  # fmt: skip
            if rivals:
                found.append(_standing(metric, rivals, at, served))
    return found


def _standing(
    metric: Metric, rivals: Sequence[Row], at: Mapping[tuple[str, int, str, str], Row], served: str
) -> dict[str, Any]:
    best = (max if metric.more_is_better else min)(rivals, key=lambda r: r.value)
    place = (best.basis, best.horizon)
    own, gain, every = (at.get((*place, f"{kind}{metric.name}", served)) for kind in ("", "gain_", "gain_all_"))
    told: dict[str, Any] = {
        "basis": best.basis, "horizon": best.horizon, "metric": metric.name, "best": best.forecaster,
        "value": best.value, "served": own.value if own else None, "gain": gain.value if gain else None,
        "low": gain.low if gain else None, "high": gain.high if gain else None,
        "low_all": every.low if every else None, "sure": bool(gain and (gain.high < 0 or gain.low > 0)),
    }  # fmt: skip
    return {**told, "verdict": _verdict(gain)}


def _verdict(gain: Row | None) -> str:
    if gain is None:
        return "not served"
    if not np.isfinite(gain.value):
        return "not defined"
    if gain.value < -TOLERATED:
        return "worse"
    return "better" if gain.low > 0 else "equal"


def reliability(scored: Sequence[Scored]) -> list[dict[str, Any]]:
    """Return how often pairs of a stated probability came to exist: one record per bin that holds any."""
    edges = [0.0, *BINS.tolist(), 1.0]
    found = []
    for s in scored:
        bins = s.sums["ece"].sum(axis=0).reshape(-1, 3)
        found += [
            {
                "forecaster": s.forecaster, "basis": s.basis, "horizon": s.horizon, "from": edges[k],
                "to": edges[k + 1], "said": said / count, "came": came / count, "pairs": int(count),
            }
            for k, (said, came, count) in enumerate(bins)
            if count
        ]  # fmt: skip
    return found


def by_week(scored: Sequence[Scored], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """Return the value of each of `metrics` at every single target: {..., "metric", "dates", "values"}."""
    chosen = [m for m in METRICS if m.name in metrics]
    return [
        {
            "forecaster": s.forecaster, "basis": s.basis, "horizon": s.horizon, "metric": m.name,
            "dates": [str(d) for d in s.targets], "values": m.of(s.sums[m.name]).tolist(),
        }
        for s in scored
        for m in chosen
    ]  # fmt: skip


def _columns(scored: Sequence[Scored]) -> Iterator[list[Scored]]:
    for place in dict.fromkeys((s.basis, s.horizon) for s in scored):
        yield [s for s in scored if (s.basis, s.horizon) == place]


def _drawn(scored: Scored, seed: int) -> dict[str, Floats]:
    """Return, per metric, its value over all origins and then per resample: (1 + R,)."""
    weeks = resampled_origins(len(scored.targets), scored.horizon, seed)
    return {m.name: resampled(scored.sums[m.name], m, weeks) for m in METRICS}


def resampled(parts: Floats, metric: Metric, weeks: Indices) -> Floats:
    """Return (R,) the metric over the origins `weeks` (R, T) of its sums `parts` (T, K)."""
    times = np.zeros((len(weeks), len(parts)))
    np.add.at(times, (np.arange(len(weeks), dtype=np.int64)[:, None], weeks), 1.0)
    return metric.of(times @ parts)


def _skills(values: Mapping[str, Floats], base: Mapping[str, Floats]) -> dict[str, Floats]:
    errors = [m.name for m in METRICS if m.compared and not m.more_is_better]
    return {f"skill_{name}": 1.0 - _over(values[name], base[name]) for name in errors}


def _gains(values: Mapping[str, Floats], rivals: Mapping[str, Mapping[str, Floats]]) -> dict[str, Floats]:
    found = {}
    for metric in METRICS if rivals else ():
        others = np.stack([r[metric.name] for r in rivals.values()])
        if not metric.compared or np.isnan(others[:, 0]).all():
            continue
        best, pick = (np.nanmax, np.nanargmax) if metric.more_is_better else (np.nanmin, np.nanargmin)
        known = ~np.isnan(others).all(axis=0)
        hardest = np.full(others.shape[1], np.nan)
        hardest[known] = best(others[:, known], axis=0)
        sign = 1.0 if metric.more_is_better else -1.0
        found[f"gain_{metric.name}"] = sign * (_over(values[metric.name], others[pick(others[:, 0])]) - 1.0)
        found[f"gain_all_{metric.name}"] = sign * (_over(values[metric.name], hardest) - 1.0)
    return found


def _over(value: Floats, base: Floats) -> Floats:
    """Return value / base; 1 where both are 0, NaN where only the base is."""
    same = np.where((value == 0) & (base == 0), 1.0, np.nan)
    return np.divide(value, base, out=same, where=base > 0)


def _row(scored: Scored, metric: str, values: Floats) -> Row:
    # As many origins as one block holds: every resample is the same, which must not look like certainty.
    enough = len(scored.targets) > max(SHORTEST_BLOCK, scored.horizon)
    low, high = interval(values[1:]) if enough else (math.nan, math.nan)
    return Row(
        forecaster=scored.forecaster, basis=scored.basis, horizon=scored.horizon, metric=metric,
        value=float(values[0]), low=low, high=high,
    )  # fmt: skip
