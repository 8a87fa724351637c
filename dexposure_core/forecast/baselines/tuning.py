"""How every fitted baseline is fitted: it counts on the training dates and is tuned on the validation dates.

A baseline is three parts: does the pair exist, how large is it, how large is a protocol's TVL. Each part offers at
most `BUDGET` settings per basis; for each horizon the one with the least loss on the validation dates is taken
(log loss of existence, absolute error of log1p USD otherwise; the earlier of equals). Nothing is refitted afterwards.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

import numpy as np

from dexposure_core.errors import BadOption, NoModel
from dexposure_core.forecast.base import HORIZONS
from dexposure_core.forecast.baselines.view import Case, Truth, View
from dexposure_core.forecast.judging.outcomes import Split, fit_split
from dexposure_core.forecast.known.candidates import exclusive
from dexposure_core.forecast.record import Floats, Forecast, check_history
from dexposure_core.network import Basis, Snapshot

BUDGET: Final = 20  # settings a baseline may try per basis, horizon and target
MOST_ORIGINS: Final = 120  # training origins, evenly spaced: neighbouring weeks tell nearly the same
LARGE: Final = 20_000  # exposures today from which a quarter of the origins do
CLIP: Final = 1e-4  # probabilities count as at least this far from 0 and 1 when their log loss is taken
LEAST_LOG_USD: Final = 1e-6
MOST_LOG_USD: Final = 32.0

Setting = tuple[float, ...]
Target = Literal["existence", "size", "tvl"]
TARGETS: Final[tuple[Target, ...]] = ("existence", "size", "tvl")
Cases = Callable[[], Iterator[Case]]


class Part(Protocol):
    """One third of a baseline."""

    def settings(self, basis: Basis) -> Sequence[Setting]:
        """Return what may be chosen, at most BUDGET; the first of equals wins."""

    def learn(self, training: Cases, validation: Cases, horizons: Sequence[int]) -> Part:
        """Return itself with what it counts or trains; `validation` is for early stopping alone."""

    def of(self, view: View, horizon: int, setting: Setting) -> Floats:
        """Return (C,) probabilities, (C,) log1p USD of sizes, or (N,) log1p USD of TVL."""


class Untrained:
    """A part that only looks at the window."""

    def learn(self, training: Cases, validation: Cases, horizons: Sequence[int]) -> Part:  # noqa: ARG002
        """Return itself."""
        return self  # type: ignore[return-value]  # its subclasses are parts


@dataclass(frozen=True, kw_only=True, eq=False)
class Tuned:
    """A baseline of three parts.

    Attributes:
        name: what a user chooses it by.
        existence, size, tvl: the parts.
        everything: list all candidates (else only pairs the window has seen, in either direction on the flow basis).
        code: changes when its forecasts do.
        horizons: steps ahead it is fitted for.
        chosen: per target and horizon the setting that won; empty before `fit`.
        basis: what it was fitted on.
        fitted_until: last date it has seen.
    """

    name: str
    existence: Part
    size: Part
    tvl: Part
    everything: bool = True
    code: str = "1"
    horizons: tuple[int, ...] = HORIZONS
    chosen: Mapping[tuple[Target, int], Setting] | None = None
    basis: Basis | None = None
    fitted_until: dt.date | None = None

    @property
    def needs_fit(self) -> bool:
        """Return whether `fit` must come first."""
        return self.chosen is None

    @property
    def version(self) -> str:
        """Return the version of its code and the last date it was fitted on."""
        return f"{self.code}:{self.fitted_until}" if self.fitted_until else self.code

    def fit(self, history: Sequence[Snapshot]) -> Tuned:
        """Return it fitted: counted on the early dates, tuned on the later ones, all of which it may see.

        Horizons that the early dates do not span are left out.

        Raises:
            BadOption: when they span none.
        """
        last = check_history(history, 1)
        cut = fit_split([s.date for s in history])
        early = sum(s.date < cut.validation_from for s in history)
        horizons = tuple(h for h in self.horizons if h < early)
        if not horizons:
            shortest = min(self.horizons)
            raise BadOption(f"{len(history)} snapshots are too few to fit {self.name} {shortest} steps ahead")

        def training() -> Iterator[Case]:
            return cases(history, cut, horizons, validation=False, everything=self.everything)

        def validation() -> Iterator[Case]:
            return cases(history, cut, horizons, validation=True, everything=self.everything)

        learnt = replace(self, horizons=horizons).learnt(training, validation)
        fitted = replace(self, **learnt, horizons=horizons, basis=last.basis, fitted_until=last.date)  # type: ignore[arg-type]
        return replace(fitted, chosen=_choose(fitted, validation()))

    def learnt(self, training: Cases, validation: Cases) -> dict[Target, Part]:
        """Return the parts after they have counted or been trained."""
        return {t: self.part(t).learn(training, validation, self.horizons) for t in TARGETS}

    def part(self, target: Target) -> Part:
        """Return the part for a target."""
        return {"existence": self.existence, "size": self.size, "tvl": self.tvl}[target]

    def predict(self, history: Sequence[Snapshot], horizon_weeks: int) -> Forecast:
        """Forecast from the last snapshot of `history`.

        Raises:
            NoModel: when it was not fitted, or on the other basis.
            BadOption: when it was not fitted for this horizon.
        """
        check_history(history, horizon_weeks)
        check_fitted(self.name, self.basis, history[-1].basis)
        if horizon_weeks not in self.horizons:
            known = ", ".join(map(str, self.horizons))
            raise BadOption(f"horizon {horizon_weeks}: {self.name} was fitted for {known}; choose one of them")
        return self.predict_all(history, (horizon_weeks,))[horizon_weeks]

    def predict_all(self, history: Sequence[Snapshot], horizons: Sequence[int]) -> dict[int, Forecast]:
        """Return the forecast of each of those horizons it was fitted for."""
        origin = check_history(history, 1)
        check_fitted(self.name, self.basis, origin.basis)
        view = View.of(history, everything=self.everything)
        return {h: self._forecast(view, h) for h in horizons if h in self.horizons}

    def _forecast(self, view: View, horizon: int) -> Forecast:
        chosen = self.chosen or {}
        values = {t: value(self.part(t), t, view, horizon, chosen[t, horizon]) for t in TARGETS}
        return made(self.name, view, horizon, values["existence"], values["size"], values["tvl"])


def made(name: str, view: View, horizon: int, probability: Floats, log_usd: Floats, log_tvl: Floats) -> Forecast:
    """Return the forecast of probabilities (C,), sizes (C,) and TVL (N,) in log1p USD; TVL of nothing stays nothing."""
    origin = view.past.origin
    tvl = np.where(view.log_tvl > 0, np.clip(log_tvl, 0.0, MOST_LOG_USD), 0.0)
    return Forecast(
        origin=origin.date, horizon_weeks=horizon, protocols=origin.protocols, creditor=view.key // view.size,
        debtor=view.key % view.size, probability=np.clip(probability, 0.0, 1.0),
        exposure_usd=np.expm1(np.clip(log_usd, LEAST_LOG_USD, MOST_LOG_USD)), tvl_usd=np.expm1(tvl),
        basis=origin.basis, forecaster=name,
    )  # fmt: skip


def check_fitted(name: str, fitted: Basis | None, wanted: Basis) -> None:
    """Refuse to forecast with a baseline that has not been fitted on this basis.

    Raises:
        NoModel: when it has not.
    """
    if fitted is None:
        raise NoModel(f"The baseline {name} has not been fitted; fit it on the history before the first origin")
    if fitted != wanted:
        raise NoModel(f"The baseline {name} was fitted on the {fitted} basis, not on {wanted}; fit it on this history")


def cases(
    history: Sequence[Snapshot], cut: Split, horizons: Sequence[int], *, validation: bool, everything: bool
) -> Iterator[Case]:
    """Yield the origins one of whose targets lies in the training dates (or in the validation dates), oldest first."""
    for i in origins(history, cut, horizons, validation=validation):
        view = View.of(history[: i + 1], everything=everything)
        goals = {h: history[i + h] for h in horizons if i + h < len(history)}
        truth = {
            h: Truth.of(view, goal) for h, goal in goals.items() if (goal.date >= cut.validation_from) == validation
        }
        yield Case(view=view, truth=truth)


def origins(history: Sequence[Snapshot], cut: Split, horizons: Sequence[int], *, validation: bool) -> list[int]:
    """Return the positions of those origins, evenly thinned to at most MOST_ORIGINS (a quarter of it when large)."""
    dates = [s.date for s in history]

    def useful(i: int) -> bool:
        goals = [dates[i + h] for h in horizons if i + h < len(dates)]
        return any((goal >= cut.validation_from) == validation for goal in goals)

    found = [i for i in range(len(dates)) if useful(i)]
    most = MOST_ORIGINS if len(history[-1].exposure_usd) < LARGE else MOST_ORIGINS // 4
    step = -(-len(found) // most)
    return found[::-1][::step][::-1]


def value(part: Part, target: Target, view: View, horizon: int, setting: Setting) -> Floats:
    """Return what a part says; the two directions of a flow never sum to more than 1."""
    said = part.of(view, horizon, setting)
    return exclusive(said, view.mirror) if target == "existence" and view.flow else said


def loss(target: Target, said: Floats, truth: Truth) -> float:
    """Return the sum of log losses of probabilities, or of absolute errors of log1p USD where there is a truth."""
    if target == "existence":
        p = np.clip(said, CLIP, 1.0 - CLIP)
        return float(-np.log(np.where(truth.exists, p, 1.0 - p)).sum())
    if target == "size":
        return float(np.abs(said - truth.log_usd)[truth.exists].sum())
    return float(np.abs(said - truth.log_tvl)[truth.known].sum())


def _choose(fitted: Tuned, validation: Iterator[Case]) -> dict[tuple[Target, int], Setting]:
    basis = fitted.basis or "holdings"
    offered = {t: list(fitted.part(t).settings(basis)) for t in TARGETS}
    total = {(t, h): np.zeros(len(offered[t])) for t in TARGETS for h in fitted.horizons}
    if all(len(settings) == 1 for settings in offered.values()):
        return {(t, h): offered[t][0] for t, h in total}
    for case in validation:
        for t, settings in offered.items():
            for k, setting in enumerate(settings):
                for h, truth in case.truth.items():
                    total[t, h][k] += loss(t, value(fitted.part(t), t, case.view, h, setting), truth)
    return {(t, h): offered[t][int(np.argmin(lost))] for (t, h), lost in total.items()}
