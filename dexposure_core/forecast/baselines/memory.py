"""Exponentially weighted means over the window: of existence, of sizes, of TVL.

A snapshot `lag` steps back counts ½^(lag / half-life); half-life 0 is the origin alone (for sizes and TVL: the value
last seen), infinity the plain mean over the window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from dexposure_core.forecast.baselines.tuning import Setting, Untrained
from dexposure_core.forecast.baselines.view import View
from dexposure_core.forecast.known.candidates import mirrored
from dexposure_core.forecast.record import Floats, Indices
from dexposure_core.network import Basis

FADES: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 26.0, 52.0, math.inf)
FLOW_FADES: Final = (0.0, 2.0, 4.0, 8.0, 16.0, math.inf)
TURNS: Final = (2.0, 8.0, math.inf)
SIZES: Final = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 52.0)


def weights(lag: Floats | Indices, half_life: float) -> Floats:
    """Return the weight of each lag, 1 at lag 0."""
    if half_life == 0:
        return np.asarray(lag == 0, dtype=np.float64)
    return np.asarray(0.5 ** (lag / half_life))


def frequency(view: View, half_life: float, *, back: bool = False) -> Floats:
    """Return (C,) Σ of the weights of the snapshots that had the pair (`back`: the other way round)."""

    def make() -> Floats:
        series = view.directed
        total = series.sums(weights(series.lag, half_life))
        at = series.at(mirrored(view.key, view.size) if back else view.key)
        return np.asarray(np.where(at >= 0, total[at], 0.0)) if len(total) else np.zeros(len(view.key))

    counted: Floats = view.kept(("frequency", half_life, back), make)
    return counted


def turned_here(view: View, half_life: float) -> Floats:
    """Return (C,) the share of a flow pair's past in this direction: (n + ½) / (n + n' + 1) with weighted counts."""
    own, other = frequency(view, half_life), frequency(view, half_life, back=True)
    return (own + 0.5) / (own + other + 1.0)


def mean_size(view: View, half_life: float) -> Floats:
    """Return (C,) weighted mean log1p USD while it existed (on flow either way); the creditor's mean when never."""

    def make() -> Floats:
        series = view.sized
        # Weights count from when the pair was last seen: half-life 0 is then its last size.
        weight = weights(series.lag - series.last[series.entry], half_life)
        return listed(view, series.sums(weight, series.log_usd) / series.sums(weight), view.typical)

    mean: Floats = view.kept(("size", half_life), make)
    return mean


def listed(view: View, values: Floats, otherwise: Floats | float) -> Floats:
    """Return (C,) the values (K,) of `view.sized` for the listed pairs."""
    if not len(values):
        return np.broadcast_to(np.asarray(otherwise, dtype=np.float64), view.key.shape).copy()
    return np.where(view.sized_at >= 0, values[view.sized_at], otherwise)


@dataclass(frozen=True)
class FadingExistence(Untrained):
    """How often the pair was there, recent snapshots counting more.

    On the flow basis the pair is remembered in either direction and then shared between the two:
    P(p→q) = (e_pq + e_qp) · share in this direction, which may fade at another pace.
    """

    def settings(self, basis: Basis) -> tuple[Setting, ...]:
        """Return half-lives: of existence, and on flows of the direction."""
        return tuple(product(FLOW_FADES, TURNS)) if basis == "flow" else tuple((f,) for f in FADES)

    def of(self, view: View, horizon: int, setting: Setting) -> Floats:  # noqa: ARG002  one answer for all horizons
        """Return (C,) probabilities."""
        whole = weights(np.arange(view.past.length, dtype=np.float64), setting[0]).sum()
        own = frequency(view, setting[0]) / whole
        if not view.flow:
            return np.asarray(own)
        either = np.minimum(own + frequency(view, setting[0], back=True) / whole, 1.0)
        return np.asarray(either * turned_here(view, setting[1]))


@dataclass(frozen=True)
class FadingSize(Untrained):
    """The pair's mean size while it existed."""

    fades: tuple[float, ...] = SIZES

    def settings(self, basis: Basis) -> tuple[Setting, ...]:  # noqa: ARG002
        """Return half-lives."""
        return tuple((f,) for f in self.fades)

    def of(self, view: View, horizon: int, setting: Setting) -> Floats:  # noqa: ARG002
        """Return (C,) log1p USD."""
        return mean_size(view, setting[0])


@dataclass(frozen=True)
class FadingTvl(Untrained):
    """The protocol's mean log TVL over the snapshots in which it had any."""

    fades: tuple[float, ...] = SIZES

    def settings(self, basis: Basis) -> tuple[Setting, ...]:  # noqa: ARG002
        """Return half-lives."""
        return tuple((f,) for f in self.fades)

    def of(self, view: View, horizon: int, setting: Setting) -> Floats:  # noqa: ARG002
        """Return (N,) log1p USD."""
        log_tvl = np.nan_to_num(view.past.log_tvl)
        weight = weights(np.arange(len(log_tvl), dtype=np.float64), setting[0])[:, None] * (log_tvl > 0)
        total = weight.sum(axis=0)
        mean = np.divide((weight * log_tvl).sum(axis=0), total, out=np.zeros(len(total)), where=total > 0)
        return np.asarray(mean)


LAST_SIZE: Final = FadingSize(fades=(0.0,))
LAST_TVL: Final = FadingTvl(fades=(0.0,))
