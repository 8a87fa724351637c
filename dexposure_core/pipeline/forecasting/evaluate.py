"""Score forecasters on the hold-out of a vintage, in strict time order."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import polars as pl

from dexposure_core import settings
from dexposure_core.errors import NoModel
from dexposure_core.forecast import FORECASTERS, Dexposure, Forecaster, find_forecaster
from dexposure_core.forecast.judging.evaluation import Row, Scored, Stage
from dexposure_core.forecast.judging.outcomes import split
from dexposure_core.forecast.judging.standing import best_baselines, by_week, reliability, rows
from dexposure_core.forecast.model import describe
from dexposure_core.network import Basis, Snapshot
from dexposure_core.pipeline.evaluation.ahead import Section, finish_ahead
from dexposure_core.pipeline.evaluation.facts import facts
from dexposure_core.pipeline.evaluation.job import Job
from dexposure_core.pipeline.evaluation.measured import measured_rows
from dexposure_core.pipeline.evaluation.parts import Parts
from dexposure_core.pipeline.evaluation.sections import (
    ablations,
    events,
    leaks,
    null_store,
    null_world,
    seeds,
    train_seeds,
)
from dexposure_core.progress import Progress, silent
from dexposure_core.store import Store

HORIZONS: Final = (1, 4, 8, 12)
FOLDER: Final = "evaluation"
NOT_ASKED: Final[Mapping[str, Any]] = MappingProxyType(
    {"leak_test": [], "events": [], "event_standings": [], "seeds": [], "ablations": [], "null_world": {}}
)  # fmt: skip
WEEKLY: Final = (
    "brier", "auprc_historical", "brier_births", "brier_deaths", "weight_mae", "wape", "node_mae",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What is evaluated besides the scores of the hold-out.

    Attributes:
        measures: r2, stress and coverage rows: what forecasts say of measures and stress losses.
        leaks: the leak test.
        events: Terra, FTX and SVB, by forecasters fitted before them.
        null_world: the same table where there is no skill to be had.
        ablations: the model trained with something left out or held fast.
        seeds: train the model anew with so many seeds and give mean and range.
        fresh: compute everything again, finished parts too.
    """

    measures: bool = False
    leaks: bool = False
    events: bool = False
    null_world: bool = False
    ablations: bool = False
    seeds: int = 0
    fresh: bool = False


def evaluate(
    store: Store,
    forecasters: Sequence[str] | None = None,
    bases: Sequence[Basis] | None = None,
    horizons: Sequence[int] | None = None,
    progress: Progress = silent,
    model_dir: Path | None = None,
    extras: Extras | None = None,
) -> dict[str, Any]:
    """Score forecasters at every hold-out origin (2025 in the embedded dataset) of a vintage.

    Finished parts are kept in the cache folder: after a kill it goes on where it was. On several cores they are made
    side by side.

    Args:
        store: the vintage.
        forecasters: names of FORECASTERS; None: all. Persistence is always scored, and first.
        bases: None: those the vintage has.
        horizons: steps ahead; None: 1, 4, 8 and 12.
        progress: told after every origin.
        model_dir: folder of the weights; None: the setting.
        extras: what else to do; None: nothing else.

    Returns:
        {"vintage", "simulated", "frequency", "first_origin", "origins", "trained_on",
        "rows": [{"forecaster", "basis", "horizon", "metric", "value", "low", "high"}], "standings", "facts",
        "reliability", "weeks", "event_dates", "sources", "leak_test", "events", "event_standings", "seeds",
        "ablations", "null_world", "notes"}; NaN is None, and a section that was not asked for is empty.

    Raises:
        NoModel: when the model is asked for and missing, or was trained on this vintage's hold-out.
        BadOption, UnknownForecaster.
    """
    extras = extras or Extras()
    chosen = _chosen(forecasters, model_dir)
    bases = tuple(bases or store.bases())
    first = split(store.dates(bases[0])).test_from
    about = _check_model(store, chosen, first)
    job = Job(
        store=store, forecasters=tuple(chosen), bases=bases, horizons=tuple(horizons or HORIZONS), progress=progress,
        parts=Parts(
            folder=settings.load().cache_dir / FOLDER / store.vintage, vintage=store.vintage, fresh=extras.fresh
        ),
    )  # fmt: skip
    sections = _sections(job, extras, first)
    job = finish_ahead(sections, job)
    document = {**_opening(job, first), "trained_on": describe(about) if about else "", **NOT_ASKED}
    for section in sections:
        document |= section(job)
    return dict(finite({**document, "notes": job.notes}))


def _opening(job: Job, first: dt.date) -> dict[str, Any]:
    """Return what is evaluated, from when on."""
    store, dates = job.store, job.store.dates(job.bases[0])
    return {
        "vintage": store.vintage, "simulated": store.manifest.simulated, "frequency": store.manifest.frequency,
        "first_origin": str(first), "origins": sum(d >= first for d in dates) - min(job.horizons),
        "event_dates": _event_dates(store, first),
    }  # fmt: skip


def _sections(job: Job, extras: Extras, first: dt.date) -> list[Section]:
    """Return the sections that were asked for, the longest first; what all bases share is prepared here, once."""
    found: list[Section] = []
    if extras.events:
        found.append(partial(events, measures=extras.measures))
    if extras.ablations:
        found.append(partial(ablations, first=first))
    found.append(partial(table, measures=extras.measures))
    if extras.null_world:
        found.append(partial(null_world, store=null_store(job), table=table))
    if extras.seeds:
        found.append(partial(seeds, models=train_seeds(job, extras.seeds), first=first))
    if extras.leaks:
        found.append(partial(leaks, first=first))
    return found


def table(job: Job, *, measures: bool = False) -> dict[str, Any]:
    """Return the rows of a vintage's hold-out and what belongs to them."""
    scored: list[Scored] = []
    circumstances: list[dict[str, Any]] = []
    extra: list[dict[str, Any]] = []
    for basis in job.bases:
        first = split(job.store.dates(basis)).test_from
        stage = Stage(history=job.history(basis), horizons=job.horizons, first_origin=first)
        scored += job.scored(stage, first)
        circumstances += facts(stage)
        extra += measured_rows(job, basis, first) if measures else []
    found: list[Row] = rows(scored)
    return {
        "rows": [asdict(row) for row in found] + extra,
        "standings": best_baselines(found),
        "facts": circumstances,
        "reliability": reliability(scored),
        "weeks": by_week(scored, WEEKLY),
        "sources": [
            {"forecaster": s.forecaster, "basis": s.basis, "horizon": s.horizon, **s.sources}
            for s in scored if s.sources
        ],
    }  # fmt: skip


def _event_dates(store: Store, first: dt.date) -> list[dict[str, str]]:
    """Return the vintage's events from the first origin on, for the plots."""
    found = store.table("events").filter(pl.col("date") >= first).sort("date", "name")
    return [{"date": str(date), "name": name} for date, name in found.select("date", "name").iter_rows()]


def history_of(store: Store, basis: Basis) -> list[Snapshot]:
    """Return the snapshots of a basis, oldest first."""
    return store.snapshots(store.dates(basis), basis)


def _chosen(names: Sequence[str] | None, model_dir: Path | None) -> list[Forecaster]:
    wanted = [find_forecaster(name).name for name in names] if names else [f.name for f in FORECASTERS]
    chosen = [f for f in FORECASTERS if f.name in wanted or f.name == "persistence"]
    return [Dexposure(model_dir=model_dir) if isinstance(f, Dexposure) else f for f in chosen]


def _check_model(store: Store, chosen: Sequence[Forecaster], first: dt.date) -> dict[str, Any]:
    """Return what the model says of itself; refuse one that has seen the weeks it would be tested on.

    Weights trained on other data of the same kind (another build, a revision, another seed of the simulator) know
    those weeks as well; only simulated weights on real data, or real ones on simulated data, know other weeks.
    """
    models = [f for f in chosen if isinstance(f, Dexposure)]
    if not models:
        return {}
    about = models[0].about
    data = about["data"]
    own = data.get("content_hash") == store.manifest.content_hash
    kin = own or bool(data.get("simulated")) == store.manifest.simulated
    if kin and about["trained_until"] >= str(first):
        raise NoModel(
            f"The model was trained on targets up to {about['trained_until']}, the hold-out starts {first}; "
            "train it on this vintage with `dexposure train`, or leave it out with --forecaster"
        )
    return about


def finite(value: Any) -> Any:
    """Return a JSON document with NaN and infinities as None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return value
