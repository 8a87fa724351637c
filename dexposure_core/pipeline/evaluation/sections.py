"""The further sections of an evaluation: leak test, event studies, seeds and the null world."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from dexposure_core.errors import BadOption
from dexposure_core.forecast import Dexposure, Forecaster
from dexposure_core.forecast.ablation import VARIANTS, Variant, beside
from dexposure_core.forecast.judging.evaluation import Stage
from dexposure_core.forecast.judging.leak import leak_test
from dexposure_core.forecast.judging.metrics import METRICS
from dexposure_core.forecast.judging.standing import Row, best_baselines, rows
from dexposure_core.network import Basis
from dexposure_core.pipeline.evaluation.job import Job
from dexposure_core.pipeline.evaluation.measured import measured_event
from dexposure_core.pipeline.evaluation.parts import Parts, fingerprint, program
from dexposure_core.store import Store, open_store

Record = dict[str, Any]
COMPARED: Final = {m.name: m.more_is_better for m in METRICS if m.compared}
LEAK_HISTORY: Final = 60  # snapshots before the origin that the leak test fits on: enough to learn, quick to do twice
EVENT_STEPS: Final = 8
EVENTS: Final = (
    ("Terra", dt.date(2022, 5, 9)),
    ("FTX", dt.date(2022, 11, 7)),
    ("SVB", dt.date(2023, 3, 10)),
)


def leaks(job: Job, first: dt.date) -> Record:
    """Return "leak_test": whether each forecaster passed it, from the first origin of the hold-out."""
    return {"leak_test": [leak for basis in job.bases for leak in _leaks(job, basis, first)]}


def _leaks(job: Job, basis: Basis, first: dt.date) -> list[Record]:
    whole = job.history(basis)
    at = next(i for i, s in enumerate(whole) if s.date >= first)
    history = whole[max(0, at - LEAK_HISTORY) : at + 1 + max(job.horizons)]
    origin = whole[at].date
    found = []
    for forecaster in job.forecasters:
        key = {
            "part": "leak", "forecaster": forecaster.name, "model": forecaster.version, "basis": basis, "first": first,
            "horizons": job.horizons, "refit": job.refit,
        }  # fmt: skip

        def tested(forecaster: Forecaster = forecaster) -> list[Record]:
            job.progress(0, 0, f"{basis}: leak test of {forecaster.name}")
            leak = leak_test(lambda seen: job.fit(forecaster, seen, first), history, origin, job.horizons)
            return [{**asdict(leak), "origin": str(leak.origin)}]

        found += job.tried(forecaster, tested, key)
    return found


def events(job: Job, *, measures: bool = False) -> Record:
    """Return "events" and "event_standings": rows and standings, each with an "event".

    They are of targets within 8 steps from it, all fitted before any of its origins: the cut is as many steps before
    the event as the longest horizon, so that nothing a forecaster learns from is later than the first date it
    forecasts from. With `measures` also what is said of the whole network then.
    """
    studied = [_events(job, basis, measures=measures) for basis in job.bases]
    return {
        "events": [row for found, _ in studied for row in found],
        "event_standings": [standing for _, found in studied for standing in found],
    }


def _events(job: Job, basis: Basis, *, measures: bool) -> tuple[list[Record], list[Record]]:
    studied = replace(job, refit=True)
    found: list[Record] = []
    standings: list[Record] = []
    for name, day in EVENTS:
        dates = [s.date for s in job.history(basis)]
        at = next((i for i, d in enumerate(dates) if d >= day), len(dates))
        start = at - max(job.horizons)
        if start < 1 or at + EVENT_STEPS > len(dates) or dates[0] >= day:
            continue
        stage = Stage(
            history=job.history(basis), horizons=job.horizons, first_origin=dates[start],
            targets=range(at, at + EVENT_STEPS),
        )  # fmt: skip
        scored = rows(studied.scored(stage, dates[start]))
        standings += [{"event": name, **s} for s in best_baselines(scored)]
        table = [asdict(row) for row in scored]
        if measures:
            table += measured_event(studied, basis, dates[start], range(at, at + EVENT_STEPS))
        found += [{"event": name, **row} for row in table]
    return found, standings


def train_seeds(job: Job, count: int) -> tuple[Dexposure, ...]:
    """Return the model trained anew on this vintage with seeds 1 to `count`; one that is trained stays as it is."""
    from dexposure_core.pipeline.forecasting.train import train

    folders = [_folder(job, f"seed-{seed}-{program()}") for seed in range(1, count + 1)]
    for seed, folder in enumerate(folders, 1):
        if not (folder / "trained").is_file():
            train(job.store, folder, seed=seed, score_it=False, intervals=False, progress=job.progress)
            (folder / "trained").write_text("")
    return tuple(Dexposure(model_dir=folder) for folder in folders)


def seeds(job: Job, models: Sequence[Dexposure], first: dt.date) -> Record:
    """Return "seeds": mean and range of every score over models trained with different seeds."""
    table: list[Row] = []
    for model in models:
        alone = replace(job, forecasters=(model,), fits={})
        for basis in job.bases:
            stage = Stage(history=job.history(basis), horizons=job.horizons, first_origin=first)
            table += rows(alone.scored(stage, first))
    return {"seeds": spread(table, len(models))}


def spread(table: list[Row], count: int) -> list[dict[str, Any]]:
    """Return {"forecaster", "basis", "horizon", "metric", "seeds", "mean", "low", "high"} over equal rows of seeds."""
    groups: dict[tuple[str, str, int, str], list[float]] = {}
    for row in table:
        groups.setdefault((row.forecaster, row.basis, row.horizon, row.metric), []).append(row.value)
    return [
        {
            "forecaster": who, "basis": basis, "horizon": h, "metric": metric, "seeds": count,
            "mean": sum(values) / len(values), "low": min(values), "high": max(values),
        }
        for (who, basis, h, metric), values in groups.items()
    ]  # fmt: skip


def ablations(job: Job, first: dt.date) -> Record:
    """Return "ablations": scores of the model with something left out or held fast.

    Each is trained anew. "gain" is relative to the variant that has what is left out (`ablation.beside`), below 0
    worse; None where not defined or not compared.
    """
    variants = tuple(Variant(name=name, variant=name) for name in VARIANTS)
    found: list[Record] = []
    for basis in job.bases:
        stage = Stage(history=job.history(basis), horizons=job.horizons, first_origin=first)
        scored = rows(replace(job, forecasters=variants, fits={}).scored(stage, first))
        values: dict[tuple[str | None, int, str], float] = {
            (r.forecaster, r.horizon, r.metric): r.value for r in scored
        }
        found += [
            {
                "variant": r.forecaster, "basis": basis, "horizon": r.horizon, "metric": r.metric, "value": r.value,
                "gain": _gain(r, values.get((beside(r.forecaster), r.horizon, r.metric))),
            }
            for r in scored if r.metric in COMPARED
        ]  # fmt: skip
    return {"ablations": found}


def _gain(row: Row, whole: float | None) -> float | None:
    return (1.0 if COMPARED[row.metric] else -1.0) * (row.value / whole - 1.0) if whole else None


def null_store(job: Job) -> Store:
    """Return the null world, built once."""
    from dexposure_core.pipeline.building.ingest import ingest_independent
    from dexposure_core.sources.simulate import independent

    folder = _folder(job, f"null-world-{fingerprint([Path(independent.__file__)])}")
    if not (folder / "LATEST").is_file():
        ingest_independent(folder, progress=job.progress)
    return open_store(folder)


def null_world(job: Job, store: Store, table: Callable[[Job], Record]) -> Record:
    """Return "null_world": the same table on the null world; every forecaster, the model too, is fitted on it."""
    parts = Parts(folder=job.parts.folder, vintage=store.vintage, fresh=job.parts.fresh)
    return {"null_world": table(replace(job, store=store, parts=parts, refit=True, histories={}, fits={}))}


def _folder(job: Job, name: str) -> Path:
    if job.parts.folder is None:
        raise BadOption(f"{name}: an evaluation that keeps no parts has no folder to work in; give a cache folder")
    folder = job.parts.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
