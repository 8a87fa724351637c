"""Train the forecaster on a vintage and score forecasters on its hold-out, in strict time order."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from dexposure_core import settings
from dexposure_core.errors import NoModel
from dexposure_core.forecast import FORECASTERS, Dexposure, Forecaster, find_forecaster
from dexposure_core.forecast.evaluation import Row
from dexposure_core.forecast.evaluation import evaluate as score
from dexposure_core.forecast.model import FILE, describe
from dexposure_core.forecast.outcomes import split
from dexposure_core.network import Basis, Snapshot
from dexposure_core.pipeline.model_card import write_card
from dexposure_core.progress import Progress, silent
from dexposure_core.store import Store

HORIZONS: Final = (1, 4, 8, 12)
CHECKPOINTS: Final = "training"


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
        history = _history(store, basis)
        rows += score(history, chosen, tuple(horizons or HORIZONS), first, progress=progress)
    return {
        "vintage": store.vintage, "simulated": store.manifest.simulated, "first_origin": str(first),
        "origins": sum(d >= first for d in store.dates(bases[0])) - min(horizons or HORIZONS),
        "trained_on": describe(about) if about else "", "rows": [_plain(row) for row in rows],
    }  # fmt: skip


def train(
    store: Store,
    model_dir: Path | None = None,
    *,
    seed: int = 7,
    epochs: int | None = None,
    progress: Progress = silent,
    score_it: bool = True,
) -> dict[str, Any]:
    """Train the model on both bases of a vintage, write the weights, score them and write the model card.

    A run that was killed is resumed by the same command. Existing weights are replaced only at the end.

    Args:
        store: the vintage.
        model_dir: folder of the weights and the card; None: the setting.
        seed: decides everything that is drawn.
        epochs: at most so many passes; None: the recipe's.
        progress: told after every origin.
        score_it: also evaluate on the hold-out, for the card.

    Returns the path of the weights, model (sha256), vintage, seed, trained_until, test_from, passes.

    Raises:
        BadOption: when the vintage is too short to train on.
    """
    from dexposure_core.forecast.training import train as fit
    from dexposure_core.forecast.weights import write

    folder = model_dir or settings.load().model_dir
    histories: dict[str, Sequence[Snapshot]] = {basis: _history(store, basis) for basis in store.bases()}
    kept = settings.load().cache_dir / CHECKPOINTS
    trained = fit(histories, seed=seed, epochs=epochs, data=_data(store), checkpoints=kept, progress=progress)
    weights = write(folder / FILE, trained.networks, trained.about)
    rows = evaluate(store, progress=progress, model_dir=folder)["rows"] if score_it else []
    write_card(folder, weights.about, weights.digest, rows)
    told = {key: weights.about[key] for key in ("seed", "trained_until", "test_from", "passes")}
    return {"weights": str(folder / FILE), "model": weights.digest, "vintage": store.vintage, **told}


def _data(store: Store) -> dict[str, Any]:
    manifest = store.manifest
    return {"vintage": store.vintage, "content_hash": manifest.content_hash, "simulated": manifest.simulated}


def _history(store: Store, basis: Basis) -> list[Snapshot]:
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
