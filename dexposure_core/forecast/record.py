"""What a forecaster says: for every candidate pair a probability and a size, for every protocol a TVL.

A `Forecast` is made from what was known at its origin, so its protocols are those of the origin's
snapshot, in the same order. `exposure_usd` is the size an exposure has IF it exists, as near as can be said
on the log scale, where a small one counts like a large one. Sums in USD are made of few large ones, for which
another size may be nearer: the expected exposure of a pair is probability × `summed_usd`, and a total of TVL the
sum of `summed_tvl_usd`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from dexposure_core.errors import BadOption
from dexposure_core.network import BASES, Basis, Snapshot

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]
AMOUNTS: Final = ("probability", "exposure_usd", "summed_usd", "tvl_usd", "summed_tvl_usd")


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecast:
    """The network expected `horizon_weeks` after `origin`; validated, its arrays read-only.

    Attributes:
        origin: date of the last snapshot that was used.
        horizon_weeks: steps ahead (weeks in a weekly vintage).
        protocols: (N,) unique ids: the protocols of the origin's snapshot.
        creditor: (C,) int, row of the candidate's creditor.
        debtor: (C,) int, row of the candidate's debtor; never equal to `creditor`.
        probability: (C,) 0..1, that the exposure exists at the target date.
        exposure_usd: (C,) USD > 0, its size given that it exists.
        tvl_usd: (N,) USD >= 0, at the target date.
        summed_usd: (C,) USD > 0, the size given existence that sums are made with; None: exposure_usd.
        summed_tvl_usd: (N,) USD >= 0, the TVL that sums are made with; None: tvl_usd.
        basis: which network was forecast.
        forecaster: name of what made it.
        sources: what is forecast, in plain words ("TVL") → what its values come from.

    Raises:
        BadOption: when an array does not fit the others or a value is out of range.
    """

    origin: dt.date
    horizon_weeks: int
    protocols: Texts
    creditor: Indices
    debtor: Indices
    probability: Floats
    exposure_usd: Floats
    tvl_usd: Floats
    summed_usd: Floats = None  # type: ignore[assignment]  # an array once made
    summed_tvl_usd: Floats = None  # type: ignore[assignment]
    basis: Basis = "holdings"
    forecaster: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kinds = {
            "protocols": np.object_, "creditor": np.int64, "debtor": np.int64, **dict.fromkeys(AMOUNTS, np.float64),
        }  # fmt: skip
        for summed, own in (("summed_usd", "exposure_usd"), ("summed_tvl_usd", "tvl_usd")):
            if getattr(self, summed) is None:
                object.__setattr__(self, summed, getattr(self, own))
        for name, kind in kinds.items():
            array: npt.NDArray[Any] = np.array(getattr(self, name), dtype=kind)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        for message in _faults(self):
            raise BadOption(f"Forecast of {self.origin}: {message}")

    def expected_usd(self) -> Floats:
        """Return (C,) USD: probability × the size given existence that sums are made with."""
        return self.probability * self.summed_usd


class Forecaster(Protocol):
    """Anything that can look at the past and say what comes next."""

    @property
    def name(self) -> str:
        """Return the name a user chooses it by."""

    @property
    def version(self) -> str:
        """Return what changes when its forecasts do (the sha256 of a model's weights): part of every cache key."""

    @property
    def needs_fit(self) -> bool:
        """Return whether `fit` must come before `predict`."""

    @property
    def fitted_until(self) -> dt.date | None:
        """Return the last date it has learnt from; None when it has not learnt from this data."""

    def fit(self, history: Sequence[Snapshot]) -> Forecaster:
        """Return a forecaster that has learnt from `history` alone (itself when there is nothing to learn)."""

    def predict(self, history: Sequence[Snapshot], horizon_weeks: int) -> Forecast:
        """Forecast from the last snapshot of `history`, `horizon_weeks` steps ahead.

        Raises:
            NoModel: when it must be fitted first.
        """

    def predict_all(self, history: Sequence[Snapshot], horizons: Sequence[int]) -> dict[int, Forecast]:
        """Return the forecast of each horizon it knows, sharing the work they have in common."""


def check_history(history: Sequence[Snapshot], horizon_weeks: int) -> Snapshot:
    """Return the origin (the last snapshot) after checking order, basis and horizon.

    Raises:
        BadOption: when the history is empty, not in date order or of two bases, or the horizon is < 1.
    """
    if not history:
        raise BadOption("history: at least one snapshot is needed to forecast from; got none")
    if isinstance(horizon_weeks, bool) or not isinstance(horizon_weeks, int) or horizon_weeks < 1:
        raise BadOption(f"horizon_weeks: must be a whole number >= 1, got {horizon_weeks!r}")
    for before, after in pairwise(history):
        if before.date >= after.date:
            raise BadOption(f"history: {after.date} follows {before.date}; give snapshots in date order")
        if before.basis != after.basis:
            raise BadOption(f"history: {after.date} has basis {after.basis}, {before.date} {before.basis}")
    return history[-1]


def distinct(key: Indices) -> Indices:
    """Return the sorted different values; at a million pairs ten times as fast as hashing them (`np.unique`)."""
    ordered = np.sort(key, kind="stable")  # mostly a few sorted runs, which this merges
    return ordered[np.r_[True, ordered[1:] != ordered[:-1]]] if len(ordered) else ordered


def _faults(forecast: Forecast) -> list[str]:
    n, pairs = len(forecast.protocols), len(forecast.probability)
    ends = np.concatenate([forecast.creditor, forecast.debtor])
    sizes = {"exposure_usd": forecast.exposure_usd, "summed_usd": forecast.summed_usd}
    tvls = {"tvl_usd": forecast.tvl_usd, "summed_tvl_usd": forecast.summed_tvl_usd}
    shapes = {(len(forecast.creditor),), (len(forecast.debtor),), (pairs,), *(a.shape for a in sizes.values())}
    checks = [
        (forecast.horizon_weeks >= 1, f"horizon_weeks must be >= 1, got {forecast.horizon_weeks}"),
        (forecast.basis in BASES, f"basis '{forecast.basis}' is not one of {', '.join(BASES)}"),
        (len(set(forecast.protocols)) == n, "protocols must be unique"),
        (
            len(shapes) == 1,
            f"creditor, debtor, probability and {' and '.join(sizes)} differ in length: {sorted(shapes)}",
        ),
        *((a.shape == (n,), f"{name}: expected {n} values, got shape {a.shape}") for name, a in tvls.items()),
        (not ends.size or (ends.min() >= 0 and ends.max() < n), f"creditor and debtor must be rows 0..{n - 1}"),
        (
            not (len(shapes) == 1 and (forecast.creditor == forecast.debtor).any()),
            "a protocol has no exposure to itself",
        ),
        (bool(((forecast.probability >= 0) & (forecast.probability <= 1)).all()), "probability must lie in 0..1"),
        *((_all(a, above=True), f"{name} must be finite and > 0") for name, a in sizes.items()),
        *((_all(a, above=False), f"{name} must be finite and >= 0") for name, a in tvls.items()),
    ]
    faults = [message for fine, message in checks if not fine]
    if not faults and not _once(forecast.creditor * max(n, 1) + forecast.debtor):
        faults.append("every ordered pair may be listed once only")
    return faults


def _once(key: Indices) -> bool:
    """Return whether no key occurs twice; they mostly come sorted."""
    return bool((key[1:] > key[:-1]).all()) or len(distinct(key)) == len(key)


def _all(values: Floats, *, above: bool) -> bool:
    return bool((np.isfinite(values) & ((values > 0) if above else (values >= 0))).all())
