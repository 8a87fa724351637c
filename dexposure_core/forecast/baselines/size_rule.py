"""The size rule: a pair exists later if it is large enough.

Its size is the one last seen, or the typical one: the mean log1p USD over the last 12 snapshots, 0 where it was
absent. Either a cut-off splits the pairs in two, or ten equally full bins do; each side's P(exists) is the share
counted on the training dates. Which size and which cut-off is tuned on the validation dates. On the flow basis P is
that of the pair in either direction, shared between the two by how often it went each way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Final

import numpy as np

from dexposure_core.forecast.baselines.counting import Curve, fine
from dexposure_core.forecast.baselines.memory import listed, mean_size, turned_here
from dexposure_core.forecast.baselines.tuning import Cases, Setting
from dexposure_core.forecast.baselines.view import Truth, View
from dexposure_core.forecast.record import Flags, Floats
from dexposure_core.network import Basis

LAST: Final = 0.0
TYPICAL: Final = 1.0
RECENT: Final = 12
BINS: Final = 0.0  # in place of a cut-off: ten bins
CUTS: Final = tuple(k / 10 for k in range(1, 10))  # shares of the training pairs below the cut-off


@dataclass(frozen=True, kw_only=True)
class SizeRule:
    """Existence by size; `curves` per (horizon, size), empty before it has counted."""

    curves: Mapping[tuple[int, float], Curve] = field(default_factory=dict)

    def settings(self, basis: Basis) -> tuple[Setting, ...]:  # noqa: ARG002
        """Return (which size, cut-off or bins)."""
        return tuple(product((LAST, TYPICAL), (BINS, *CUTS)))

    def learn(self, training: Cases, validation: Cases, horizons: Sequence[int]) -> SizeRule:  # noqa: ARG002
        """Return it with the training dates counted."""
        curves = {(h, kind): Curve.empty() for h in horizons for kind in (LAST, TYPICAL)}
        for case in training():
            for h, truth in case.truth.items():
                exists = either_way(case.view, truth)
                for kind in (LAST, TYPICAL):
                    curves[h, kind] = curves[h, kind].with_pairs(measured(case.view, kind), exists)
        return replace(self, curves=curves)

    def of(self, view: View, horizon: int, setting: Setting) -> Floats:
        """Return (C,) probabilities."""
        kind, form = setting
        curve, size = self.curves[horizon, kind], measured(view, kind)
        edges = [curve.quantile(share) for share in (CUTS if form == BINS else (form,))]
        p = curve.between(edges)[np.searchsorted(edges, fine(size), side="right")]
        return np.asarray(p * turned_here(view, math.inf)) if view.flow else p


def measured(view: View, kind: float) -> Floats:
    """Return (C,) log1p USD of each pair: last seen, or typical."""
    if kind == LAST:
        return mean_size(view, 0.0)

    def make() -> Floats:
        series = view.sized
        recent = (series.lag < RECENT) / min(RECENT, series.length)
        return listed(view, series.sums(recent, series.log_usd), 0.0)

    typical: Floats = view.kept("typical size", make)
    return typical


def either_way(view: View, truth: Truth) -> Flags:
    """Return (C,) whether each pair came to exist; on the flow basis in either direction."""
    if not view.flow or not len(view.key):
        return truth.exists
    return truth.exists | ((view.mirror >= 0) & truth.exists[view.mirror])
