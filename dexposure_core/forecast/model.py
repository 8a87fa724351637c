"""The DeXposure forecaster: memory, corrected by a graph encoder where the training weeks gave reason to.

torch is imported when a forecast is first asked for, never before: listing forecasters, the baselines and
every page that does not forecast stay light.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dexposure_core import settings
from dexposure_core.errors import BadOption, NoModel
from dexposure_core.forecast.candidates import candidates, mirrored
from dexposure_core.forecast.features import Features, features
from dexposure_core.forecast.header import read_header
from dexposure_core.forecast.record import Floats, Forecast, check_history
from dexposure_core.forecast.window import window
from dexposure_core.network import Snapshot

if TYPE_CHECKING:
    from dexposure_core.forecast.weights import Weights

FILE: Final = "dexposure.safetensors"
LARGEST_LOG_USD: Final = 32.0  # log1p of 79 trillion USD: no exposure or TVL is forecast above it
SMALLEST_LOG_USD: Final = 1e-6


@dataclass(frozen=True)
class Dexposure:
    """The trained model as a forecaster.

    Attributes:
        name: "dexposure".
        model_dir: folder of the weights; None: the setting `model_dir` (those shipped with the product).
        trained: weights in memory, as `fit` returns them; they win over `model_dir`.
    """

    name: str = "dexposure"
    model_dir: Path | None = None
    trained: Weights | None = None

    @property
    def path(self) -> Path:
        """Return where the weights are read from."""
        return (self.model_dir or settings.load().model_dir) / FILE

    @property
    def version(self) -> str:
        """Return the sha256 of the weights (read without torch)."""
        return self.trained.digest if self.trained else read_header(self.path)[1]

    @property
    def needs_fit(self) -> bool:
        """Return False: weights are shipped, or it says which command makes them."""
        return False

    @property
    def fitted_until(self) -> dt.date | None:
        """Return the last date seen by `fit`; None for weights read from a file, whose data may be another's."""
        return dt.date.fromisoformat(self.trained.about["trained_until"]) if self.trained else None

    @property
    def about(self) -> dict[str, Any]:
        """Return what the model says of itself: data, dates, horizons, seed (read without torch).

        Raises:
            NoModel: when the weights are missing, damaged or made for other features.
        """
        return self.trained.about if self.trained else read_header(self.path)[0]

    def weights(self) -> Weights:
        """Return the weights, read once per file.

        Raises:
            NoModel: when they are missing, damaged or made for other features.
        """
        return self.trained or _read(self.path, self.version)

    def fit(self, history: Sequence[Snapshot], seed: int = 7, epochs: int | None = None) -> Dexposure:
        """Return a forecaster trained on `history` alone, in strict time order (seconds to minutes)."""
        from dexposure_core.forecast.training import train

        trained = train({check_history(history, 1).basis: history}, seed=seed, epochs=epochs)
        return replace(self, trained=trained)

    def predict(self, history: Sequence[Snapshot], horizon_weeks: int) -> Forecast:
        """Forecast every candidate pair and protocol at one of the horizons the model was trained for.

        Raises:
            NoModel: without weights, or when they were not trained on this basis.
            BadOption: when the model has no such horizon.
        """
        check_history(history, horizon_weeks)
        horizons = self.about["horizons"]
        if horizon_weeks not in horizons:
            raise BadOption(
                f"horizon {horizon_weeks}: the model knows {', '.join(map(str, horizons))}; choose one of them"
            )
        return self.predict_all(history, (horizon_weeks,))[horizon_weeks]

    def predict_all(self, history: Sequence[Snapshot], horizons: Sequence[int] | None = None) -> dict[int, Forecast]:
        """Return the forecasts of those horizons it knows (None: all) from one pass over the origin."""
        origin = check_history(history, 1)
        weights = self.weights()
        if origin.basis not in weights.networks:
            raise NoModel(
                f"The model was not trained on the {origin.basis} basis; run `dexposure train` on this vintage"
            )
        past = window(history)
        n = max(past.size, 1)
        given = features(past, candidates(past))
        probability, size, tvl = _score(weights, given, origin)
        factor = weights.networks[origin.basis].mean_factor.numpy()
        return {
            h: Forecast(
                origin=origin.date, horizon_weeks=h, protocols=origin.protocols, creditor=given.key // n,
                debtor=given.key % n, probability=probability[:, k], exposure_usd=size[:, k],
                tvl_usd=tvl[:, k], basis=origin.basis, forecaster=self.name, mean_factor=float(factor[k]),
            )
            for k, h in enumerate(weights.about["horizons"])
            if horizons is None or h in horizons
        }  # fmt: skip


@lru_cache(maxsize=4)
def _read(path: Path, digest: str) -> Weights:  # noqa: ARG001  a changed file is another key
    from dexposure_core.forecast.weights import read

    return read(path)


def _score(weights: Weights, given: Features, origin: Snapshot) -> tuple[Floats, Floats, Floats]:
    """Return probability (C, H), size in USD (C, H) and TVL in USD (N, H) of every horizon of the model."""
    import torch

    from dexposure_core.forecast.examples import batch
    from dexposure_core.forecast.heads import sized

    network = weights.networks[origin.basis]
    with torch.inference_mode():
        exists, size, tvl = network(batch(given, origin, weights.about["sectors"]))
        shrink, cell = network.shrink, torch.from_numpy(given.cell)
        logit = (network.table[cell] + shrink[0] * exists).double().numpy()
        log_usd = given.anchor[:, None] + (sized(cell, shrink) * size).double().numpy()
        today = np.log1p(origin.tvl_usd)[:, None]
        log_tvl = np.where(today > 0, today + (shrink[3] * tvl).double().numpy(), 0.0)
    probability = 1.0 / (1.0 + np.exp(-logit))
    if origin.basis == "flow":
        probability = exclusive(probability, given, len(origin.protocols))
    return (
        probability,
        np.expm1(np.clip(log_usd, SMALLEST_LOG_USD, LARGEST_LOG_USD)),
        np.expm1(np.clip(log_tvl, 0.0, LARGEST_LOG_USD)),
    )


def exclusive(probability: Floats, given: Features, n: int) -> Floats:
    """Return probabilities (C, H) scaled so that the two directions of a pair sum to at most 1."""
    if not len(given.key):
        return probability
    back = mirrored(given.key, n)
    at = np.minimum(np.searchsorted(given.key, back), len(given.key) - 1)
    other = np.where((given.key[at] == back)[:, None], probability[at], 0.0)
    return probability / np.maximum(1.0, probability + other)


def describe(about: dict[str, Any]) -> str:
    """Return one sentence: what the model was trained on."""
    data = about.get("data", {})
    kind = "simulated" if data.get("simulated") else "the given"
    name = f" (vintage {data['vintage']})" if data.get("vintage") else ""
    return f"trained on {kind} data{name}, targets up to {about['trained_until']}, seed {about['seed']}"
