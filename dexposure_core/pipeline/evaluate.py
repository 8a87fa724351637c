"""Score forecasters on the hold-out of a vintage, in strict time order."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from dexposure_core.errors import NoModel
from dexposure_core.forecast import FORECASTERS, Dexposure, Forecaster, find_forecaster
from dexposure_core.forecast.evaluation import Row
from dexposure_core.forecast.evaluation import evaluate as score
from dexposure_core.forecast.model import describe
from dexposure_core.forecast.outcomes import split
from dexposure_core.network import Basis, Snapshot
from dexposure_core.progress import Progress, silent
from dexposure_core.store import Store

HORIZONS: Final = (1, 4, 8, 12)


def evaluate(
    store: Store,
    forecasters: Sequence[str] | None = None,
    bases: Sequence[Basis] | None = None,
    horizons: Sequence[int] | None = None,
    progress: Progress = silent,
    model_dir: Path | None = None,
) -> dict[str, Any]:
    """Score forecasters at every hold-out origin (2025 in the embedded dataset) of a vintage.

    Args:
        store: the vintage.
        forecasters: names of FORECASTERS; None: all. Persistence is always scored, and first.
        bases: None: those the vintage has.
        horizons: steps ahead; None: 1, 4, 8 and 12.
        progress: told after every origin.
        model_dir: folder of the weights; None: the setting.

    Returns:
        {"vintage", "simulated", "first_origin", "origins", "model", "trained_on",
        "rows": [{"forecaster", "basis", "horizon", "metric", "value", "low", "high"}]}; NaN is None.

    Raises:
        NoModel: when the model is asked for and missing, or was trained on this vintage's hold-out.
        BadOption, UnknownForecaster.
    """
    chosen = _chosen(forecasters, model_dir)
    bases = tuple(bases or store.bases())
    first = split(store.dates(bases[0])).test_from
    about = _check_model(store, chosen, first)
    rows: list[Row] = []
    for basis in bases:
        history = history_of(store, basis)
        rows += score(history, chosen, tuple(horizons or HORIZONS), first, progress=progress)
    return {
        "vintage": store.vintage, "simulated": store.manifest.simulated, "first_origin": str(first),
        "origins": sum(d >= first for d in store.dates(bases[0])) - min(horizons or HORIZONS),
        "trained_on": describe(about) if about else "", "rows": [_plain(row) for row in rows],
    }  # fmt: skip


def history_of(store: Store, basis: Basis) -> list[Snapshot]:
    """Return the snapshots of a basis, oldest first."""
    return [store.snapshot(date, basis) for date in store.dates(basis)]


def _chosen(names: Sequence[str] | None, model_dir: Path | None) -> list[Forecaster]:
    wanted = [find_forecaster(name).name for name in names] if names else [f.name for f in FORECASTERS]
    chosen = [f for f in FORECASTERS if f.name in wanted or f.name == "persistence"]
    return [Dexposure(model_dir=model_dir) if isinstance(f, Dexposure) else f for f in chosen]


def _check_model(store: Store, chosen: Sequence[Forecaster], first: dt.date) -> dict[str, Any]:
    """Return what the model says of itself; refuse one that has seen the weeks it would be tested on."""
    models = [f for f in chosen if isinstance(f, Dexposure)]
    if not models:
        return {}
    about = models[0].about
    own = about["data"].get("content_hash") == store.manifest.content_hash
    if own and about["trained_until"] >= str(first):
        raise NoModel(f"The model was trained on targets up to {about['trained_until']}, the hold-out starts {first}")
    return about


def _plain(row: Row) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(row).items()}
