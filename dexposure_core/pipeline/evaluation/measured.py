"""Rows about the whole network: what forecasts say of measures and stress losses, and how often intervals cover."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import dexposure_core
from dexposure_core.errors import NoModel
from dexposure_core.forecast import Dexposure, Forecaster
from dexposure_core.forecast.intervals import uncertainty as past_misses
from dexposure_core.network import Basis
from dexposure_core.pipeline.evaluation.job import Job
from dexposure_core.pipeline.evaluation.parts import fingerprint
from dexposure_core.pipeline.forecasting.aggregates import aggregate_rows
from dexposure_core.pipeline.forecasting.uncertainty import learn

Span = tuple[tuple[int, ...], dt.date, dt.date]  # horizons, first origin, last target
SHOWN: Final = (
    "persistence",
    "ewma",
    "dexposure",
)  # every network of every forecaster is drawn and stressed: a few will do


def measured_rows(job: Job, basis: Basis, first: dt.date) -> list[dict[str, Any]]:
    """Return `aggregates.aggregate_rows` of persistence, the EWMA and the model as plain rows, kept when finished."""
    history = job.history(basis)
    return _kept(job, basis, first, "measures", [(job.horizons, first, history[-1].date)])


def measured_event(job: Job, basis: Basis, first: dt.date, targets: range) -> list[dict[str, Any]]:
    """Return the same rows for `targets` (positions) alone, by what is fitted before `first`."""
    dates = [s.date for s in job.history(basis)]
    spans = [((h,), dates[targets[0] - h], dates[targets[-1]]) for h in job.horizons]
    return _kept(job, basis, first, f"measures of {targets}", spans)


def _kept(job: Job, basis: Basis, first: dt.date, part: str, spans: Sequence[Span]) -> list[dict[str, Any]]:
    chosen = [f for f in job.forecasters if f.name in SHOWN]
    key = {
        "part": part, "basis": basis, "first": first, "horizons": job.horizons, "refit": job.refit,
        "models": [[f.name, f.version] for f in chosen], "measuring": _measuring(),
    }  # fmt: skip

    def make() -> list[dict[str, Any]]:
        fitted = [job.fitted(f, basis, first) for f in chosen]
        learnt = {f.name: found for f in fitted if isinstance(f, Dexposure) for found in _learnt(job, f, basis, first)}
        return [
            asdict(row)
            for horizons, start, end in spans
            for row in aggregate_rows(
                job.history(basis), fitted, horizons, start, uncertainty=learnt, last_target=end, progress=job.progress
            )
        ]

    for forecaster in chosen:
        _beside(job, forecaster)  # what is missing is said of a part that was made before, too
    found: list[dict[str, Any]] = job.parts.get(key, make)
    return found


@lru_cache(maxsize=1)
def _measuring() -> str:
    """Return a fingerprint of the source that draws, measures and stresses futures."""
    root = Path(dexposure_core.__file__).parent
    own = [
        root / "pipeline" / f"{name}.py"
        for name in ("forecasting/aggregates", "forecasting/drawn", "panel", "forecasting/uncertainty")
    ]
    return fingerprint([*own, *sorted((root / "measures").rglob("*.py")), *sorted((root / "stress").rglob("*.py"))])


def _learnt(job: Job, model: Dexposure, basis: Basis, first: dt.date) -> list[past_misses.Uncertainty]:
    """Return what the model's past origins say: beside its weights, or learnt now when it was fitted here."""
    if model.trained is not None:
        before = [s for s in job.history(basis) if s.date < first]
        return [learn(model, {basis: before}, job.horizons, progress=job.progress)]
    return _beside(job, model)


def _beside(job: Job, model: Forecaster) -> list[past_misses.Uncertainty]:
    """Return the past misses beside a model's weights; where there are none, that is a note."""
    if job.refit or not isinstance(model, Dexposure):
        return []
    try:
        return [past_misses.read(model.path.with_name(past_misses.FILE), model.version)]
    except NoModel as error:
        job.note(str(error))
        return []
