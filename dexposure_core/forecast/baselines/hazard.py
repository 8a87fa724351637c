"""The hazard table: how often pairs like this one died, came back or were born. Counted, not trained.

Cells are nested: the pair's state; then its age (of a living pair), its gap (of one seen before) or the younger end's
age (of one never seen); then in how many of the last 12 snapshots it was there, on the flow basis this way and either
way; then its size when last seen. How far down the nest to go and how much an inner cell leans on the outer one is
tuned on the validation dates.
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
from dexposure_core.forecast.candidates import mirrored
from dexposure_core.forecast.record import Flags, Floats, Indices
from dexposure_core.forecast.window import MEMORY
from dexposure_core.network import Basis

STATES: Final = 5  # now; now the other way; seen this way; seen the other way only; never seen
TIMES: Final = (1, 2, 4, 8, 16, 32)  # snapshots of age or gap
SHARES: Final = (0.01, 0.26, 0.51, 0.76, 0.99)  # of the last 12 snapshots
SIZES: Final = tuple(float(np.log(10.0) * k) for k in (3, 4, 5, 6, 7, 8))  # log1p of 1,000 to 100 million USD
SHAPE: Final = (STATES, len(TIMES) + 1, (len(SHARES) + 1) ** 2, len(SIZES) + 1)
DEPTHS: Final = (1, 2, 3, 4)
PSEUDO: Final = (2.0, 10.0, 50.0, 200.0)
NEVER: Final = 4


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


def cells(view: View) -> tuple[Indices, ...]:
    """Return the four codes of each listed pair, (C,) each."""
    codes: tuple[Indices, ...] = view.kept("hazard cells", lambda: _cells(view))
    return codes


def _cells(view: View) -> tuple[Indices, ...]:
    seen, n = view.memory, view.size
    (at, own), (there, other) = seen.find(view.key), seen.find(mirrored(view.key, n))
    last, back = (_of(seen.last, i, f, MEMORY) for i, f in ((at, own), (there, other)))
    if view.flow:
        state = np.select([last == 0, back == 0, own, other], [0, 1, 2, 3], NEVER)
        age = np.maximum(_of(seen.first, at, own, 0), _of(seen.first, there, other, 0))
        gap = np.minimum(last, back)
    else:
        state = np.select([last == 0, own, other], [0, 2, 3], NEVER)
        age, gap = _of(seen.first, at, own, 0), np.where(own, last, back)
    known = np.isfinite(view.past.log_tvl).sum(axis=0) - 1
    youth = np.minimum(known[view.key // n], known[view.key % n]) if len(view.key) else gap
    time = np.select([state <= 1, state == NEVER], [age, youth], gap)
    return state, np.digitize(time, TIMES), _shares(view, (at, own), (there, other)), _size(view)


def _of(values: Indices, at: Indices, found: Flags, otherwise: int) -> Indices:
    return np.where(found, values[at], otherwise) if len(values) else np.full(len(at), otherwise)


def _shares(view: View, here: tuple[Indices, Flags], back: tuple[Indices, Flags]) -> Indices:
    recent = min(12, view.past.length)
    own = _of(view.memory.count12, *here, 0)
    code = np.digitize(own / recent, SHARES)
    if not view.flow:
        return code
    either = np.minimum((own + _of(view.memory.count12, *back, 0)) / recent, 1.0)
    return code * (len(SHARES) + 1) + np.digitize(either, SHARES)


def _size(view: View) -> Indices:
    return np.digitize(mean_size(view, 0.0), SIZES)
