"""The hazard table: how often pairs like this one died, came back or were born. Counted, not trained.

Cells are nested (`pair_cells`). How far down the nest to go and how much an inner cell leans on the outer one is tuned
on the validation dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Final

import numpy as np

from dexposure_core.forecast.baselines.counting import Cells
from dexposure_core.forecast.baselines.memory import mean_size
from dexposure_core.forecast.baselines.tuning import Cases, Setting
from dexposure_core.forecast.baselines.view import View
from dexposure_core.forecast.known.pair_cells import SHAPE, Codes, pair_cells
from dexposure_core.forecast.record import Floats
from dexposure_core.network import Basis

DEPTHS: Final = (1, 2, 3, 4)
PSEUDO: Final = (2.0, 10.0, 50.0, 200.0)


@dataclass(frozen=True, kw_only=True)
class Hazard:
    """Existence by the table; `tables` per horizon, empty before it has counted."""

    tables: Mapping[int, Cells] = field(default_factory=dict)

    def settings(self, basis: Basis) -> tuple[Setting, ...]:  # noqa: ARG002
        """Return (depth, pseudo-pairs)."""
        return tuple(product(map(float, DEPTHS), PSEUDO))

    def learn(self, training: Cases, validation: Cases, horizons: Sequence[int]) -> Hazard:  # noqa: ARG002
        """Return it with the training dates counted."""
        tables = {h: Cells.empty(SHAPE) for h in horizons}
        for case in training():
            codes = cells(case.view)
            for h, truth in case.truth.items():
                tables[h] = tables[h].with_pairs(codes, truth.exists)
        return replace(self, tables=tables)

    def of(self, view: View, horizon: int, setting: Setting) -> Floats:
        """Return (C,) probabilities."""
        depth = int(setting[0])
        return np.asarray(self.tables[horizon].rates(depth, setting[1])[cells(view)[:depth]])


def cells(view: View) -> Codes:
    """Return the four codes of each listed pair, (C,) each."""
    codes: Codes = view.kept("hazard cells", lambda: pair_cells(view.past, view.memory, view.key, mean_size(view, 0.0)))
    return codes
