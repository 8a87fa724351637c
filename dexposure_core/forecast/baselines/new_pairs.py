"""Who turns to whom for the first time: a count for the pairs never seen, the hazard table for all others.

`three-path`: how many paths p→x←y→q there are on today's network: y shares the debtor x with p, and holds q. Shared
neighbours of p and q, the usual score, find nothing here: holders and issuers hardly share any. `in-degree`: how many
creditors the debtor has, overall, in the creditor's sector, or more of than 12 snapshots ago. A score becomes a
probability by counting: the share of never-seen pairs of that score that came to exist, made to rise with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Final, Literal

import numpy as np

from dexposure_core.forecast.baselines.counting import Curve, along
from dexposure_core.forecast.baselines.hazard import Hazard, cells
from dexposure_core.forecast.baselines.tuning import Cases, Setting
from dexposure_core.forecast.baselines.view import View
from dexposure_core.forecast.known.candidates import in_degree
from dexposure_core.forecast.known.pair_cells import NEVER
from dexposure_core.forecast.known.paths import three_paths
from dexposure_core.forecast.record import Floats
from dexposure_core.network import Basis

Score = Literal["three-path", "in-degree"]
VARIANTS: Final = (0.0, 1.0, 2.0)
GROUPS: Final = (5.0, 10.0, 20.0)
LEANING: Final[tuple[Setting, ...]] = ((4.0, 50.0), (4.0, 10.0))  # depth and pseudo-pairs of the table
GROWTH: Final = 12


@dataclass(frozen=True, kw_only=True)
class NewPairs:
    """Existence; `table` of the pairs seen before, `curves` per (horizon, variant) of those never seen.

    Variants of three-path: the count; per debtor of p; per debtor of p and creditor of q (square root of the product).
    Variants of in-degree: all creditors; those of p's sector; those gained over 12 snapshots.
    """

    score: Score
    table: Hazard = field(default_factory=Hazard)
    curves: Mapping[tuple[int, float], Curve] = field(default_factory=dict)

    def settings(self, basis: Basis) -> tuple[Setting, ...]:  # noqa: ARG002
        """Return (variant, groups of the curve, depth and pseudo-pairs of the table)."""
        return tuple((v, g, *lean) for v, g, lean in product(VARIANTS, GROUPS, LEANING))

    def learn(self, training: Cases, validation: Cases, horizons: Sequence[int]) -> NewPairs:
        """Return it with the training dates counted."""
        curves = {(h, v): Curve.empty() for h in horizons for v in VARIANTS}
        for case in training():
            new = cells(case.view)[0] == NEVER
            for v in VARIANTS:
                score = self.scores(case.view, v)[new]
                for h, truth in case.truth.items():
                    curves[h, v] = curves[h, v].with_pairs(score, truth.exists[new])
        return replace(self, table=self.table.learn(training, validation, horizons), curves=curves)

    def of(self, view: View, horizon: int, setting: Setting) -> Floats:
        """Return (C,) probabilities."""
        variant, groups, depth, pseudo = setting
        seen = self.table.of(view, horizon, (depth, pseudo))
        new = along(self.curves[horizon, variant].rising(int(groups)), self.scores(view, variant))
        return np.where(cells(view)[0] == NEVER, new, seen)

    def scores(self, view: View, variant: float) -> Floats:
        """Return (C,) the score of every listed pair: log(1 + count), stretched to the scale it is counted on."""
        make = _paths if self.score == "three-path" else _degrees
        found: Floats = view.kept((self.score, variant), lambda: make(view, variant))
        return found


def _degrees(view: View, variant: float) -> Floats:
    past, debtor = view.past, view.key % view.size
    if variant == VARIANTS[1]:
        sector = np.unique(past.origin.sectors.astype(str), return_inverse=True)[1].astype(np.int64)
        count = np.bincount(sector[past.origin.creditor] * view.size + past.origin.debtor, minlength=1)
        at = sector[view.key // view.size] * view.size + debtor
        return np.log1p(np.where(at < len(count), count[np.minimum(at, len(count) - 1)], 0)) * 4.0
    degree = in_degree(past, 0) if past.size else np.zeros(1, dtype=np.int64)
    if variant == VARIANTS[2]:
        degree = np.maximum(degree - in_degree(past, min(GROWTH, past.length - 1)), 0)
    return np.log1p(degree[debtor]) * 4.0


def _paths(view: View, variant: float) -> Floats:
    origin = view.past.origin
    n = view.size
    count: Floats = view.kept("three paths", lambda: three_paths(origin, view.key // n, view.key % n))
    if variant == VARIANTS[0]:
        return np.log1p(count) * 2.0
    holds = np.maximum(np.bincount(origin.creditor, minlength=view.size), 1)[view.key // view.size]
    held = np.maximum(np.bincount(origin.debtor, minlength=view.size), 1)[view.key % view.size]
    return np.log1p(count / (holds if variant == VARIANTS[1] else np.sqrt(holds * held))) * 4.0
