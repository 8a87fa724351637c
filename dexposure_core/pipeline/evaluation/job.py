"""Score forecasters on one stretch of a vintage, each fitted on what lies before it and kept when it is finished."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from dexposure_core.errors import BadOption, NoModel
from dexposure_core.forecast import Dexposure, Forecaster
from dexposure_core.forecast.judging.evaluation import Stage, fitted_before, score
from dexposure_core.forecast.judging.standing import Scored
from dexposure_core.network import Basis, Snapshot
from dexposure_core.pipeline.evaluation.parts import Parts, decode, encode
from dexposure_core.progress import Progress
from dexposure_core.store import Store


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is evaluated, on what, and what was found on the way.

    Attributes:
        store: the vintage.
        forecasters: not yet fitted, in the order of the table.
        bases, horizons: which; steps ahead.
        parts: finished parts.
        progress: told after every origin.
        refit: also fit what comes with weights, on what lies before the first origin.
        notes: what could not be done, in words.
        histories, fits: snapshots and fitted forecasters made so far.
    """

    store: Store
    forecasters: tuple[Forecaster, ...]
    bases: tuple[Basis, ...]
    horizons: tuple[int, ...]
    parts: Parts
    progress: Progress
    refit: bool = False
    notes: list[str] = field(default_factory=list)
    histories: dict[str, list[Snapshot]] = field(default_factory=dict)
    fits: dict[tuple[str, str, dt.date], Forecaster] = field(default_factory=dict)

    def history(self, basis: Basis) -> list[Snapshot]:
        """Return the snapshots of a basis, read once."""
        if basis not in self.histories:
            self.histories[basis] = self.store.snapshots(self.store.dates(basis), basis)
        return self.histories[basis]

    def fitted(self, forecaster: Forecaster, basis: Basis, cut: dt.date) -> Forecaster:
        """Return the forecaster fitted on what lies before `cut`, once."""
        place = (forecaster.name, basis, cut)
        if place not in self.fits:
            self.progress(0, 0, f"{basis}: fitting {forecaster.name}")
            self.fits[place] = self.fit(forecaster, self.history(basis), cut)
        return self.fits[place]

    def fit(self, forecaster: Forecaster, history: Sequence[Snapshot], cut: dt.date) -> Forecaster:
        """Return the forecaster, fitted on the snapshots of `history` before `cut` where it must be (or `refit`)."""
        wanted = for_horizons(forecaster, self.horizons)
        if self.refit:
            return wanted.fit([s for s in history if s.date < cut])
        return fitted_before(wanted, history, cut)

    def scored(self, stage: Stage, cut: dt.date) -> list[Scored]:
        """Return what every forecaster scored on a stage, fitted on dates before `cut`."""
        basis = stage.history[0].basis
        found: list[Scored] = []
        for forecaster in self.forecasters:
            key = {
                "part": "scores", "forecaster": forecaster.name, "model": forecaster.version, "basis": basis,
                "cut": cut, "first": stage.first_origin, "horizons": stage.horizons, "targets": str(stage.targets),
                "refit": self.refit, "seed": stage.seed,
            }  # fmt: skip
            found += decode(self.tried(forecaster, self._scoring(forecaster, basis, stage, cut), key))
        return found

    def tried(self, forecaster: Forecaster, make: Callable[[], list[Any]], key: dict[str, Any]) -> list[Any]:
        """Return a part; one that a baseline cannot do on this vintage is a note, the product's own model raises."""
        try:
            found: list[Any] = self.parts.get(key, make)
        except (BadOption, NoModel) as error:
            if isinstance(forecaster, Dexposure) and not self.refit:
                raise
            self.note(f"{forecaster.name}, {key['basis']} basis: {error}")
            return []
        return found

    def note(self, text: str) -> None:
        """Remember what a reader must be told, once."""
        if text not in self.notes:
            self.notes.append(text)

    def _scoring(self, forecaster: Forecaster, basis: Basis, stage: Stage, cut: dt.date) -> Callable[[], list[Any]]:
        return lambda: encode(score(stage, self.fitted(forecaster, basis, cut), self.progress))


def for_horizons(forecaster: Forecaster, horizons: tuple[int, ...]) -> Forecaster:
    """Return a forecaster that is yet to be fitted set to these horizons, where it has a choice."""
    choosable = is_dataclass(forecaster) and any(f.name == "horizons" for f in fields(forecaster))
    if not choosable or not forecaster.needs_fit:
        return forecaster
    return replace(forecaster, horizons=horizons)  # type: ignore[type-var]
