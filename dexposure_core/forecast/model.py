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

from dexposure_core import settings
from dexposure_core.errors import BadOption, NoModel
from dexposure_core.forecast.header import read_header
from dexposure_core.forecast.judging.outcomes import fit_split
from dexposure_core.forecast.known.offered import Offered
from dexposure_core.forecast.record import AMOUNTS, Forecast, check_history
from dexposure_core.network import Snapshot

if TYPE_CHECKING:
    from dexposure_core.forecast.weights import Weights

FILE: Final = "dexposure.safetensors"


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
        """Return a forecaster trained on `history` alone, its last dates for validation (seconds to minutes)."""
        from dexposure_core.forecast.learning.training import train

        cut = fit_split([s.date for s in history])
        trained = train({check_history(history, 1).basis: history}, seed=seed, epochs=epochs, cut=cut)
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
        if origin.basis not in self.about["bases"]:
            raise NoModel(
                f"The model was not trained on the {origin.basis} basis; run `dexposure train` on this vintage"
            )
        offered = Offered(history)
        weights = self.weights()
        from dexposure_core.forecast.scoring import scored, sources

        n, network = max(offered.past.size, 1), weights.networks[origin.basis]
        said = scored(weights, offered)
        return {
            h: Forecast(
                origin=origin.date, horizon_weeks=h, protocols=origin.protocols, basis=origin.basis,
                creditor=said.key // n, debtor=said.key % n, forecaster=self.name, sources=sources(network, k),
                **{name: getattr(said, name)[:, k] for name in AMOUNTS},
            )
            for k, h in enumerate(weights.about["horizons"])
            if horizons is None or h in horizons
        }  # fmt: skip


@lru_cache(maxsize=4)
def _read(path: Path, digest: str) -> Weights:  # noqa: ARG001  a changed file is another key
    from dexposure_core.forecast.weights import read

    return read(path)


def describe(about: dict[str, Any]) -> str:
    """Return one sentence: what the model was trained on."""
    data = about.get("data", {})
    kind = "simulated" if data.get("simulated") else "the given"
    name = f" (vintage {data['vintage']})" if data.get("vintage") else ""
    return f"trained on {kind} data{name}, targets up to {about['trained_until']}, seed {about['seed']}"
