"""Train the forecaster on a vintage, in strict time order, and write its weights and its model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dexposure_core import settings
from dexposure_core.forecast import Dexposure
from dexposure_core.forecast.intervals import uncertainty as past_misses
from dexposure_core.forecast.intervals.uncertainty import Uncertainty, merged
from dexposure_core.forecast.learning.recipe import CPU, LARGE
from dexposure_core.forecast.model import FILE
from dexposure_core.network import Snapshot
from dexposure_core.pipeline.allocator import give_back, keep_freed
from dexposure_core.pipeline.apart import apart
from dexposure_core.pipeline.forecasting.evaluate import evaluate, history_of
from dexposure_core.pipeline.forecasting.model_card import write_card
from dexposure_core.pipeline.forecasting.uncertainty import learn
from dexposure_core.progress import Progress, silent
from dexposure_core.store import Store

if TYPE_CHECKING:
    from dexposure_core.forecast.learning.training import Fitted, Run
    from dexposure_core.forecast.weights import Weights

CHECKPOINTS: Final = "training"
SCORED: Final = ("persistence", "pair-memory", "ewma", "hazard", "three-path", "dexposure")


def train(
    store: Store,
    model_dir: Path | None = None,
    *,
    seed: int = 7,
    epochs: int | None = None,
    progress: Progress = silent,
    score_it: bool = True,
    intervals: bool = True,
    device: str = CPU,
) -> dict[str, Any]:
    """Train the model on both bases of a vintage, write the weights, score them and write the model card.

    A run that was killed is resumed by the same command. Existing weights are replaced only at the end.

    Args:
        store: the vintage.
        model_dir: folder of the weights and the card; None: the setting.
        seed: decides everything that is drawn.
        epochs: at most so many passes; None: the recipe's.
        progress: told after every origin.
        score_it: also evaluate on the hold-out beside the counting baselines, for the card. `dexposure evaluate --keep`
            puts all baselines on it.
        intervals: also learn from past misses, so that forecasts have intervals.
        device: where the passes are made, one of `forecast.learning.place.PLACES`.

    Returns the path of the weights, model (sha256), vintage, seed, trained_until, test_from, passes, device.

    Raises:
        BadOption: when the vintage is too short to train on, or the device is not there or has too little memory.
    """
    from dexposure_core.forecast.learning.place import chosen
    from dexposure_core.forecast.weights import write

    place = chosen(device)
    keep_freed()
    folder = model_dir or settings.load().model_dir
    histories: dict[str, Sequence[Snapshot]] = {basis: history_of(store, basis) for basis in store.bases()}
    trained = _trained(store, histories, progress, seed=seed, epochs=epochs, device=place)
    weights = write(folder / FILE, trained.networks, trained.about)
    if intervals:
        learnt = apart(_learnt, _pasts(folder, histories, weights.about), _workers(histories), progress)
        past_misses.write(folder / past_misses.FILE, merged(learnt))
    give_back()  # processes of their own score them
    rows = evaluate(store, SCORED, progress=progress, model_dir=folder)["rows"] if score_it else []
    write_card(folder, weights.about, weights.digest, rows)
    told = {key: weights.about[key] for key in ("seed", "trained_until", "test_from", "passes")}
    told["device"] = weights.about.get("device", CPU)
    return {"weights": str(folder / FILE), "model": weights.digest, "vintage": store.vintage, **told}


def _trained(
    store: Store, histories: Mapping[str, Sequence[Snapshot]], progress: Progress, **options: Any
) -> Weights:  # fmt: skip
    """Train, a basis a process; unfinished runs are kept beside the forecasts."""
    from dexposure_core.forecast.learning.training import train as fit

    def each(_: Any, runs: Sequence[Run]) -> list[Fitted]:
        return apart(_fitted, runs, _workers(histories), progress)

    kept = settings.load().cache_dir / CHECKPOINTS
    return fit(histories, data=_data(store), checkpoints=kept, each=each, **options)


def _workers(histories: Mapping[str, Sequence[Snapshot]]) -> int:
    """Return how many bases are worked on at a time: networks of full size keep all cores and the memory busy alone."""
    large = any(len(history[-1].exposure_usd) >= LARGE for history in histories.values())
    return 1 if large else settings.processors()


def _fitted(run: Run, progress: Progress) -> Fitted:
    return replace(run, progress=progress).fit()


@dataclass(frozen=True)
class _Past:
    """Weights, and the snapshots of a basis before their hold-out."""

    folder: Path
    history: dict[str, Sequence[Snapshot]]
    horizons: Sequence[int]


def _learnt(past: _Past, progress: Progress) -> Uncertainty:
    return learn(Dexposure(model_dir=past.folder), past.history, past.horizons, progress=progress)


def _pasts(folder: Path, histories: Mapping[str, Sequence[Snapshot]], about: Mapping[str, Any]) -> list[_Past]:
    before = {basis: [s for s in own if str(s.date) < about["test_from"]] for basis, own in histories.items()}
    return [_Past(folder, {basis: own}, about["horizons"]) for basis, own in before.items()]


def _data(store: Store) -> dict[str, Any]:
    manifest = store.manifest
    return {"vintage": store.vintage, "content_hash": manifest.content_hash, "simulated": manifest.simulated}
